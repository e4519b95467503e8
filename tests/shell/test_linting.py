"""`fcpref lint` of pairs that were made here."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from attrs import evolve

from fcpref.core.codec import value_id
from fcpref.core.pairs import PreferencePair
from fcpref.shell import stages
from fcpref.shell.linting import Remembering, linted_pairs
from fcpref.shell.linting_rows import linted_rows
from fcpref.shell.progress import SILENT
from tests.linted import ROOMY, answered, lines, made, row, run
from tests.tiny_model import ascii_tokenizer, byte_tokenizer, save_tiny


@pytest.fixture
def student(tmp_path):
    return save_tiny(tmp_path / "student", byte_tokenizer())


def rewritten(workspace, artifact, change):
    """Write pairs once more, each changed."""
    pairs = [change(pair) for pair in artifact.values(PreferencePair)]
    return workspace.write("pairs", pairs, parents=artifact.header.parents)


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
