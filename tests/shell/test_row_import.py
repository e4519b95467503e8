"""Rows of training data become chains again: our own exports, and rows as others have them."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest
from attrs import evolve
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fcpref.cli import main
from fcpref.core.chains import STUDENT, Chain, Turn
from fcpref.core.functions import Outcome
from fcpref.core.functions.grammars import parse, show
from fcpref.core.functions.tool_calls import show_tool_call
from fcpref.core.functions.values import Call
from fcpref.core.pairs import PreferencePair
from fcpref.core.pairs.export import FORMATS, PairFormat, Sample
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import ProblemError
from fcpref.shell import stages
from fcpref.shell.chat_logs import _chats
from fcpref.shell.exporting import export_dataset
from fcpref.shell.importing import import_chats, summary
from fcpref.shell.row_files import FileRow
from fcpref.shell.row_tables import RowEncoder
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by, refused
from tests.exported import chains_of, pairs_of
from tests.played import played
from tests.strategies import calls, texts

GRAMMARS = ("python", "tools")
TASKS = ("fol.deduction", "math.word")
IMPORTED = [
    (name, kind, grammar)
    for name, kind in (
        ("trl", "chain"),
        ("trl", "step"),
        ("trl-sft", ""),
        ("trl-kto", ""),
        ("trl-kto", "chain"),
        ("trl-kto", "step"),
        ("llamafactory", "step"),
        ("llamafactory-sft", ""),
        ("axolotl", "step"),
        ("axolotl-sft", ""),
    )
    for grammar in GRAMMARS
    if grammar == "python" or FORMATS[name].tool_columns is not None
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("work") / "artifacts")


@pytest.fixture(scope="module")
def made(workspace):
    """Return, by task and grammar, chains and pairs of each kind."""
    found = {}
    for task in TASKS:
        for grammar in GRAMMARS:
            chains = chains_of(workspace, grammar, task)
            found[task, grammar, ""] = chains
            for kind in ("chain", "step"):
                found[task, grammar, kind] = pairs_of(workspace, chains, kind)
    return found


def said(chain, end=None):
    return chain.problem, chain.grammar, tuple(turn.reply for turn in chain.turns[:end])


def sides(pair):
    end = pair.shared + 1 if pair.kind == "step" else None
    return said(pair.chosen, end), said(pair.rejected, end)


def expected(workspace, artifact, name):
    if artifact.header.stage == "pairs":
        return {side for pair in artifact.values(PreferencePair) for side in sides(pair)}
    if name == "trl-kto":
        return {said(chain) for chain in artifact.values(Chain)}
    correct = stages.score(workspace, artifact).records
    kept = {
        (one["chain"]["problem"], tuple(turn["reply"] for turn in one["chain"]["turns"]))
        for one in correct
        if one["score"]["verdict"] == "correct"
    }
    return {said(one) for one in artifact.values(Chain) if said(one)[::2] in kept}


def problems_of(workspace, made, task, grammar):
    return workspace.find(made[task, grammar, ""].header.parents[0], "problems")


def imported(done):
    return {said(chain) for artifact in done.chains for chain in artifact.values(Chain)}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("name", "kind", "grammar"), IMPORTED)
@pytest.mark.parametrize("part", ["", "train.jsonl", "train.parquet", "train.json"])
def test_what_was_exported_comes_back(workspace, made, tmp_path, task, name, kind, grammar, part):
    artifact = made[task, grammar, kind]
    folder = export_dataset(workspace, artifact, tmp_path / "set", format=name).folder
    if part == "train.json":
        rows = [json.loads(line) for line in (folder / "train.jsonl").open()]
        (folder / part).write_text(json.dumps(rows, indent=1))
    problems = problems_of(workspace, made, task, grammar)
    done = import_chats(workspace, folder / part if part else folder, problems)
    assert done.skipped == {}
    assert imported(done) == expected(workspace, artifact, name)
    assert sum(one.header.count for one in done.chains) == len(imported(done))
    # A step pair's results after the shared part are not told, and all others were those of here.
    assert done.told_otherwise == 0


def test_what_came_back_is_verified(workspace, made, tmp_path):
    artifact = made["fol.deduction", "tools", "chain"]
    folder = export_dataset(workspace, artifact, tmp_path / "set").folder
    own = Workspace(tmp_path / "artifacts")
    source = problems_of(workspace, made, "fol.deduction", "tools")
    problems = own.write("problems", source.values(Problem), spec=source.header.spec)
    done = import_chats(own, folder, problems)
    scored = [stages.score(own, one) for one in done.chains]
    verdicts = {one["score"]["verdict"] for part in scored for one in part.records}
    assert {"correct", "wrong_answer", "malformed"} <= verdicts
    assert verify(own.root).differences == ()


def test_labels_are_not_believed(workspace, made, tmp_path):
    artifact = made["math.word", "python", "chain"]
    folder = export_dataset(workspace, artifact, tmp_path / "set").folder
    rows = [json.loads(line) for line in (folder / "train.jsonl").open()]
    for row in rows:
        row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    swapped = tmp_path / "swapped.jsonl"
    swapped.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = problems_of(workspace, made, "math.word", "python")
    made_of = [
        {(c.problem, said(c)): c for one in import_chats(workspace, file, problems).chains
         for c in one.values(Chain)}
        for file in (folder / "train.jsonl", swapped)
    ]  # fmt: skip
    assert made_of[0].keys() == made_of[1].keys()
    task = find_task("math.word")
    known = {problem_id(one): one for one in problems.values(Problem)}
    verdicts = [
        {key: task.score(chain, known[chain.problem]).verdict for key, chain in one.items()}
        for one in made_of
    ]
    assert verdicts[0] == verdicts[1]


def test_chats_of_preference_rows_are_one_chain_however_often_they_stand_there(
    workspace, made, tmp_path
):
    artifact = made["fol.deduction", "python", "step"]
    pairs = artifact.values(PreferencePair)
    distinct = {side for pair in pairs for side in sides(pair)}
    folder = export_dataset(workspace, artifact, tmp_path / "set").folder
    done = import_chats(workspace, folder, problems_of(workspace, made, "fol.deduction", "python"))
    assert done.repeated == 2 * len(pairs) - len(distinct) > 0
    assert f"chats that another row has too: {done.repeated}" in summary(done)
    # Of chains by themselves each is a sample.
    twice = tmp_path / "twice.jsonl"
    chat = next(json.loads(line) for line in (folder / "train.jsonl").open())
    row = json.dumps({"messages": chat["prompt"] + chat["chosen"]}) + "\n"
    twice.write_text(row * 2)
    done = import_chats(workspace, twice, problems_of(workspace, made, "fol.deduction", "python"))
    assert sum(one.header.count for one in done.chains) == 2


def chat(problem, replies, told="?"):
    rows = [{"role": "user", "content": problem.text}]
    for reply in replies:
        rows += [{"role": "assistant", "content": reply}, {"role": "user", "content": told}]
    return rows[:-1]


@pytest.fixture
def problem(workspace, made):
    return problems_of(workspace, made, "math.word", "python").values(Problem)[0]


@pytest.fixture
def replies_of(workspace, made, tmp_path):
    """Return a function that writes rows to a file, imports it and returns the replies."""

    def run(*rows, name="rows.jsonl"):
        file = tmp_path / name
        if file.suffix == ".parquet":
            import datasets

            datasets.Dataset.from_list(list(rows)).to_parquet(file)
        else:
            file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        problems = problems_of(workspace, made, "math.word", "python")
        return sorted(
            replies for _, _, replies in imported(import_chats(workspace, file, problems))
        )

    return run


A, B = "Add(a=1, b=2)", "Answer(value=3)"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.parquet"])
def test_rows_as_others_have_them(problem, replies_of, name):
    text = problem.text
    user = {"role": "user", "content": text}
    first, second = ({"role": "assistant", "content": one} for one in (A, B))
    system = {"role": "system", "content": "Call functions."}
    human = {"from": "human", "value": text}
    gpt = [{"from": "gpt", "value": one} for one in (A, B)]
    both = [(A,), (B,)]
    for row, wanted in (
        ({"prompt": [system, user], "chosen": [first], "rejected": [second]}, both),
        ({"chosen": [user, first], "rejected": [user, second]}, both),  # TRL's implicit prompt
        ({"prompt": text, "chosen": [user, first], "rejected": [user, second]}, both),
        ({"prompt": text, "chosen": [first], "rejected": [second]}, both),
        ({"messages": [user, first], "chosen": [user, first], "rejected": [user, second]}, both),
        ({"prompt": [user], "completion": [first], "label": False}, [(A,)]),
        ({"prompt": text, "completion": [first], "label": False}, [(A,)]),
        ({"conversations": [human, gpt[0]], "system": "Call functions."}, [(A,)]),
        ({"conversations": [human], "chosen": gpt[0], "rejected": gpt[1]}, both),
        ({"messages": [system, user], "chosen": first, "rejected": second}, both),
        ({"messages": [user], "chosen": [first], "rejected": [second], "score": 0.5}, both),
        ({"conversations": [{"role": "user", "content": text}, first]}, [(A,)]),
    ):
        assert replies_of(row, name=name) == wanted


def test_sharegpt_calls_are_those_of_the_tools_grammar(problem, replies_of):
    call = '{"name": "Add", "arguments": {"a": 0.10, "b": 1e-3}}'
    row = {
        "conversations": [
            {"from": "human", "value": problem.text},
            {"from": "function_call", "value": call},
            {"from": "observation", "value": "0.101"},
            {"from": "function_call", "value": "not JSON"},
        ],
        "tools": "[]",
    }
    printed = '{"name": "Add", "arguments": {"a": 0.1, "b": 0.001}}'
    assert replies_of(row) == [(printed, "not JSON")]


@pytest.mark.parametrize("offered", [True, False])
def test_a_side_without_any_call_has_the_grammar_of_its_row(
    workspace, made, problem, tmp_path, offered
):
    function = {"name": "Answer", "arguments": {"value": 3}}
    row = {
        "prompt": [{"role": "user", "content": problem.text}],
        "chosen": {"role": "assistant", "tool_calls": [{"function": function}]},
        "rejected": {"role": "assistant", "content": "It is 3."},
        "tools": [{"type": "function", "function": {"name": "Answer"}}] if offered else None,
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    done = import_chats(workspace, file, problems_of(workspace, made, "math.word", "python"))
    grammars = {replies: grammar for _, grammar, replies in imported(done)}
    assert grammars["It is 3.",] == ("tools" if offered else "python")


def test_null_fields_of_parquet_are_no_arguments(problem, replies_of):
    def call(name, **arguments):
        function = {"name": name, "arguments": arguments}
        return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}

    user = {"role": "user", "content": problem.text}
    result = {"role": "tool", "content": "3"}
    row = {"messages": [user, call("Add", a=1, b=2), result, call("Answer", value=3)]}
    expected = [
        (
            '{"name": "Add", "arguments": {"a": 1, "b": 2}}',
            '{"name": "Answer", "arguments": {"value": 3}}',
        )
    ]
    # `datasets` gives each call the arguments of both, as nulls.
    import datasets

    (read,) = datasets.Dataset.from_list([row])["messages"]
    assert read[1]["tool_calls"][0]["function"]["arguments"] == {"a": 1, "b": 2, "value": None}
    assert replies_of(row, name="rows.parquet") == replies_of(row) == expected


USER = {"role": "user", "content": "x"}
SAID = {"role": "assistant", "content": "y"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"chosen": [USER, SAID]}, "has no rejected; a preference row has both sides"),
        ({"rejected": [USER, SAID]}, "has no chosen; a preference row"),
        ({"prompt": [USER], "chosen": "y", "rejected": "z"}, "chosen is text; rows are read where"),
        ({"prompt": [USER], "chosen": 3, "rejected": 4}, "has no messages, chosen is 3"),
        ({"prompt": [USER], "completion": "y"}, "completion is text"),
        ({"completion": [SAID]}, "a completion and no prompt; give both"),
        ({"prompt": {}, "completion": [SAID]}, "has no messages, prompt is {}"),
        (
            {"prompt": "x", "completions": ["y"], "labels": [True]},
            "is stepwise supervision, whose steps are text and no chat; import",
        ),
        ({"prompt": [USER]}, "has no messages; a row has messages or conversations"),
        ({"conversations": "x"}, 'has no messages, conversations is "x"'),
        ({"conversations": [{"from": "gpt"}]}, "is no message of text"),
        ({"instruction": "x", "output": "y"}, "has no messages; a row has"),
        ({"messages": [USER], "problem": 3}, "problem is no text"),
        ({"messages": None}, "has no messages; a row has"),
        ({"prompt": [USER], "chosen": [], "rejected": []}, "has no assistant turn"),
        ({"prompt": "x", "chosen": [3], "rejected": [4]}, "3 is no message of text"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_a_bad_row_is_one_sentence_that_names_it(
    workspace, made, problem, tmp_path, row, message, suffix
):
    file = tmp_path / f"bad{suffix}"
    good = {"messages": chat(problem, [A, B])}
    if suffix == ".json":
        file.write_text(json.dumps([good, row]))
        place = "row 2"
    else:
        file.write_text(f"{json.dumps(good)}\n\n{json.dumps(row)}\n")
        place = "line 3"
    problems = problems_of(workspace, made, "math.word", "python")
    with pytest.raises(ProblemError) as caught:
        import_chats(workspace, file, problems)
    assert str(caught.value).startswith(f"{file}, {place}: {message}"[:200]) or (
        message in str(caught.value) and f"{file}, {place}: " in str(caught.value)
    )
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("rows.parquet", b"", "is no Parquet that can be read"),
        ("rows.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "is no Parquet that can be read"),
        ("rows.json", b"[]", "is empty; give a list"),
        ("rows.json", b'[{"messages": 3}', "no JSON"),
        ("rows.json", b"[" * 5000, "nested too deep"),
        ("rows.json", b"", "is empty"),
    ],
)
def test_a_bad_file_is_one_sentence(workspace, made, tmp_path, name, data, message):
    file = tmp_path / name
    file.write_bytes(data)
    problems = problems_of(workspace, made, "math.word", "python")
    with pytest.raises(ProblemError, match=message) as caught:
        import_chats(workspace, file, problems)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_an_empty_parquet_and_a_folder_without_rows(workspace, made, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    problems = problems_of(workspace, made, "math.word", "python")
    empty = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"messages": pa.array([], pa.string())}), empty)
    with pytest.raises(ProblemError, match="is empty; give a file with rows"):
        import_chats(workspace, empty, problems)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "dataset_info.json").write_text("{}")
    with pytest.raises(ProblemError, match=r"folder: has no rows; give a folder of .jsonl"):
        import_chats(workspace, tmp_path / "folder", problems)
    with pytest.raises(
        ProblemError, match=r"none.parquet: cannot be read \(No such file or directory\)"
    ):
        import_chats(workspace, tmp_path / "none.parquet", problems)


def test_a_folder_is_read_once_and_its_files_are_named(workspace, made, problem, tmp_path):
    folder = tmp_path / "set" / "data"
    folder.mkdir(parents=True)
    good = json.dumps({"messages": chat(problem, [A, B])}) + "\n"
    other = json.dumps({"messages": [USER, SAID]}) + "\n"
    (folder / "train-00000.jsonl").write_text(good)
    (folder / "train-00001.jsonl").write_text(other + good)
    (folder / ".hidden.jsonl").write_text("no JSON")
    (folder.parent / "README.md").write_text("A card.")
    shutil.copy(folder / "train-00000.jsonl", folder / "train-00000.json")
    problems = problems_of(workspace, made, "math.word", "python")
    done = import_chats(workspace, folder.parent, problems)
    assert done.rows == 3
    assert done.skipped == {
        "no user turn is the text of a problem and the row names none": (
            "data/train-00001.jsonl 1",
        )
    }
    assert sum(one.header.count for one in done.chains) == 2
    (folder / "train-00001.jsonl").write_text(good)
    again = import_chats(workspace, folder.parent, problems)
    assert again.chains[0].header.parents[1] != done.chains[0].header.parents[1]


def test_the_command_takes_a_folder(workspace, made, tmp_path):
    def run(*words):
        return CliRunner().invoke(main, ["--artifacts", str(workspace.root), *map(str, words)])

    artifact = made["math.word", "tools", "step"]
    problems = problems_of(workspace, made, "math.word", "tools").id
    out = tmp_path / "set"
    made_by(run("export", artifact.id, "--format", "llamafactory", "--out", out, "--json"))
    shown = made_by(run("recordings", "import", out, problems, "--json", "--quiet"))
    distinct = {side for pair in artifact.values(PreferencePair) for side in sides(pair)}
    assert sum(one["count"] for one in shown["artifacts"]) == len(distinct)
    assert {one["grammar"] for one in shown["artifacts"]} == {"tools"}
    prm = tmp_path / "prm"
    chains = made["math.word", "python", ""].id
    made_by(run("export", chains, "--format", "trl-prm", "--out", prm, "--json"))
    refused(run("recordings", "import", prm, problems), prm / "train.jsonl", "line 1", "stepwise")


@st.composite
def spoken(draw):
    """Draw the replies of a chain in a grammar: calls as they are printed, and other words."""
    grammar = draw(st.sampled_from(GRAMMARS))
    call = calls().map(lambda one: show(one, grammar)).filter(lambda one: _stands(one, grammar))
    words = texts().filter(lambda one: not isinstance(parse(one, "tools"), Call))
    said = draw(st.lists(st.one_of(call, words), min_size=1, max_size=5))
    return grammar, said


def _stands(text, grammar):
    made = parse(text, grammar)
    return isinstance(made, Call) and show(made, grammar) == text


PROBLEM = find_task("math.word").generate({}, 1, "train", 0)


@given(spoken(), st.sampled_from(["trl", "trl-kto", "llamafactory", "axolotl", "trl-sft"]))
def test_any_replies_come_back_from_a_row(drawn, name):
    grammar, said = drawn
    found = FORMATS[name]
    if grammar == "tools" and found.tool_columns is None:
        name, found = "trl", FORMATS["trl"]
    chain = played(PROBLEM, [], 0, grammar)
    outcome = Outcome(text="a result", code=None)
    turns = tuple(Turn(reply=one, outcome=outcome) for one in said)
    chosen = evolve(chain, turns=turns)
    rejected = evolve(chain, turns=(*turns[:-1], Turn(reply=said[-1] + "!", outcome=outcome)))
    if isinstance(found, PairFormat):
        pair = PreferencePair(
            kind="step", chosen=chosen, rejected=rejected, rejected_verdict="no_answer"
        )
        row, wanted = found.row(pair, PROBLEM, STUDENT), [chosen, rejected]
    else:
        sample = Sample(chain=chosen, verdict=Verdict.CORRECT)
        row, wanted = found.row(sample, PROBLEM, STUDENT), [chosen]
    columns = found.columns if grammar == "python" else found.tool_columns
    data = msgspec.json.decode(RowEncoder(columns).line(row))
    chats = list(_chats("", FileRow("file", 1, "line", data)))
    replies = [[one.text for one in chat.said if one.role == "assistant"] for chat in chats]
    assert replies == [_printed(one) for one in wanted]
    if any(isinstance(parse(one, grammar), Call) for one in said[:-1]):
        assert {chat.grammar for chat in chats} == {grammar}


def _printed(chain):
    """Return replies as the `tools` grammar's structured calls come back: printed in one way."""
    found = []
    for turn in chain.turns:
        call = parse(turn.reply, "tools") if chain.grammar == "tools" else None
        found.append(show_tool_call(call) if isinstance(call, Call) else turn.reply)
    return found
