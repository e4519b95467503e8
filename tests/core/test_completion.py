"""Problems that a model never solves, completed by the oracle."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.functions import FailureCode, translate
from fcpref.core.tasks import TASKS, complete, find_task

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
