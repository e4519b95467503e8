"""The functions of `fol.deduction`, on problems made by hand."""

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given

from fcpref.core.chains import replay
from fcpref.core.functions import FailureCode, Memory, read_call
from fcpref.core.functions.deduction_texts import established
from fcpref.core.logic import show
from fcpref.core.problems.deduction_knowledge import knowledge
from fcpref.core.tasks.fol_deduction import TASK
from tests.core.deduction_by_hand import KIND_MAX, problem_of
from tests.strategies import deduction_problems


def told(problem, *replies):
    """Return what a model is told after each reply."""
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.text for outcome in outcomes]


def codes(problem, *replies):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


def test_applying_a_rule_says_its_conclusion():
    assert told(
        KIND_MAX,
        "ApplyRule(rule='All kind people are calm.', fact='Max is kind.')",
        "ApplyRule(rule='No calm people are tall.', fact='Max is calm.')",
    ) == ["Max is calm.", "Max is not tall."]


def test_modus_tollens_says_the_negated_condition():
    assert told(
        KIND_MAX,
        "ModusTollens('No calm people are tall.', 'Sam is tall.')",
        "ModusTollens('All kind people are calm.', 'Sam is not calm.')",
    ) == ["Sam is not calm.", "Sam is not kind."]


LIKES = problem_of(
    (
        "forall x. forall y. (Kind(x) and Likes(x, y) -> Calm(y))",
        "forall x. forall y. (Likes(x, y) -> Likes(y, x))",
        "forall x. forall y. (Likes(x, y) -> Tall(x))",
        "Kind(max) and Tall(sam)",
        "Likes(max, sam)",
        "not Tall(tom)",
    ),
    "Calm(sam)",
)
RULE = "If x is kind and x likes y, then y is calm."


def test_two_conditions_are_joined_in_any_order_and_what_is_told_together_is_taken_apart():
    assert told(
        LIKES,
        "AndElim('Max is kind and Sam is tall.')",
        "AndIntro(first='Max likes Sam.', second='Max is kind.')",
        f"ApplyRule(rule='{RULE}', fact='Max likes Sam and Max is kind.')",
    ) == ["Max is kind. Sam is tall.", "Max likes Sam and Max is kind.", "Sam is calm."]


def test_instantiation_and_modus_ponens_each_alone():
    assert told(
        LIKES,
        f"Instantiate(rule='{RULE}', names='Max, Sam')",
        "AndElim('Max is kind and Sam is tall.')",
        "AndIntro('Max is kind.', 'Max likes Sam.')",
        "ModusPonens(conditional='If Max is kind and Max likes Sam, then Sam is calm.', "
        "fact='Max is kind and Max likes Sam.')",
        "Instantiate('If x likes y, then y likes x.', 'max,sam')",
        "ModusPonens('If Max likes Sam, then Sam likes Max.', 'Max likes Sam.')",
    ) == [
        "If Max is kind and Max likes Sam, then Sam is calm.",
        "Max is kind. Sam is tall.",
        "Max is kind and Max likes Sam.",
        "Sam is calm.",
        "If Max likes Sam, then Sam likes Max.",
        "Sam likes Max.",
    ]


def test_saturated_waits_for_what_is_told_together():
    told_together = problem_of(("Kind(max) and Tall(sam)",), "Kind(max)")
    apart = "AndElim('Max is kind and Sam is tall.')"
    assert codes(told_together, "Saturated()", apart, "Saturated()") == [
        FailureCode.NOT_APPLICABLE,
        None,
        None,
    ]


def test_saturated_waits_for_all_pairs():
    ways = (
        "AndElim('Max is kind and Sam is tall.')",
        "ApplyRule('If x likes y, then y likes x.', 'Max likes Sam.')",
        "ApplyRule('If x likes y, then x is tall.', 'Max likes Sam.')",
        "AndIntro('Max is kind.', 'Max likes Sam.')",
        f"ApplyRule('{RULE}', 'Max is kind and Max likes Sam.')",
    )
    for count in range(5):
        assert codes(LIKES, *ways[:count], "Saturated()")[-1] == FailureCode.NOT_APPLICABLE
    assert told(LIKES, *ways, "Saturated()")[-1] == "Nothing new follows."


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (f"ApplyRule('{RULE}', 'Max likes Sam.')", "not_applicable", "two conditions"),
        (f"ApplyRule('{RULE}', 'Max is kind and Sam is tall.')", "not_applicable", "fit"),
        (f"ApplyRule('{RULE}', 'Max is kind and Max likes Sam.')", "argument_domain", "neither"),
        (f"ModusTollens('{RULE}', 'Max likes Sam.')", "not_applicable", "backwards"),
        ("ModusTollens('If x likes y, then x is tall.', 'Tom is not tall.')", "not_applicable", ""),
        ("AndElim('Max likes Sam.')", "not_applicable", "single"),
        ("AndIntro('Max is kind and Sam is tall.', 'Max likes Sam.')", "not_applicable", "single"),
        ("AndIntro('Max likes Sam.', 'Max is calm.')", "argument_domain", "second"),
        ("AndIntro('Max is kind.', 'Max likes Sam.')", "argument_domain", "first"),
        (f"Instantiate('{RULE}', 'Max')", "not_applicable", "2 people"),
        (f"Instantiate('{RULE}', 'Max, Eve')", "argument_domain", "people"),
        (f"Instantiate('{RULE}', '')", "argument_domain", "people"),
        ("Instantiate('Max likes Sam.', 'Max')", "argument_domain", "rule"),
        (f"ModusPonens('{RULE}', 'Max likes Sam.')", "argument_domain", "conditional"),
        ("ModusPonens('Max likes Sam.', 'Max likes Sam.')", "not_applicable", "if"),
        (
            "ModusPonens('If Max likes Sam, then Sam is calm.', 'Max likes Sam.')",
            "argument_domain",
            "conditional",
        ),
    ],
)
def test_a_call_about_two_people_that_cannot_work_says_why(reply, code, text):
    effect = read_call(reply, TASK.toolbox, Memory(problem=LIKES))
    assert effect.outcome.code == FailureCode(code)
    assert text in effect.outcome.text
    assert Memory(problem=LIKES, steps=1) == effect.memory


def test_a_conditional_is_used_for_its_own_people_only():
    assert codes(
        LIKES,
        "Instantiate('If x likes y, then y likes x.', 'Sam, Max')",
        "ModusPonens('If Sam likes Max, then Max likes Sam.', 'Max likes Sam.')",
    ) == [None, FailureCode.NOT_APPLICABLE]


def test_joining_again_and_again_does_not_make_texts_grow():
    again = "AndIntro('Max likes Sam.', 'Tom is not tall.')"
    both = "Max likes Sam and Tom is not tall."
    replies = [again, f"AndIntro('{both}', '{both}')", f"AndIntro('{both}', 'Max likes Sam.')"]
    assert codes(LIKES, *replies) == [None, *[FailureCode.NOT_APPLICABLE] * 2]


def test_formulas_are_taken_like_sentences_and_formal_problems_answer_in_them():
    call = "ApplyRule(rule='forall x. (Kind(x) -> Calm(x))', fact='Kind(max)')"
    formal = evolve(
        KIND_MAX,
        givens=tuple(evolve(given, text=given.formula) for given in KIND_MAX.givens),
        tags=("formal",),
    )
    assert (told(KIND_MAX, call), told(formal, call)) == (["Max is calm."], ["Calm(max)"])


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("ApplyRule('All calm people are kind.', 'Max is kind.')", "argument_domain"),
        ("ApplyRule('Max is kind.', 'Max is kind.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Max is calm.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Sam is kind.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'nonsense')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'All kind people are calm.')", "argument_domain"),
        ("ApplyRule('All kind people are calm.', 'Sam is tall.')", "not_applicable"),
        ("ModusTollens('All kind people are calm.', 'Max is kind.')", "not_applicable"),
        ("Saturated()", "not_applicable"),
        ("Check('All kind people')", "argument_domain"),
        ("Check('Max is not.')", "argument_domain"),
        ("Check('(((')", "argument_domain"),
        ("Answer('Maybe')", "argument_domain"),
        ("Answer('')", "argument_domain"),
        ("ApplyRule('All kind people are calm.')", "missing_argument"),
        ("ApplyRule(rule=['a'], fact='Max is kind.')", "argument_type"),
    ],
)
def test_a_call_that_cannot_work_fails_with_its_code_and_changes_nothing(reply, code):
    effect = read_call(reply, TASK.toolbox, Memory(problem=KIND_MAX))
    assert effect.outcome.code == FailureCode(code)
    assert effect.outcome.text.startswith("Error: ")
    assert Memory(problem=KIND_MAX, steps=1) == effect.memory


def test_check_tells_what_is_established_so_far():
    assert told(
        KIND_MAX,
        "Check('Max is kind.')",
        "Check(claim='Sam is not tall')",
        "Check(claim='Tall(max)')",
    ) == [
        "Established.",
        "The opposite is established.",
        "Not established so far.",
    ]


@pytest.mark.parametrize(
    "claim", ["Kind(f(max))", "max = sam", "forall x. x = max", "P(f(x)) or Q(x)"]
)
def test_equality_and_functions_have_no_part_in_this_task(claim):
    assert codes(KIND_MAX, f"Check(claim='{claim}')") == [FailureCode.ARGUMENT_DOMAIN]


def test_check_establishes_nothing():
    _, memory = replay(["Check('Max is kind.')"], TASK.toolbox, KIND_MAX)
    assert memory.facts == ()


def test_saturated_works_once_nothing_new_follows():
    calls = (
        "ApplyRule('All kind people are calm.', 'Max is kind.')",
        "ApplyRule('No calm people are tall.', 'Max is calm.')",
        "ModusTollens('No calm people are tall.', 'Sam is tall.')",
        "ModusTollens('All kind people are calm.', 'Sam is not calm.')",
    )
    for count in range(4):
        assert codes(KIND_MAX, *calls[:count], "Saturated()")[-1] == FailureCode.NOT_APPLICABLE
    assert told(KIND_MAX, *calls, "Saturated()")[-1] == "Nothing new follows."


def test_deriving_what_is_known_already_works_but_is_no_new_fact():
    cycle = problem_of(
        ("forall x. (Kind(x) -> Calm(x))", "forall x. (Calm(x) -> Kind(x))", "Kind(max)"),
        "Calm(max)",
    )
    replies = (
        "ApplyRule('All kind people are calm.', 'Max is kind.')",
        "ApplyRule('All calm people are kind.', 'Max is calm.')",
        "ModusTollens('All kind people are calm.', 'Max is not calm.')",
    )
    outcomes, memory = replay(replies, TASK.toolbox, cycle)
    assert [outcome.code for outcome in outcomes] == [None, None, FailureCode.ARGUMENT_DOMAIN]
    assert [fact.key for fact in memory.facts] == ["Calm(max)"]


@given(deduction_problems(3))
def test_what_the_functions_establish_is_what_follows(problem):
    _, memory = replay(TASK.oracle(problem), TASK.toolbox, problem)
    follows = {show(literal.formula) for literal in knowledge(problem).saturate()}
    single = {key for key in established(memory) if " and " not in key}
    assert single <= follows
    if problem.gold == "Unknown":
        assert single == follows


@given(deduction_problems(3))
def test_each_fact_names_the_call_and_the_facts_before_it(problem):
    _, memory = replay(TASK.oracle(problem), TASK.toolbox, problem)
    given = {said.formula for said in problem.givens}
    for fact in memory.facts:
        earlier = {other.key for other in memory.facts if other.call < fact.call}
        assert set(fact.uses) <= given | earlier
    assert all(one.call <= other.call for one, other in pairwise(memory.facts))
