"""The oracle that thinks aloud: what it says of facts and rules is so and complete."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given, settings

from fcpref.core.chains import Limits, Reply, advance, begin
from fcpref.core.functions import Call, Memory, parse_call
from fcpref.core.functions.deduction_texts import established
from fcpref.core.logic import negate, parse, show
from fcpref.core.logic.chaining import as_conjunction
from fcpref.core.problems import Statement
from fcpref.core.problems.deduction_knowledge import claim_of, knowledge
from fcpref.core.tasks import find_task
from fcpref.core.tasks.fol_aloud import SOMEONE, Weighed, aloud, weigh
from fcpref.core.tasks.fol_calls import Words
from tests.strategies import deduction_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.logic.literals import Literal
    from fcpref.core.problems import Problem

TASK = find_task("fol.deduction")
NEVER = Statement(text="Nobody knows.", formula="Unheardof(nobody)")
"""A claim that is never settled, so that everything is derived."""


def calls_of(problem: Problem) -> list[Call]:
    found = [parse_call(text) for text in aloud(Memory(problem=problem))]
    assert all(isinstance(one, Call) for one in found)
    return [one for one in found if isinstance(one, Call)]


def weighed_of(problem: Problem) -> list[Weighed]:
    known = knowledge(problem)
    return list(weigh(known.literals, known.rules))


def problem_of(givens: Mapping[str, str]) -> Problem:
    """Make a problem of sentences by formula, with a claim that is never settled."""
    assert TASK.generate is not None
    told = (Statement(text=text, formula=show(parse(one))) for one, text in givens.items())
    return evolve(TASK.generate({}, 0, "train", 0), givens=tuple(told), claim=NEVER)


@given(deduction_problems())
@settings(max_examples=60)
def test_every_step_there_is_comes_once_with_the_later_of_its_premises(problem):
    known = knowledge(problem)
    everything = list(known.saturate())
    weighed = weighed_of(problem)
    made = [
        (step.kind, step.rule, step.premises, step.conclusion)
        for one in weighed
        for step in one.steps
    ]
    there = {
        ("ponens", rule, premises, conclusion)
        for rule in known.rules
        for premises in product(everything, repeat=len(rule.body))
        if (conclusion := rule.ponens(premises)) is not None
    }
    there |= {
        ("tollens", rule, (fact,), conclusion)
        for rule in known.rules
        for fact in everything
        if (conclusion := rule.tollens(fact)) is not None
    }
    assert len(made) == len(set(made))
    assert set(made) == there
    facts = [one.fact for one in weighed]
    assert set(facts) == set(everything)
    assert len(facts) == len(everything)
    for place, one in enumerate(weighed):
        for step in one.steps:
            assert one.fact in step.premises
            assert set(step.premises) <= set(facts[: place + 1])


@given(deduction_problems())
@settings(max_examples=60)
def test_steps_have_the_depth_at_which_their_premises_were_found(problem):
    depths: dict[object, int] = dict.fromkeys(knowledge(problem).literals, 0)
    for one in weighed_of(problem):
        for step in one.steps:
            assert step.depth == 1 + max(depths[premise] for premise in step.premises)
        for step in one.steps:
            depths.setdefault(step.conclusion, step.depth)


@given(deduction_problems())
@settings(max_examples=60)
def test_partners_are_what_meets_the_other_condition_among_the_facts_before(problem):
    known = knowledge(problem)
    weighed = weighed_of(problem)
    for place, one in enumerate(weighed):
        before = [other.fact for other in weighed[: place + 1]]
        said = {partners.rule: partners for partners in one.partners}
        for rule in known.rules:
            met = [
                other
                for other in before
                if rule.ponens((one.fact, other)) or rule.ponens((other, one.fact))
            ]
            if len(rule.body) == 1:
                assert rule not in said
            elif met:
                assert set(said[rule].facts) == set(met)
                for other in met:
                    assert as_asked(said[rule].asked, other)
            elif rule in said:
                assert not said[rule].facts


def as_asked(asked: Literal, fact: Literal) -> bool:
    """Tell whether a fact is what is asked for, where `SOMEONE` is anyone."""
    return (asked.predicate, asked.positive) == (fact.predicate, fact.positive) and all(
        one in {SOMEONE, other} for one, other in zip(asked.terms, fact.terms, strict=True)
    )


@given(deduction_problems())
@settings(max_examples=60)
def test_of_a_condition_only_who_is_left_open_is_someone(problem):
    people = {term for fact in knowledge(problem).literals for term in fact.terms}
    for one in weighed_of(problem):
        for rule, asked, _ in one.partners:
            place = next(
                at
                for at, condition in enumerate(rule.body)
                if (condition.predicate, condition.positive)
                == (one.fact.predicate, one.fact.positive)
            )
            known = set(rule.body[place].terms)
            for variable, term in zip(rule.body[1 - place].terms, asked.terms, strict=True):
                assert (term == SOMEONE) == (variable not in known)
                assert term in {SOMEONE, *people}


@given(deduction_problems())
@settings(max_examples=60)
def test_thoughts_say_what_is_so(problem):
    """Every fact in order; `something` where calls about it follow, with the partners named."""
    problem = evolve(problem, claim=NEVER)
    word = Words(problem)

    def bare(formula: object) -> str:
        return word(formula).removesuffix(".")

    expected = []
    for one in weighed_of(problem):
        told = []
        for rule, asked, facts in one.partners:
            met = "yes" if facts == (asked,) else " and ".join(bare(x.formula) for x in facts)
            told.append(f"{bare(rule.formula)}, {bare(asked.formula)}, {met or 'not yet'}")
        end = "something" if one.steps else "nothing"
        expected.append(f"{bare(one.fact.formula)}: {'; '.join([*told, end])}.")
    thoughts = [
        str(dict(call.keywords)["thought"])
        for call in calls_of(problem)
        if call.function == "Reasoning"
    ]
    assert " ".join(thoughts) == " ".join(expected)
    assert all(text.count("something.") == 1 for text in thoughts[:-1])
    assert all(text.endswith("something.") for text in thoughts[:-1])


@given(deduction_problems())
@settings(max_examples=60)
def test_calls_are_about_the_fact_that_was_just_weighed_and_name_it_first(problem):
    leading = ""
    for call in calls_of(problem):
        said = dict(call.keywords)
        if call.function == "Reasoning":
            found = re.findall(r"([^:;]+): (?:[^:;]+; )*(\w+)\.", str(said["thought"]))
            leading = next((fact.strip() for fact, end in found if end == "something"), "")
        elif call.function in {"ApplyRule", "ModusTollens"}:
            assert tuple(said) == ("fact", "rule")
            assert leading
            assert leading in str(said["fact"])


@given(deduction_problems())
@settings(max_examples=60)
def test_what_is_told_together_is_taken_apart_first_unless_the_claim_is_told_alone(problem):
    names = [call.function for call in calls_of(problem)]
    told = [parts for one in problem.givens if (parts := as_conjunction(parse(one.formula)))]
    together = sum(len(parts) > 1 for parts in told)
    alone = len(names) == 1
    assert names[:together] == ["AndElim"] * together or alone


@given(deduction_problems())
@settings(max_examples=60)
def test_it_answers_as_soon_as_the_claim_is_settled(problem):
    """The call before the answer settles it, and none before that does."""
    state = begin(TASK.toolbox, problem, (), Limits(calls=99))
    texts = aloud(state.memory)
    claim = claim_of(problem).formula
    keys = {show(claim), show(negate(claim))}
    settled = []
    for text in texts:
        state = advance(state, Reply(text=text))
        known = established(state.memory)
        settled.append(bool(keys & known))
    if texts[-1] == "Answer(value='Unknown')":
        assert not any(settled)
    else:
        assert settled[-2:] in ([True], [True, True])
        assert not any(settled[:-2])


def test_what_was_told_together_the_other_way_round_is_not_used_again():
    own = problem_of(
        {
            "Big(jim) and Kind(jim)": "Jim is big and Jim is kind.",
            "forall x. (Kind(x) and Big(x) -> Odd(x))": "All people who are kind and big are odd.",
        }
    )
    state = begin(TASK.toolbox, own, (), Limits(calls=99))
    use = next(one for one in aloud(state.memory) if one.startswith("ApplyRule"))
    assert "fact='Jim is big and Jim is kind.'" in use
    for text in ("AndElim(fact='Jim is big and Jim is kind.')", use):
        state = advance(state, Reply(text=text))
        assert state.turns[-1].outcome.code is None
    assert functions(aloud(state.memory)) == ["Reasoning", "Saturated", "Answer"]


def test_a_fact_that_meets_both_conditions_is_its_own_partner():
    own = problem_of(
        {
            "Both(jim)": "Jim is both.",
            "forall x. (Both(x) and Both(x) -> Odd(x))": "All people both and both are odd.",
        }
    )
    (first, second) = weighed_of(own)
    assert first.partners == ((knowledge(own).rules[0], first.fact, (first.fact,)),)
    assert [step.conclusion for step in first.steps] == [second.fact]


def test_nothing_is_said_where_there_is_nothing_to_find():
    assert TASK.generate is not None
    problem = TASK.generate({}, 0, "train", 0)
    told = next(one for one in problem.givens if "forall" not in one.formula)
    assert aloud(Memory(problem=evolve(problem, claim=told))) == ("Answer(value='True')",)
    assert aloud(Memory(problem=evolve(problem, claim=None))) == ()


def functions(replies: Iterable[str]) -> list[str]:
    return [text.partition("(")[0] for text in replies]


@pytest.mark.parametrize("index", range(8))
def test_after_calls_of_another_only_the_others_are_made(index):
    assert TASK.generate is not None
    problem = evolve(TASK.generate({"max_depth": 4}, 0, "train", index), claim=NEVER)
    whole = aloud(Memory(problem=problem))
    made = [text for text in whole if not text.startswith(("Reasoning", "Saturated", "Answer"))]
    for count in range(len(made) + 1):
        state = begin(TASK.toolbox, problem, (), Limits(calls=99))
        for text in made[:count]:
            state = advance(state, Reply(text=text))
        left = [one for one in aloud(state.memory) if not one.startswith("Reasoning")]
        assert sorted(left[:-2]) == sorted(made[count:])
        assert functions(left[-2:]) == ["Saturated", "Answer"]
        if count == len(made):
            assert "something" not in "".join(aloud(state.memory))


@pytest.mark.parametrize("index", range(8))
def test_whoever_thinks_so_goes_on_where_it_is(index):
    """After each beginning of its own chain the oracle gives the rest, failed calls or not."""
    assert TASK.generate is not None
    problem = TASK.generate({"max_depth": 4}, 0, "train", index)
    whole = aloud(Memory(problem=problem))
    state = begin(TASK.toolbox, problem, (), Limits(calls=99, failures=99))
    for count, text in enumerate(whole):
        assert aloud(state.memory) == whole[count:]
        state = advance(state, Reply(text="ApplyRule(fact='Nothing.', rule='None.')"))
        assert state.turns[-1].outcome.code is not None
        assert aloud(state.memory) == whole[count:]
        state = advance(state, Reply(text=text))


def test_what_was_said_wrongly_is_said_again():
    own = problem_of(
        {
            "Big(jim)": "Jim is big.",
            "Kind(jim)": "Jim is kind.",
            "forall x. (Big(x) and Kind(x) -> Odd(x))": "All big and kind people are odd.",
        }
    )
    right, *calls = aloud(Memory(problem=own))[:3]
    assert "Jim is big, yes; something." in right
    state = begin(TASK.toolbox, own, (), Limits(calls=99))
    state = advance(state, Reply(text=right.replace("yes; something", "not yet; nothing")))
    again = aloud(state.memory)
    assert "Jim is kind: All big and kind people are odd, Jim is big, yes; something." in again[0]
    assert "Jim is big:" not in again[0]
    assert list(again[1:3]) == calls


def test_what_was_said_too_early_is_said_again_before_its_calls():
    own = problem_of(
        {
            "Big(jim)": "Jim is big.",
            "Kind(jim)": "Jim is kind.",
            "forall x. (Kind(x) -> Odd(x))": "All kind people are odd.",
        }
    )
    state = begin(TASK.toolbox, own, (), Limits(calls=99))
    whole = aloud(state.memory)
    assert whole[0] == "Reasoning(thought='Jim is big: nothing. Jim is kind: something.')"
    state = advance(state, Reply(text="Reasoning(thought='Jim is kind: something.')"))
    assert aloud(state.memory) == whole


def test_only_a_whole_saying_counts_as_said():
    own = problem_of({"Big(jim)": "Jim is big."})
    state = begin(TASK.toolbox, own, (), Limits(calls=99))
    assert aloud(state.memory)[0] == "Reasoning(thought='Jim is big: nothing.')"
    for thought, left in (("Not Jim is big: nothing.", True), ("Jim is big: nothing.", False)):
        state = advance(state, Reply(text=f"Reasoning(thought='{thought}')"))
        assert aloud(state.memory)[0].startswith("Reasoning") == left
