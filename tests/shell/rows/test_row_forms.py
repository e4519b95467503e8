"""Rows as others have them become chains, and what is wrong with one is said in a sentence."""

from __future__ import annotations

import json
import shutil

import pytest

from fcpref.core.problems import Problem
from fcpref.errors import ProblemError
from fcpref.shell.importing import import_chats
from tests.imported import imported, problems_of


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
