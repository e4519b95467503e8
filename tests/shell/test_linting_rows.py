"""`fcpref lint` of rows, whoever wrote them."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fcpref.core.training import DpoSpec
from fcpref.errors import ArtifactError, PairError
from fcpref.shell import stages
from fcpref.shell.linting import linted_pairs, with_tokens
from fcpref.shell.linting_rows import is_rows, linted_rows, read_rows
from fcpref.shell.progress import SILENT
from tests.linted import ROOMY, answered, lines, made, row, run
from tests.tiny_model import QWEN, ascii_tokenizer, byte_tokenizer, save_tiny


@pytest.fixture
def student(tmp_path):
    return save_tiny(tmp_path / "student", byte_tokenizer())


def called(_problem):
    return tuple(
        json.dumps({"name": name, "arguments": arguments})
        for name, arguments in (("Add", {"a": 1, "b": 1}), ("Answer", {"value": 99999}))
    )


@pytest.mark.parametrize(("grammar", "reply"), [("python", answered), ("tools", called)])
def test_what_was_exported_here_is_sound(workspace, tmp_path, grammar, reply):
    artifact = made(workspace, reply, grammar)
    folder = stages.export_dataset(workspace, artifact, tmp_path / "set").folder
    names = {}
    for path in (folder, folder / "train.jsonl", folder / "train.parquet"):
        report = linted_rows(path, SILENT).report
        assert {one.rule for one in report.findings} <= {"results_trained", "length_bias"}
        assert report.pairs == artifact.header.count
        names[path] = [row.name for row in read_rows(path)]
    assert names[folder][0] == "train.parquet:1"


def polluted(workspace, tmp_path):
    """Write an export as structs, which give each call the arguments of all functions."""
    folder = stages.export_dataset(
        workspace, made(workspace, called, "tools"), tmp_path / "set"
    ).folder
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    path = tmp_path / "structs.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_columns_of_structs_are_found_to_be_polluted_by_nulls(workspace, tmp_path):
    path = polluted(workspace, tmp_path)
    result = run(workspace, path)

    assert result.exit_code == 2
    assert "error: null_arguments: a call of " in result.stdout
    assert "error: null_schemas: the schema of " in result.stdout
    assert "warning: null_fields: " in result.stdout
    assert "[structs.parquet:1]" in result.stdout


def test_json_lines_of_the_same_rows_are_not(workspace, tmp_path):
    polluted(workspace, tmp_path)
    rules = {
        one.rule for one in linted_rows(tmp_path / "set" / "train.jsonl", SILENT).report.findings
    }

    assert not {one for one in rules if one.startswith("null")}


def test_files_of_splits_and_shards_are_told_apart(tmp_path):
    lines(tmp_path / "set" / "data" / "train-00000-of-00002.jsonl", row(1))
    lines(tmp_path / "set" / "data" / "train-00001-of-00002.jsonl", row(1, "Add(a=2)"))
    lines(tmp_path / "set" / "data" / "test-00000-of-00001.jsonl", row(1, "Add(a=3)"))
    report = linted_rows(tmp_path / "set", SILENT).report

    assert {row.split for row in read_rows(tmp_path / "set")} == {"train", "test"}
    assert [(one.rule, one.pair) for one in report.findings] == [
        ("split_overlap", "data/train-00000-of-00002.jsonl:1"),
        ("split_overlap", "data/train-00001-of-00002.jsonl:1"),
    ]


def test_rows_are_read_by_a_students_template(tmp_path, student):
    path = lines(tmp_path / "a.jsonl", row(1), row(2, "<|im_end|>"))
    report = linted_rows(path, SILENT, student=student, spec=ROOMY).report

    assert [(one.rule, one.pair) for one in report.findings] == [("special_tokens", "a.jsonl:2")]
    assert report.lengths[-1].unit == "trained tokens"
    short = linted_rows(path, SILENT, student=student, spec=DpoSpec(max_tokens=3)).report
    assert "none_fits" in {one.rule for one in short.findings if one.severity == "error"}


def test_rows_of_texts_are_read_without_a_template(tmp_path, student):
    text = {"prompt": "2 + 3 =", "chosen": " 5", "rejected": " 6."}
    report = linted_rows(
        lines(tmp_path / "a.jsonl", text), SILENT, student=student, spec=ROOMY
    ).report

    assert report.findings == ()
    assert (report.lengths[-1].chosen, report.lengths[-1].rejected) == (2, 3)


def test_a_template_that_is_no_prefix_of_itself_is_found(tmp_path):
    forgetful = (
        "{% for m in messages %}{{ loop.revindex }}<|im_start|>{{ m.content }}<|im_end|>"
        "{% endfor %}"
    )
    other = save_tiny(tmp_path / "other", ascii_tokenizer(forgetful))
    report = linted_rows(
        lines(tmp_path / "a.jsonl", row(1)), SILENT, student=other, spec=ROOMY
    ).report

    assert "prompt_prefix" in {one.rule for one in report.findings}


def test_a_template_that_fails_names_the_row(tmp_path):
    failing = save_tiny(tmp_path / "s", ascii_tokenizer("{{ raise_exception('no such role') }}"))
    with pytest.raises(PairError, match=r"a\.jsonl:1: the chat template fails .*no such role"):
        linted_rows(lines(tmp_path / "a.jsonl", row(1)), SILENT, student=failing)


def test_calls_go_through_a_template_that_knows_tools(workspace, tmp_path):
    folder = stages.export_dataset(
        workspace, made(workspace, called, "tools"), tmp_path / "set"
    ).folder
    knowing = save_tiny(tmp_path / "knowing", byte_tokenizer(template=QWEN))
    report = linted_rows(folder, SILENT, student=knowing, spec=ROOMY).report

    assert report.trained.trained > 0
    assert not [one for one in report.findings if one.severity == "error"]


def test_rows_are_told_from_artifacts(workspace, tmp_path):
    artifact = made(workspace)
    pairs = workspace.root / "copy.jsonl"
    pairs.write_text('{"count":1,"format":1,"stage":"pairs"}\n')

    assert not is_rows(str(artifact.path))
    assert not is_rows(str(pairs))
    assert not is_rows(artifact.id)
    assert is_rows(str(lines(tmp_path / "a.jsonl", row(1))))
    assert is_rows(str(tmp_path))


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "empty.jsonl", "folder"])
def test_files_that_are_none_are_refused_in_a_sentence(workspace, tmp_path, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"" if "empty" in name else b"no JSON")
    result = run(workspace, path)

    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert result.stderr.count("\n") == 1
    assert not isinstance(result.exception, ArtifactError)


def test_a_file_that_is_not_there_is_said_to_be_not_there(workspace, tmp_path):
    assert "no such file" in run(workspace, tmp_path / "no.parquet").stderr


def test_rows_name_no_problems_to_hold_out(workspace, tmp_path):
    result = run(workspace, lines(tmp_path / "a.jsonl", row(1)), "--held-out", "77f1")

    assert result.exit_code == 2
    assert "--held-out needs an artifact of pairs" in result.stderr


def test_pairs_without_tokens_keep_their_report(workspace, student):
    linted = linted_pairs(workspace, made(workspace))
    same = with_tokens(linted, student, lambda *_: iter(()), 0, ROOMY, SILENT)

    assert same.report == linted.report
