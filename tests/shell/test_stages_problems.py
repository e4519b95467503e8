"""Problems from generators and files: found again, seeded, and refused by line and field."""

from __future__ import annotations

import json

import pytest

from fcpref.core.problems import Problem
from fcpref.core.problems.problem import SPLITS
from fcpref.core.tasks import find_task
from fcpref.errors import ProblemError, UsageError
from fcpref.shell import stages
from fcpref.shell.workspace import Workspace
from tests.staged import KNOBS, gsm8k_file


def test_problems_are_found_again_by_id_and_by_the_start_of_it(workspace, problems):
    fresh = Workspace(workspace.root)

    assert problems == fresh.find(problems.id, "problems")
    assert problems == fresh.locate(problems.id[7:15], "problems")
    assert problems == fresh.locate(str(problems.path), "problems")
    assert workspace.local in problems.path.parents
    assert (problems.header.spec) == {
        "task": "fol.deduction",
        "split": "train",
        "seed": 5,
        "knobs": KNOBS,
    }


def test_problems_of_one_set_have_different_texts(workspace):
    made = stages.make_problems(workspace, "math.word", "dev", 12, 1, {"max_steps": 1})

    texts = [problem.text for problem in made.values(Problem)]
    assert len(set(texts)) == len(texts) == 12


def test_a_file_gives_its_rows_of_the_split_in_a_seeded_order(workspace, tmp_path):
    file = gsm8k_file(tmp_path)

    every = stages.make_problems(workspace, "math.gsm8k", "train", None, 1, file=file)
    some = stages.make_problems(workspace, "math.gsm8k", "train", 5, 1, file=file)
    other = stages.make_problems(workspace, "math.gsm8k", "train", 5, 2, file=file)

    assert {problem.split for problem in every.values(Problem)} == {"train"}
    assert set(some.values(Problem)) < set(every.values(Problem))
    assert set(some.values(Problem)) != set(other.values(Problem))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"question": "How many?"}', "line 2: field 'answer' is missing"),
        (b'{"question": 3, "answer": "#### 3"}', "line 2: field 'question' must be a text"),
        (b'{"question": null, "answer": "#### 3"}', "line 2: field 'question' must be a text"),
        (b'{"question": "How many?", "answer": "three"}', "line 2: field 'answer' does not end"),
        (
            b'{"question": "a", "question": "b", "answer": "#### 3"}',
            "line 2: field 'question' is given twice",
        ),
        (b"[1]", "line 2: expected an object, got list"),
        (b"{", "line 2: no JSON"),
        (b'{"question": "How', "line 2: no JSON"),
        (b"hello", "line 2: no JSON"),
        (b"[" * 100_000, "line 2: no JSON that can be read: nested too deep"),
        (b"\xff\x00\x80", "line 2: no JSON"),
        (b'{"question": "caf\xe9", "answer": "#### 3"}', "line 2: no UTF-8"),
    ],
)
def test_a_broken_row_is_named_by_file_line_and_field(workspace, tmp_path, line, said):
    file = gsm8k_file(tmp_path, rows=1)
    file.write_bytes(file.read_bytes() + b"\n" + line + b"\n")

    with pytest.raises(ProblemError, match=said) as caught:
        stages.make_problems(workspace, "math.gsm8k", "train", 1, file=file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"story_id": None}, "field 'story_id' must be a whole number"),
        ({"premises": 5}, "field 'premises' must be sentences"),
        ({"conclusion": " "}, "field 'conclusion' must be a text"),
        ({"label": "Perhaps"}, "field 'label' must be True, False"),
    ],
)
def test_a_broken_row_of_folio_is_named_by_file_line_and_field(workspace, tmp_path, row, said):
    good = {"story_id": 1, "premises": ["A."], "conclusion": "B.", "label": "Unknown"}
    file = tmp_path / "folio.jsonl"
    for broken, what in ((good | row, said), ({**good, **row, "x": 1}, said)):
        file.write_text(f"{json.dumps(good)}\n\n{json.dumps(broken)}\n")
        with pytest.raises(ProblemError) as caught:
            stages.make_problems(workspace, "fol.folio", "train", None, file=file)
        assert f"{file}, line 3: {what}" in str(caught.value)
    for name in good:
        broken = {field: value for field, value in good.items() if field != name}
        file.write_text(f"{json.dumps(good)}\n{json.dumps(broken)}\n")
        with pytest.raises(ProblemError, match=f"line 2: field '{name}' is missing"):
            stages.make_problems(workspace, "fol.folio", "train", None, file=file)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        ("{}".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_without_rows_is_refused(workspace, tmp_path, data, said):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(data)
    with pytest.raises(ProblemError, match=f"{file}: {said}"):
        stages.make_problems(workspace, "math.gsm8k", "train", None, file=file)
    with pytest.raises(ProblemError, match="cannot be read"):
        stages.make_problems(workspace, "math.gsm8k", "train", None, file=tmp_path)


def test_a_byte_order_mark_and_other_line_ends_change_nothing(workspace, tmp_path):
    file = gsm8k_file(tmp_path)
    plain = stages.make_problems(workspace, "math.gsm8k", "train", None, file=file)
    data = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert stages.make_problems(workspace, "math.gsm8k", "train", None, file=file).id == plain.id


def test_a_file_without_a_problem_of_the_split_is_refused(workspace, tmp_path):
    file = gsm8k_file(tmp_path, rows=1)
    (row,) = (find_task("math.gsm8k").read(json.loads(line), 0) for line in file.open())
    for split in {*SPLITS} - {row.split}:
        with pytest.raises(ProblemError, match=f"no problem of split {split}"):
            stages.make_problems(workspace, "math.gsm8k", split, None, file=file)


def test_what_cannot_be_asked_for_is_said(workspace, tmp_path):
    make = stages.make_problems
    with pytest.raises(UsageError, match="give --file"):
        make(workspace, "math.gsm8k", "train", 1)
    with pytest.raises(UsageError, match="there are fol"):
        make(workspace, "fol.nothing", "train", 1)
    with pytest.raises(UsageError, match="there are train, dev, test"):
        make(workspace, "math.word", "exam", 1)
    with pytest.raises(UsageError, match="--count"):
        make(workspace, "math.word", "train", None)
    with pytest.raises(UsageError, match="knob"):
        make(workspace, "math.word", "train", 1, 0, {"stairs": 1})
    with pytest.raises(ProblemError, match="cannot be read"):
        make(workspace, "math.gsm8k", "train", 1, file=tmp_path / "none.jsonl")
    with pytest.raises(ProblemError, match="ask for fewer"):
        make(workspace, "math.gsm8k", "train", 99, file=gsm8k_file(tmp_path))
