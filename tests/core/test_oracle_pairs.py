"""Step-level pairs: where an incorrect chain was decided, and what the oracle does there."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, Chain, Limits, Reply, advance, begin, finish
from fcpref.core.pairs import PairSpec, build_pairs, lint, trl_row
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import judged_replies
from tests.strategies import deduction_problems, deduction_replies

TASK = find_task("fol.deduction")
SPEC = PairSpec(kinds=("oracle",), solved=True, per_problem=8)
WORDS = ("True", "False", "Unknown")


def problem_of(gold: str, seed: int = 0) -> Problem:
    assert TASK.generate is not None
    made = (TASK.generate({"max_depth": 2}, seed, "train", index) for index in range(20))
    return next(problem for problem in made if problem.gold == gold)


def chain_of(
    problem: Problem,
    replies: list[str],
    limits: Limits | None = None,
    without: tuple[str, ...] = (),
) -> ScoredChain:
    """Return a scored chain in which a student gives these replies, as far as it gets."""
    state = begin(TASK.toolbox.without(without), problem, (), limits or Limits())
    for text in replies:
        state = advance(state, Reply(text=text, tokens=9))
    chain = finish(state, "student", 0)
    return ScoredChain(chain=chain, score=TASK.score(chain, problem))


def paired(problem: Problem, *scored: ScoredChain, spec: PairSpec = SPEC):
    return build_pairs(scored, {problem_id(problem): problem}, spec)


def said(chain: Chain) -> list[str]:
    return [turn.reply for turn in chain.turns]


@pytest.mark.parametrize("gold", WORDS)
def test_a_wrong_answer_is_paired_with_what_was_left_to_derive(gold):
    problem = problem_of(gold)
    solution = list(TASK.oracle(problem))
    wrong = next(word for word in WORDS if word != gold)
    early = [*solution[:1], f"Answer(value={wrong!r})"]
    (pair,) = paired(problem, chain_of(problem, early))
    assert said(pair.rejected) == early
    assert said(pair.chosen) == solution
    assert TASK.score(pair.chosen, problem).correct
    assert pair.chosen.source == "student+oracle"


def test_the_oracle_may_take_more_calls_and_tokens_than_chains_do_by_default():
    assert TASK.generate is not None
    made = (TASK.generate({"max_depth": 5}, 0, "train", index) for index in range(200))
    onward = TASK.onward("aloud")
    room = Limits(calls=99, tokens=9_999)
    problem, solution = next(
        (problem, replies)
        for problem in made
        if len(replies := list(onward(begin(TASK.toolbox, problem, (), room).memory)))
        > Limits().calls
    )
    wrong = next(word for word in WORDS if word != problem.gold)
    late = chain_of(problem, [*solution[:-1], f"Answer(value={wrong!r})"], room)
    talkative = evolve(
        late.chain, turns=tuple(evolve(turn, tokens=90) for turn in late.chain.turns)
    )
    (pair,) = paired(problem, evolve(late, chain=talkative), spec=evolve(SPEC, policy="aloud"))
    assert said(pair.chosen) == solution


def test_the_oracle_goes_on_with_the_functions_that_the_chain_was_offered():
    problem = problem_of("Unknown")
    solution = list(TASK.oracle(problem))
    slips = [*solution[:1], "Reasoning(thought='so')", "Answer(value='True')"]
    (pair,) = paired(problem, chain_of(problem, slips, without=("Reasoning",)))
    assert pair.chosen.without == ("Reasoning",)
    assert [turn.outcome.code for turn in pair.chosen.turns[:2]] == [None, "unknown_function"]
    # Without `Saturated` nothing supports the answer.
    assert paired(problem, chain_of(problem, slips, without=("Saturated",))) == ()


def test_what_was_verified_is_not_verified_again():
    problem = problem_of("Unknown")
    solution = list(TASK.oracle(problem))
    assert solution[-2] == "Saturated()"
    (pair,) = paired(problem, chain_of(problem, [*solution[:-1], "Answer(value='False')"]))
    assert said(pair.chosen) == solution


def test_a_chain_that_fails_to_its_end_is_decided_by_the_first_of_its_last_failures():
    problem = problem_of("Unknown")
    solution = list(TASK.oracle(problem))
    slips = ["Fly()", solution[0], "Saturated(", "Fly(1)", "Check()"]
    (pair,) = paired(problem, chain_of(problem, slips))
    assert pair.rejected_verdict == "malformed"
    # The first slip was made good; what ended the chain began at the third reply.
    assert said(pair.chosen) == [*slips[:2], *solution[1:]]


def test_a_chain_that_ran_into_a_limit_blames_no_call():
    problem = problem_of("True")
    short = chain_of(problem, ["Reasoning(text='hm')"], Limits(calls=1))
    assert short.score.verdict.value == "limit"
    assert paired(problem, short) == ()


def test_what_nothing_can_be_learned_from_gives_no_pair():
    problem = problem_of("True")
    right = chain_of(problem, list(TASK.oracle(problem)))
    assert right.score.correct
    assert paired(problem, right) == ()
    word = find_task("math.word")
    assert word.resume is None


def test_the_same_mistake_counts_once_and_limits_hold():
    problem = problem_of("True")
    scored = [chain_of(problem, [f"Answer(value={word!r})"]) for word in WORDS for _ in range(3)]
    # Guessed at once: two labels are wrong, and the right one is not supported.
    assert len(paired(problem, *scored)) == len(WORDS)
    assert (
        len(paired(problem, *scored, spec=PairSpec(kinds=("oracle",), solved=True, per_problem=1)))
        == 1
    )
    assert (
        len(
            paired(
                problem,
                *scored,
                spec=PairSpec(kinds=("oracle",), solved=True, per_problem=3, limit=2),
            )
        )
        == 2
    )


def test_only_the_deciding_call_and_the_oracles_at_its_place_are_judged():
    problem = problem_of("Unknown")
    solution = list(TASK.oracle(problem))
    (pair,) = paired(problem, chain_of(problem, [solution[0], "Answer(value='True')"]))
    chosen, rejected = judged_replies(pair)
    assert chosen == (False, True, *[False] * (len(solution) - 2))
    assert rejected == (False, True)


def test_a_row_for_trl_asks_for_the_judged_call_behind_what_the_chains_share():
    problem = problem_of("Unknown")
    solution = list(TASK.oracle(problem))
    (pair,) = paired(problem, chain_of(problem, [solution[0], "Answer(value='True')"]))
    row = trl_row(pair, problem, STUDENT)
    *_, task, first, result = row["prompt"]
    assert (task["content"], first["content"]) == (problem.text, solution[0])
    assert result == {"role": "user", "content": pair.chosen.turns[0].outcome.text}
    assert row["chosen"] == [{"role": "assistant", "content": solution[1]}]
    assert row["rejected"] == [{"role": "assistant", "content": "Answer(value='True')"}]


@given(
    deduction_problems(), st.lists(st.lists(deduction_replies(), max_size=6), max_size=4), st.data()
)
@settings(max_examples=40)
def test_pairs_share_their_beginning_and_end_right_and_wrong(problem, chains, data):
    solution = list(TASK.oracle(problem))
    cut = data.draw(st.integers(0, len(solution)))
    wrong = st.sampled_from(WORDS).map("Answer(value={!r})".format)
    chains = [[*solution[:cut], *replies, data.draw(wrong)] for replies in chains]
    scored = [chain_of(problem, replies) for replies in chains]
    pairs = paired(problem, *scored)
    assert pairs == paired(problem, *reversed(scored))
    assert not any(finding.pair for finding in lint(pairs) if finding.severity == "error")
    for pair in pairs:
        assert TASK.score(pair.chosen, problem).correct
        assert not TASK.score(pair.rejected, problem).correct
        chosen, rejected = judged_replies(pair)
        at = rejected.index(True)
        assert rejected.count(True) == 1
        assert chosen == tuple(index == at for index in range(len(chosen)))
        assert said(pair.chosen)[:at] == said(pair.rejected)[:at]
        assert said(pair.chosen)[at] != said(pair.rejected)[at]


@given(deduction_problems(), st.lists(deduction_replies(), max_size=8))
@settings(max_examples=40)
def test_the_oracle_goes_on_from_whatever_was_called(problem, replies):
    limits = Limits(calls=40, failures=40)
    state = begin(TASK.toolbox, problem, (), limits)
    for text in replies:
        if (after := advance(state, Reply(text=text))).stop is None:
            state = after
    assert TASK.resume is not None
    for text in TASK.resume(state.memory):
        state = advance(state, Reply(text=text))
    assert TASK.score(finish(state, "x", 0), problem).correct
