"""Of real rows, exactly the calls are trained: in both grammars, with published chat templates."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, Limits, Turn
from fcpref.core.functions import Call, Outcome, parse_tool_call
from fcpref.core.functions.tool_calls import arguments_text
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import judged_replies, trained_replies
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.store import read_artifact
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import grammars_of, training_tokenizer
from tests.played import played
from tests.printed_numbers import in_one_way
from tests.published_templates import published

WIDE = Limits(calls=99, failures=99, tokens=99_999)
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
# What a model said, with slips, and what the oracle says.
RECORDED = ("9a542d954e105917", "ee537d94ec306693", "8caa4f3c0402b417")
ENDS = {
    "smollm2": "<|im_end|>",
    "qwen2_5": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "llama3_1": "<|eot_id|>",
    "mistral": "</s>",
}
TAGGED = '<tool_call>\n{{"name": "{}", "arguments": {}}}\n</tool_call>'
CALLS = {
    "qwen2_5": TAGGED,
    "qwen3": "<think>\n\n</think>\n\n" + TAGGED,
    "llama3_1": '{{"name": "{}", "parameters": {}}}',
}
GRAMMARS = [*((name, "python") for name in ENDS), *((name, "tools") for name in CALLS)]


@pytest.fixture(scope="module")
def problems() -> dict[str, Problem]:
    """Return the problems of the recorded chains."""
    found = {}
    for name in RECORDED:
        header = read_artifact(ARTIFACTS / "scores" / f"{name}.jsonl.gz").header
        start = header.parents[1].removeprefix("sha256:")[:16]
        artifact = read_artifact(next((ARTIFACTS / "problems").glob(f"{start}.jsonl*")))
        found |= {problem_id(problem): problem for problem in artifact.values(Problem)}
    return found


@pytest.fixture(scope="module")
def scored() -> list[ScoredChain]:
    """Return recorded chains: correct ones, all with a slip among them, and incorrect ones."""
    every = [
        item
        for name in RECORDED
        for item in read_artifact(ARTIFACTS / "scores" / f"{name}.jsonl.gz").values(ScoredChain)
    ]
    slips = [one for one in every if one.score.correct and any(one.score.codes)]
    clean = [one for one in every if one.score.correct and not any(one.score.codes)]
    assert len(slips) >= 4
    return [*slips[:12], *clean[::40], *(one for one in every if not one.score.correct)][:30]


@pytest.fixture(scope="module")
def pairs(problems, scored) -> list[PreferencePair]:
    """Return pairs of recorded chains with a spoiled one each: judged as a whole, or by a call."""
    made = []
    for at, item in enumerate(one for one in scored if one.score.correct):
        replies = [turn.reply for turn in item.chain.turns]
        problem = problems[item.chain.problem]
        rejected = played(problem, [*replies[:-1], "Fly()", "Answer(value=1)"], limits=WIDE)
        kind = "step" if at % 2 else "chain"
        made.append(
            PreferencePair(
                kind=kind, chosen=item.chain, rejected=rejected, rejected_verdict="wrong_answer"
            )
        )
    assert all(pair.shared for pair in made)
    return made


def in_grammar(chain, problem, grammar):
    """Return the chain that the same replies are in a grammar."""
    if grammar == "python":
        return chain
    return played(problem, [turn.reply for turn in chain.turns], grammar=grammar, limits=WIDE)


def trainable(folder, name, grammar):
    published(name).save_pretrained(folder)
    student = ResolvedModel(name=f"path:{name}", folder=folder, revision="1")
    return training_tokenizer(student, [grammar]).tokenizer


@pytest.fixture(scope="module", params=GRAMMARS, ids="-".join)
def student(request, tmp_path_factory):
    """Return a tokenizer as training uses it, its name and the rows' grammar."""
    name, grammar = request.param
    return trainable(tmp_path_factory.mktemp(name), name, grammar), name, grammar


def expected(chain, mask, name):
    """Return what of a chain is to be trained, from its replies."""
    return "".join(
        _said(turn.reply, name, chain.grammar) + ENDS[name]
        for turn, carries in zip(chain.turns, mask, strict=True)
        if carries
    )


def _said(reply, name, grammar):
    call = parse_tool_call(reply) if grammar == "tools" else None
    if isinstance(call, Call):
        return CALLS[name].format(call.function, arguments_text(call))
    thought = "<think>\n\n</think>\n\n" if grammar == "tools" and name == "qwen3" else ""
    return f"{thought}{' ' if name == 'mistral' else ''}{reply.strip()}"


def trained_text(tokenizer, row) -> str:
    return tokenizer.decode(row.trained, clean_up_tokenization_spaces=False)


def test_supervised_rows_train_the_calls_that_worked(student, problems, scored) -> None:
    tokenizer, name, grammar = student
    slips = 0
    for item in scored:
        problem = problems[item.chain.problem]
        chain = in_grammar(item.chain, problem, grammar)
        mask = trained_replies(chain, failed=False)
        slips += not all(mask)
        row = encode_row(tokenizer, name, problem, chain, STUDENT, mask)
        assert in_one_way(trained_text(tokenizer, row)) == in_one_way(expected(chain, mask, name))
    assert slips >= 4


def test_preference_rows_train_the_calls_that_are_judged(student, problems, pairs) -> None:
    tokenizer, name, grammar = student
    for pair in pairs:
        problem = problems[pair.chosen.problem]
        own = evolve(
            pair,
            chosen=in_grammar(pair.chosen, problem, grammar),
            rejected=in_grammar(pair.rejected, problem, grammar),
        )
        for chain, mask in zip((own.chosen, own.rejected), judged_replies(own), strict=True):
            row = encode_row(tokenizer, name, problem, chain, STUDENT, mask)
            assert in_one_way(trained_text(tokenizer, row)) == in_one_way(
                expected(chain, mask, name)
            )
            assert sum(mask) == (1 if pair.kind == "step" else len(chain.turns))


def test_a_row_begins_with_the_prompt_and_tells_all_results(student, problems, scored) -> None:
    tokenizer, name, grammar = student
    for item in scored[:6]:
        problem = problems[item.chain.problem]
        chain = in_grammar(item.chain, problem, grammar)
        row = encode_row(tokenizer, name, problem, chain, STUDENT, [True] * len(chain.turns))
        assert problem.text in tokenizer.decode(row.prompt)
        untrained = [i for i, own in zip(row.completion, row.mask, strict=True) if not own]
        told = tokenizer.decode(untrained)
        assert all(turn.outcome.text in told for turn in chain.turns[:-1])


@pytest.fixture(scope="module", params=["llama3_1", "mistral", "smollm2"])
def spacing(request, tmp_path_factory):
    name = request.param
    return trainable(tmp_path_factory.mktemp(name), name, "python"), name


SPACES = st.text(" \t\n", max_size=3)


@given(st.lists(st.tuples(SPACES, st.sampled_from(["Add(a=2, b=3)", "x", ""]), SPACES), max_size=4))
def test_spaces_around_a_reply_are_trained_as_the_template_writes_them(spacing, parts) -> None:
    tokenizer, name = spacing
    replies = ["".join(one) for one in parts]
    problem = find_task("math.word").generate({}, 11, "train", 1)
    chain = evolve(
        played(problem, ()),
        turns=tuple(Turn(reply=reply, outcome=Outcome(text="ok")) for reply in replies),
    )
    row = encode_row(tokenizer, name, problem, chain, STUDENT, [True] * len(replies))
    kept = {"smollm2": "{}", "llama3_1": "{}", "mistral": " {}"}[name]
    written = [reply if name == "smollm2" else reply.strip() for reply in replies]
    ends = "".join(kept.format(text) + ENDS[name] for text in written)
    assert trained_text(tokenizer, row) == ends


def test_the_grammars_of_rows_are_those_of_their_chains(problems, scored, pairs) -> None:
    chain = scored[0].chain
    tools = in_grammar(chain, problems[chain.problem], "tools")
    assert grammars_of([chain]) == {"python"}
    assert grammars_of([chain, tools]) == {"python", "tools"}
    assert grammars_of([evolve(pairs[0], rejected=tools)]) == {"python", "tools"}
    assert grammars_of([]) == frozenset()
