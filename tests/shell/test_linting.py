"""`fcpref lint`: of pairs that were made here, and of rows whoever wrote them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve

from fcpref.core.chains import Limits
from fcpref.core.codec import value_id
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec
from fcpref.errors import ArtifactError, PairError
from fcpref.shell import stages
from fcpref.shell.linting import Remembering, linted_pairs, with_tokens
from fcpref.shell.linting_rows import is_rows, linted_rows, read_rows
from fcpref.shell.progress import SILENT
from tests.command_line import invoke
from tests.played import played
from tests.tiny_model import QWEN, ascii_tokenizer, byte_tokenizer, save_tiny

TASK = find_task("math.word")
ROOMY = DpoSpec(max_tokens=100_000)


@pytest.fixture
def student(tmp_path):
    return save_tiny(tmp_path / "student", byte_tokenizer())


def answered(_problem):
    return ("Add(a=1, b=1)", "Subtract(a=9, b=2)", "Answer(value=99999)")


def called(_problem):
    return tuple(
        json.dumps({"name": name, "arguments": arguments})
        for name, arguments in (("Add", {"a": 1, "b": 1}), ("Answer", {"value": 99999}))
    )


def made(workspace, reply=answered, grammar="python", count=3, split="train"):
    """Pair the oracle's chains with the replies given."""
    problems = stages.make_problems(workspace, "math.word", split, count, 1)
    chains = []
    for problem in problems.values(Problem):
        chains.append(TASK.oracle_chain(problem, Limits(), grammar))
        chains.append(played(problem, reply(problem), 1, grammar))
    chains = workspace.write("chains", chains, parents=[problems.id])
    return stages.pairs(workspace, [stages.score(workspace, chains)], PairSpec())


def rewritten(workspace, artifact, change):
    """Write pairs once more, each changed."""
    pairs = [change(pair) for pair in artifact.values(PreferencePair)]
    return workspace.write("pairs", pairs, parents=artifact.header.parents)


def run(workspace, *words):
    return invoke(workspace.root, "lint", *words)


# pairs


def test_a_report_has_balance_lengths_and_what_is_trained(workspace, student):
    artifact = made(workspace)
    linted = linted_pairs(workspace, artifact, student=student, spec=ROOMY)
    report = linted.report

    assert (report.pairs, report.executed) == (3, 3)
    assert [one.unit for one in report.lengths] == ["calls", "trained tokens"]
    assert dict(report.tallies[3].counts) == {"1": 1, "2": 1, "3": 1}
    assert 0 < report.trained.share < 1
    assert [name for name, _ in linted.seconds] == ["text", "loading the tokenizer", "tokenizer"]
    assert all(seconds >= 0 for _, seconds in linted.seconds)


def test_ids_of_findings_are_those_of_the_pairs(workspace):
    artifact = rewritten(
        workspace, made(workspace), lambda pair: evolve(pair, rejected_verdict="limit")
    )
    named = {one.pair for one in linted_pairs(workspace, artifact).report.findings}

    assert named == {value_id(pair) for pair in artifact.values(PreferencePair)}


def test_chains_are_executed_again_with_the_functions_of_their_problem(workspace):
    def wronged(pair):
        # The oracle's chain of another problem, whose numbers these are not.
        return evolve(pair, chosen=evolve(other.chosen, problem=pair.chosen.problem))

    artifact = made(workspace)
    other = artifact.values(PreferencePair)[0]
    spoiled = rewritten(workspace, artifact, wronged)
    rules = [one.rule for one in linted_pairs(workspace, spoiled).report.findings]

    assert rules.count("label") == 2


def test_a_held_out_problem_in_other_clothes_is_refused(workspace):
    artifact = made(workspace)
    first = stages.problems_of(workspace, [artifact])[
        artifact.values(PreferencePair)[0].chosen.problem
    ]
    # The same problem said otherwise, and labelled as if it were none of the training data.
    twin = evolve(first, text="Said otherwise.", split="test", index=4)
    held_out = workspace.write("problems", [twin])
    result = run(workspace, artifact.id, "--held-out", held_out.id)

    assert result.exit_code == 2
    assert result.stdout.startswith("error: held_out_form: held-out problem ")
    assert "1 errors; these pairs are not fit for training" in result.stderr


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|endoftext|>"])
def test_a_special_token_in_a_reply_is_found_and_named(workspace, student, mark):
    def tricked(problem):
        return (f"Reasoning(text='{mark}')", *answered(problem))

    artifact = made(workspace, tricked)
    report = linted_pairs(workspace, artifact, student=student, spec=ROOMY).report
    (first, *_) = [one for one in report.findings if one.rule == "special_tokens"]

    assert mark in first.message
    assert first.pair in {value_id(pair) for pair in artifact.values(PreferencePair)}


def test_what_is_unfit_as_text_is_not_read_as_tokens(workspace, tmp_path, student):
    first = made(workspace).values(PreferencePair)[0]
    artifact = rewritten(
        workspace,
        made(workspace),
        lambda pair: evolve(pair, rejected_verdict="correct") if pair == first else pair,
    )
    ours = linted_pairs(workspace, artifact, student=student, spec=ROOMY).report
    path = lines(tmp_path / "a.jsonl", row(1), row(2, "Fly()"), row(1, "Fly()", "Add(a=1)"))
    theirs = linted_rows(path, SILENT, student=student, spec=ROOMY).report

    assert [one.pairs for one in ours.lengths] == [3, 2]
    assert [one.pairs for one in theirs.lengths] == [3, 3, 2]


def test_pairs_with_warnings_are_read_as_tokens(workspace, student):
    artifact = made(workspace)
    pairs = artifact.values(PreferencePair)
    again = evolve(pairs[0], chosen=evolve(pairs[0].chosen, sample=8))
    more = workspace.write("pairs", [*pairs, again], parents=artifact.header.parents)
    report = linted_pairs(workspace, more, student=student, spec=ROOMY).report

    assert "same_lesson" in {one.rule for one in report.findings}
    assert [one.pairs for one in report.lengths] == [4, 4]


def test_the_longest_special_token_is_named():
    names = ("<e", "<end>", "<e>", "plain")
    marks = [SimpleNamespace(content=one, special=one != "plain") for one in names]
    nested = SimpleNamespace(apply_chat_template=None, added_tokens_decoder=dict(enumerate(marks)))

    assert Remembering(nested).special_in("<end> <e> <e") == ("<e", "<e>", "<end>")
    assert Remembering(nested).special_in("<end> plain") == ("<end>",)


def test_the_same_text_is_encoded_once_and_as_before():
    tokenizer, asked = ascii_tokenizer(), []

    class Counting:
        apply_chat_template = None
        added_tokens_decoder = tokenizer.added_tokens_decoder

        def __call__(self, text, *, add_special_tokens):
            asked.append(text)
            return tokenizer(text, add_special_tokens=add_special_tokens)

    remembering = Remembering(Counting())
    for _ in range(3):
        ids = remembering("Add(a=1)", add_special_tokens=False)["input_ids"]
        assert [*ids] == tokenizer("Add(a=1)", add_special_tokens=False)["input_ids"]
    assert asked == ["Add(a=1)"]
    assert remembering.special_in("a<|im_end|>b<|im_start|><|im_end|>") == (
        "<|im_end|>",
        "<|im_start|>",
    )
    assert remembering.special_in("<im_end>") == ()


def test_five_pairs_a_rule_are_named_and_all_where_that_is_asked(workspace):
    artifact = rewritten(
        workspace, made(workspace, count=7), lambda pair: evolve(pair, rejected_verdict="correct")
    )
    some, everything = run(workspace, artifact.id), run(workspace, artifact.id, "--all")

    assert some.stdout.count("error: verdict: ") == 5
    assert "and 2 more of verdict; --all shows all" in some.stdout
    assert everything.stdout.count("error: verdict: ") == 7
    assert "7 errors; these pairs are not fit" in everything.stderr


def test_the_whole_report_is_json(workspace):
    result = run(workspace, made(workspace).id, "--json")
    report = json.loads(result.stdout)

    assert result.exit_code == 0
    assert (report["pairs"], report["findings"]) == (3, [])
    assert report["lengths"][0]["unit"] == "calls"
    assert "text" in report["seconds"]


@pytest.mark.parametrize(
    ("suffix", "start"), [(".md", "# Check of "), (".html", "<!DOCTYPE html>")]
)
def test_the_report_is_written_as_its_file_is_called(workspace, tmp_path, suffix, start):
    artifact, out = made(workspace), tmp_path / f"report{suffix}"
    result = run(workspace, artifact.id, "--out", out)

    assert result.exit_code == 0
    assert out.read_text().lower().startswith(start.lower())
    assert artifact.id in out.read_text()


def test_a_report_is_written_of_unfit_pairs_too(workspace, tmp_path):
    artifact = made(workspace, split="dev")
    result = run(workspace, artifact.id, "--out", tmp_path / "report.md")

    assert result.exit_code == 2
    assert "a held-out problem" in (tmp_path / "report.md").read_text()


def test_another_kind_of_file_is_refused_before_anything_is_done(workspace):
    result = run(workspace, "0000", "--out", "report.txt")

    assert result.exit_code == 2
    assert "report.txt: a report ends in .html or .md" in result.stderr


# rows


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


def chat(text):
    return [{"role": "assistant", "content": text}]


def row(n, chosen="Add(a=1)", rejected="Fly()"):
    prompt = [{"role": "user", "content": f"{n}?"}]
    return {"prompt": prompt, "chosen": chat(chosen), "rejected": chat(rejected)}


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


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
