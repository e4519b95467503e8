"""Problems that a model never solves, completed by the oracle."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.functions import FailureCode, translate
from fcpref.core.tasks import TASKS, complete, corrected, find_task

LIMITS = Limits(failures=6)
DEDUCTION, WORD = find_task("fol.deduction"), find_task("math.word")
DEEP = DEDUCTION.generate({"min_depth": 4, "max_depth": 4, "relations": 0}, 0, "train", 0)
STORY = WORD.generate({"min_steps": 4, "max_steps": 4}, 0, "train", 2)


def chain_of(task, problem, replies, sample=0, grammar="python", without=(), limits=LIMITS):
    state = begin(task.toolbox.without(without), problem, (), limits, grammar)
    for text in replies:
        state = advance(state, Reply(text=translate(text, grammar), tokens=2))
    return finish(state, "m", sample)


def said(chain):
    return [turn.reply for turn in chain.turns]


def test_nothing_is_completed_unless_it_is_asked_for():
    chain = chain_of(DEDUCTION, DEEP, ())
    assert complete(DEDUCTION, DEEP, [chain], LIMITS, "none") is None


@pytest.mark.parametrize("how", ["whole", "prefix"])
def test_of_nothing_the_whole_chain_is_the_oracles(how):
    chain = chain_of(DEDUCTION, DEEP, ("no", "Reasoning(thought='hm')", "no"), sample=3)
    made = complete(DEDUCTION, DEEP, [chain], LIMITS, how)
    assert said(made) == list(DEDUCTION.oracle(DEEP))
    assert (made.source, made.sample, made.completed_from) == ("m+oracle", 4, 0)


@pytest.mark.parametrize(("task", "problem"), [(DEDUCTION, DEEP), (WORD, STORY)])
def test_the_oracle_goes_on_from_the_longest_beginning_that_the_answer_rests_on(task, problem):
    solution = list(task.oracle(problem))
    wrong = "Answer(value=1)" if task is WORD else "Answer(value='Unknown')"
    kept = [solution[0], "no", solution[1]]
    chain = chain_of(task, problem, [*kept, "Reasoning(thought='so')", wrong])
    made = complete(task, problem, [chain], LIMITS, "prefix")
    assert said(made) == [*kept, *solution[2:]]
    assert made.completed_from == 3
    assert made.turns[:3] == chain.turns[:3]
    assert complete(task, problem, [chain], LIMITS, "whole").completed_from == 0


def test_the_chain_that_gives_most_to_go_on_from_is_taken():
    solution = DEDUCTION.oracle(DEEP)
    chains = [
        chain_of(DEDUCTION, DEEP, replies, sample)
        for sample, replies in enumerate(
            (solution[:1], ("no", *solution[:3]), solution[:3], solution[:2])
        )
    ]
    made = complete(DEDUCTION, DEEP, chains, LIMITS, "prefix")
    assert (said(made), made.completed_from, made.sample) == (list(solution), 3, 4)


def test_a_call_made_before_is_not_made_again():
    solution = WORD.oracle(STORY)
    chain = chain_of(WORD, STORY, (solution[1], "Answer(value=1)"))
    made = complete(WORD, STORY, [chain], LIMITS, "prefix")
    assert sorted(said(made)) == sorted(solution)
    assert not [t for t in made.turns if t.outcome.code is FailureCode.REPEATED_CALL]


def test_a_completed_chain_keeps_within_the_limits():
    solution = DEDUCTION.oracle(DEEP)
    wandering = [f"Reasoning(thought='{at}')" for at in range(3)]
    limits = evolve(LIMITS, calls=len(solution) + 1)
    chain = chain_of(DEDUCTION, DEEP, (*wandering, *solution[:1]), limits=limits)
    made = complete(DEDUCTION, DEEP, [chain], limits, "prefix")
    assert (said(made), made.completed_from) == (list(solution), 0)
    tight = evolve(LIMITS, calls=len(solution) - 1)
    assert complete(DEDUCTION, DEEP, [evolve(chain, turns=())], tight, "prefix") is None


def test_the_oracle_does_not_call_what_is_withheld():
    used = {reply.partition("(")[0] for reply in DEDUCTION.oracle(DEEP)}
    (name, *_) = used - {"Answer"}
    for withheld, is_made in ((name, False), ("Check", True)):
        chain = chain_of(DEDUCTION, DEEP, (), without=(withheld,))
        made = complete(DEDUCTION, DEEP, [chain], LIMITS, "whole")
        assert (made is not None) == is_made
        assert made is None or made.without == (withheld,)


def test_a_stuck_chain_is_corrected_from_the_start_after_its_first_failure_and_at_its_end():
    solution = DEDUCTION.oracle(DEEP)
    wrong = "ApplyRule(rule='no such rule', fact='none')"
    stuck = chain_of(DEDUCTION, DEEP, (solution[0], wrong, "no", wrong), limits=Limits(failures=3))
    right = chain_of(DEDUCTION, DEEP, solution, sample=1)
    hasty = chain_of(DEDUCTION, DEEP, (*solution[:2], "Answer(value='Unknown')"), sample=2)
    again = evolve(stuck, sample=3)
    made = corrected(DEDUCTION, DEEP, [stuck, right, hasty, again], Limits(failures=3))
    assert [said(one) for one in made] == [
        list(solution),
        [solution[0], wrong, *solution[1:]],
        [solution[0], wrong, "no", *solution[1:]],
    ]
    assert [(one.sample, one.completed_from, one.source) for one in made] == [
        (4, 0, "m+oracle"),
        (5, 2, "m+oracle"),
        (6, 3, "m+oracle"),
    ]
    assert corrected(DEDUCTION, DEEP, [right], LIMITS) == ()
    assert complete(DEDUCTION, DEEP, [stuck], LIMITS, "each") is None


def test_a_chain_is_gone_on_with_by_the_policy_that_is_asked_for():
    made = (DEDUCTION.generate({"max_depth": 5}, 0, "train", index) for index in range(60))
    problem = next(
        one for one in made if len(DEDUCTION.oracle(one)) < len(DEDUCTION.solution(one, "forward"))
    )
    chain = chain_of(DEDUCTION, problem, ("no", "no"), limits=Limits(failures=2))
    for policy in ("shortest", "forward"):
        (whole, one) = corrected(DEDUCTION, problem, [chain], LIMITS, policy)
        assert said(whole) == [*DEDUCTION.solution(problem, policy)]
        assert said(one) == ["no", *DEDUCTION.solution(problem, policy)]


def test_a_chain_without_room_for_the_oracle_stays_as_it_is():
    solution = DEDUCTION.oracle(DEEP)
    limits = Limits(calls=len(solution))
    chain = chain_of(DEDUCTION, DEEP, ("no", "Reasoning(thought='hm')", "no", "no", "no"))
    (whole,) = corrected(DEDUCTION, DEEP, [chain], limits)
    assert (said(whole), whole.completed_from) == ([*solution], 0)
    assert corrected(DEDUCTION, DEEP, [chain], Limits(calls=len(solution) - 1)) == ()


replies = st.lists(st.integers(-3, 6), max_size=8)


@pytest.mark.parametrize("grammar", ["python", "tools"])
@pytest.mark.parametrize("name", TASKS)
@given(picks=st.lists(replies, min_size=1, max_size=2))
def test_whatever_a_model_did_the_completed_chain_is_correct(name, grammar, picks):
    """Its beginning is the model's, it is executed within the limits, and it ends in an answer."""
    task = find_task(name)
    problem = task.exemplars[1].problem
    solution = task.oracle(problem)
    chains = []
    for sample, places in enumerate(picks):
        texts = [solution[at] if 0 <= at < len(solution) else f"no {at}" for at in places]
        chains.append(chain_of(task, problem, texts, sample, grammar))
    for how in ("whole", "prefix"):
        made = complete(task, problem, chains, LIMITS, how)
        assert task.score(made, problem).correct
        assert made.stop == "answered"
        at = made.completed_from
        assert at == 0 or any(made.turns[:at] == chain.turns[:at] for chain in chains)
        assert made.grammar == grammar
        assert all(turn.outcome.code is None for turn in made.turns[at:])
        state = begin(task.toolbox, problem, (), LIMITS, grammar)
        for turn in made.turns:
            assert state.stop is None
            state = advance(state, Reply(text=turn.reply, tokens=turn.tokens))
        assert state.turns == made.turns
    for made in corrected(task, problem, chains, LIMITS):
        assert task.score(made, problem).correct
        at = made.completed_from
        assert any(
            at < len(chain.turns) and made.turns[:at] == chain.turns[:at] for chain in chains
        )
        failed = [turn.outcome.code is not None for turn in made.turns]
        assert at in {0, failed.index(True) + 1 if True in failed else 0} or any(
            at == len(chain.turns) - 1 for chain in chains
        )
        assert not any(failed[at:])
