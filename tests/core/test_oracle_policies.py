"""How oracles go about it: without looking ahead, silent or aloud, and with failed calls."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, ChainState, Limits, Reply, advance, begin, finish
from fcpref.core.functions import FailureCode
from fcpref.core.pairs import PairSpec, build_pairs
from fcpref.core.problems import Problem, Statement, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import TASKS, find_task, with_slips
from fcpref.errors import UsageError
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.sampling import SamplePlan, sample_chains
from tests.strategies import deduction_problems

TASK = find_task("fol.deduction")
WIDE = Limits(calls=60)


def played(problem: Problem, replies: tuple[str, ...], limits: Limits = WIDE) -> ChainState:
    state = begin(find_task(problem.task).toolbox, problem, (), limits)
    for text in replies:
        state = advance(state, Reply(text=text))
    return state


@pytest.mark.parametrize("policy", ["forward", "aloud"])
@given(problem=deduction_problems())
@settings(max_examples=60)
def test_an_oracle_that_does_not_look_ahead_is_right_and_no_call_of_it_fails(policy, problem):
    state = played(problem, TASK.solution(problem, policy))
    assert TASK.score_state(state).correct
    assert all(turn.outcome.code is None for turn in state.turns)


@pytest.mark.parametrize("policy", ["forward", "aloud"])
@given(problem=deduction_problems())
@settings(max_examples=60)
def test_it_does_not_look_at_what_is_claimed(policy, problem):
    """What it does for a claim, it does for one that is never settled, and goes on from there."""
    other = Statement(text="Nobody knows.", formula="Unheardof(nobody)")
    everything = TASK.solution(evolve(problem, claim=other), policy)
    own = TASK.solution(problem, policy)
    derived = [text for text in own if text != "Saturated()"][:-1]
    assert list(everything[: len(derived)]) == derived


@given(deduction_problems())
@settings(max_examples=60)
def test_the_forward_oracle_takes_apart_first_what_is_told_together(problem):
    names = [text.partition("(")[0] for text in TASK.solution(problem, "forward")]
    parts = names.count("AndElim")
    assert names[:parts] == ["AndElim"] * parts


def test_the_shortest_way_takes_apart_what_it_needs_when_it_does():
    assert TASK.generate is not None
    knobs = {"min_depth": 3, "max_depth": 3, "conjunction": 0.6}
    made = [TASK.generate(knobs, 0, "train", index) for index in range(60)]
    late = [
        one
        for one in made
        if "AndElim" in {text.partition("(")[0] for text in TASK.oracle(one)[1:]}
    ]
    assert late
    assert any("AndElim" in TASK.solution(one, "forward")[0] for one in late)


def test_the_shortest_way_looks_ahead():
    assert TASK.generate is not None
    made = [TASK.generate({"max_depth": 5}, 0, "train", index) for index in range(30)]
    shorter = [len(TASK.solution(one)) < len(TASK.solution(one, "forward")) for one in made]
    assert 5 < sum(shorter) < 30
    assert all(TASK.solution(one) == TASK.oracle(one) for one in made)


@given(
    deduction_problems(),
    st.integers(0, 8),
    st.sampled_from(["shortest", "forward", "aloud"]),
    st.sampled_from(["forward", "aloud"]),
)
@settings(max_examples=60)
def test_it_goes_on_from_wherever_another_came(problem, count, policy, onward):
    begun = TASK.solution(problem, policy)[:-1][:count]
    state = played(problem, begun)
    for text in TASK.onward(onward)(state.memory):
        state = advance(state, Reply(text=text))
    assert TASK.score_state(state).correct
    codes = {turn.outcome.code for turn in state.turns}
    assert codes <= ({None} if onward == "forward" else {None, FailureCode.REPEATED_CALL})


def test_a_task_without_such_an_oracle_says_so():
    task = find_task("math.word")
    assert task.generate is not None
    with pytest.raises(UsageError, match=r"math.word has no oracle for policy 'forward'"):
        task.solution(task.generate({}, 0, "train", 0), "forward")


GENERATED = [name for name, task in TASKS.items() if task.generate is not None]


@pytest.mark.parametrize("name", GENERATED)
@given(index=st.integers(0, 10**4), share=st.floats(0.05, 0.9), spare=st.integers(0, 6))
@settings(max_examples=12)
def test_slips_change_nothing_but_fail(name, index, share, spare):
    task = find_task(name)
    assert task.generate is not None
    problem = task.generate({}, 3, "train", index)
    solution = task.oracle(problem)
    limits = Limits(calls=len(solution) + spare)
    replies = with_slips(task, problem, solution, share, limits)
    assert replies == with_slips(task, problem, solution, share, limits)
    assert len(replies) <= limits.calls
    state = played(problem, replies, limits)
    assert task.score_state(state).correct
    worked = [turn.outcome.code is None for turn in state.turns]
    assert tuple(text for text, good in zip(replies, worked, strict=True) if good) == solution
    row = "".join("." if good else "x" for good in worked)
    assert "xxx" not in row


def test_slips_come_about_as_often_as_asked_and_in_many_ways():
    assert TASK.generate is not None
    calls, codes = 0, []
    for index in range(120):
        problem = TASK.generate({"max_depth": 3}, 0, "train", index)
        solution = TASK.solution(problem, "forward")
        calls += len(solution)
        state = played(problem, with_slips(TASK, problem, solution, 0.2, WIDE))
        codes += [turn.outcome.code for turn in state.turns if turn.outcome.code is not None]
    # 0.2, and 0.04 for a second one after the first.
    assert 0.15 < len(codes) / calls < 0.26
    assert {code.value for code in codes} == {"argument_domain", "not_applicable", "repeated_call"}
    assert max(codes.count(code) for code in codes) < 0.6 * len(codes)


def test_the_engine_follows_policy_and_slips():
    assert TASK.generate is not None
    problems = [TASK.generate({"max_depth": 4}, 0, "train", index) for index in range(10)]

    def solved(**how: object) -> list[tuple[str, ...]]:
        plan = SamplePlan(prompt=STUDENT, limits=Limits(), **how)
        chains = sample_chains(problems, OracleEngine(problems, plan), plan)
        assert all(
            TASK.score(chain, one).correct
            for chain in chains
            for one in problems
            if chain.problem == problem_id(one)
        )
        return [tuple(turn.reply for turn in chain.turns) for chain in chains]

    assert solved() == [TASK.oracle(one) for one in problems]
    forward = [TASK.solution(one, "forward") for one in problems]
    assert solved(policy="forward") == forward
    slipping = solved(policy="forward", slips=0.3)
    assert sum(map(len, slipping)) > sum(map(len, forward))


def test_pairs_go_on_by_the_policy_that_the_student_was_taught():
    assert TASK.generate is not None
    made = (TASK.generate({"max_depth": 5}, 0, "train", index) for index in range(60))
    problem = next(one for one in made if TASK.solution(one)[0] != TASK.solution(one, "forward")[0])
    chain = finish(played(problem, ("Answer(value='Unknown')",)), "student", 0)
    scored = ScoredChain(chain=chain, score=TASK.score(chain, problem))
    for policy in ("shortest", "forward"):
        spec = PairSpec(kinds=("oracle",), policy=policy)
        (pair,) = build_pairs([scored], {problem_id(problem): problem}, spec)
        assert tuple(t.reply for t in pair.chosen.turns) == TASK.solution(problem, policy)
