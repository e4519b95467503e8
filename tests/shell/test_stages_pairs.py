"""Pairs as a student's tokenizer reads them, before they train it."""

from __future__ import annotations

import itertools

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from fcpref.core.canon import short
from fcpref.core.chains import Limits
from fcpref.core.codec import value_id
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec
from fcpref.errors import ModelError, PairError
from fcpref.shell import stages, stages_training
from fcpref.shell.model_names import ResolvedModel
from tests.command_line import invoke
from tests.played import played
from tests.tiny_model import CHATML, QWEN, SPECIAL

TASK = find_task("math.word")
ROOMY = DpoSpec(max_tokens=10_000)


def byte_level(merges=(), normalizer=None, template=CHATML):
    """Build a byte-level tokenizer that merges across every boundary but that of special tokens."""
    from transformers import PreTrainedTokenizerFast

    pieces = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pieces += ["".join(merge) for merge in merges]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens(list(SPECIAL))
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=SPECIAL[2])
    wrapped.chat_template = template
    return wrapped


@pytest.fixture
def student(tmp_path):
    """Return a function that saves a tokenizer as a student's."""
    numbers = itertools.count()

    def save(tokenizer):
        folder = tmp_path / f"student-{next(numbers)}"
        tokenizer.save_pretrained(folder)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        return ResolvedModel(name=f"path:{folder}", folder=folder, revision="c0ffee")

    return save


@pytest.fixture
def pairs(workspace):
    """Return a function that makes pairs: the oracle's chains over those of the replies given."""
    made = stages.make_problems(workspace, "math.word", "train", 3, 1)

    def pair(reply, grammar="python"):
        chains = []
        for problem in made.values(Problem):
            chains.append(TASK.oracle_chain(problem, Limits(), grammar))
            chains.append(played(problem, reply(problem), 1, grammar))
        chains = workspace.write("chains", chains, parents=[made.id])
        return stages.pairs(workspace, [stages.score(workspace, chains)], PairSpec())

    return pair


def wrong(_problem):
    return ("Add(a=1, b=1)", "Answer(value=99999)")


def shouted(problem):
    """Answer with a function that does not exist, but for tokenizers that lower every letter."""
    *calls, answer = TASK.oracle(problem)
    return (*calls, answer.replace("Answer", "ANSWER"))


def found(workspace, artifact, resolved, spec=ROOMY):
    findings = stages.lint_pairs(workspace, artifact, student=resolved, spec=spec)
    return {(one.severity, one.rule) for one in findings}


def test_a_tokenizer_that_keeps_boundaries_finds_nothing(workspace, pairs, student):
    assert found(workspace, pairs(wrong), student(byte_level())) == set()


def test_a_merge_across_the_end_of_the_prompt_is_found(workspace, pairs, student):
    # The prompt ends with "assistant" and a line break (shown as U+010A), replies begin with A.
    merging = student(byte_level([("\u010a", "A")]))

    assert found(workspace, pairs(wrong), merging) == {("warning", "prompt_prefix")}


def test_a_merge_elsewhere_is_none_of_a_prompts_business(workspace, pairs, student):
    merging = student(byte_level([("A", "d"), ("\u010a", "Z")]))

    assert found(workspace, pairs(wrong), merging) == set()


def test_chains_that_a_tokenizer_cannot_tell_apart_are_unfit(workspace, pairs, student):
    artifact = pairs(shouted)
    same = student(byte_level(normalizer=normalizers.Lowercase()))
    told_apart = student(byte_level())

    assert ("error", "same_tokens") in found(workspace, artifact, same)
    assert ("error", "same_tokens") not in found(workspace, artifact, told_apart)


def test_what_is_over_the_limit_is_told_and_none_that_fits_is_an_error(workspace, pairs, student):
    artifact, plain = pairs(wrong), student(byte_level())
    findings = stages.lint_pairs(workspace, artifact, student=plain, spec=DpoSpec(max_tokens=2))

    assert sum(one.rule == "too_long" for one in findings) == artifact.header.count == 3
    assert {one.pair for one in findings if one.rule == "too_long"} != {""}
    assert [one.rule for one in findings if one.severity == "error"] == ["none_fits"]


def test_the_command_names_the_pairs_and_fails_when_none_is_fit(workspace, pairs, student):
    def lint(*words):
        return invoke(workspace.root, "lint", artifact.id, *words)

    artifact, plain = pairs(wrong), student(byte_level())
    sound = lint("--student", plain.name, "--max-tokens", "10000")
    unfit = lint("--student", plain.name, "--max-tokens", "2")
    first = value_id(artifact.values(PreferencePair)[0])

    assert sound.exit_code == 0
    assert sound.stdout.startswith("nothing found\n\n3 pairs, 3 of them executed again; errors: 0")
    assert unfit.exit_code == 2
    assert unfit.stdout.count("warning: too_long: ") == 3
    assert f"raise max_tokens to train it [{short(first)}]" in unfit.stdout
    assert "error: none_fits: no pair fits 2 tokens" in unfit.stdout
    assert "1 errors; these pairs are not fit for training" in unfit.stderr


def test_pairs_of_the_tools_grammar_need_a_template_that_knows_tools(workspace, pairs, student):
    artifact = pairs(lambda _: ('{"name": "Answer", "arguments": {"value": 99999}}',), "tools")

    # One call against four or more: the length alone tells which is which.
    knowing = student(byte_level(template=QWEN))
    assert found(workspace, artifact, knowing) == {("warning", "length_bias")}
    with pytest.raises(ModelError, match="its chat template shows no tools"):
        found(workspace, artifact, student(byte_level()))


def test_without_a_student_no_tokenizer_is_asked(workspace, pairs):
    assert stages.lint_pairs(workspace, pairs(wrong)) == ()


def test_training_refuses_what_its_student_cannot_tell_apart(
    workspace, pairs, student, monkeypatch
):
    def unreached(*_):
        pytest.fail("trained on pairs without a difference")

    same = student(byte_level(normalizer=normalizers.Lowercase()))
    monkeypatch.setattr(stages_training, "resolve", lambda *_: same)
    monkeypatch.setattr(stages_training, "train_dpo", unreached)
    artifact = pairs(shouted)

    with pytest.raises(PairError, match="same_tokens: chosen and rejected are the same tokens"):
        stages.train(workspace, "dpo", [artifact], same.name, ROOMY)
    log = (workspace.local / "logs" / "run.jsonl").read_text()
    assert '"same_tokens": 3' in log
