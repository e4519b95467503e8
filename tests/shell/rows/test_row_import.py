"""Rows of training data that were exported here become chains again."""

from __future__ import annotations

import json

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
from fcpref.shell import stages
from fcpref.shell.chat_logs import _chats
from fcpref.shell.exporting import export_dataset
from fcpref.shell.importing import import_chats, summary
from fcpref.shell.row_files import FileRow
from fcpref.shell.row_tables import RowEncoder
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by, refused
from tests.imported import GRAMMARS, TASKS, imported, problems_of, said
from tests.played import played
from tests.strategies import calls, texts

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
