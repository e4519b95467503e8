"""The functions of `fol.models`: where an expression is true, and what they refuse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import replay
from fcpref.core.functions import FailureCode, read_call
from fcpref.core.functions.models import is_sentence
from fcpref.core.logic import Atom, Not, parse, show
from fcpref.core.problems.models import world_of
from fcpref.core.scores import Verdict
from fcpref.core.tasks.fol_models import TASK
from tests.core.models_by_hand import ASKED, BUILT, PROBLEM, answered, told
from tests.meaning import truth_by_sets
from tests.strategies import models_problems, models_replies, replies


def codes(*replies, problem=PROBLEM):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        (["Domain()"], "The people are ann, ben."),
        (["Holds(atom='Big(x)')"], "Big(x) is true for x = ann."),
        (["Holds(atom='big( X )')"], "Big(x) is true for x = ann."),
        (["Holds(atom='x is big.')"], "Big(x) is true for x = ann."),
        (["Holds(atom='Ann likes x')"], "Likes(ann, x) is true for x = ben."),
        (["Holds(atom='Likes(x, ann)')"], "Likes(x, ann) is true for x = nobody."),
        (["Holds(atom='Likes(y, x)')"], "Likes(y, x) is true for 1 of 4 choices of x, y."),
        (["Holds(atom='Likes(ann, ben)')"], "Likes(ann, ben) is true."),
        ([*BUILT[:1], "Not(a='Big(x)')"], "not Big(x) is true for x = ben."),
        ([*BUILT[:1], "Not(a='Big(x) is true for x = ann.')"], "not Big(x) is true for x = ben."),
        ([*BUILT[:2], "And('Big(x)', 'Red(x)')"], "Big(x) and Red(x) is true for x = ann."),
        ([*BUILT[:2], "Or('(Big(x))', 'red(x)')"], "Big(x) or Red(x) is true for x = ann, ben."),
        (BUILT, "forall x. (Big(x) -> Red(x)) is true."),
        ([*BUILT[:1], "ForAll('x', 'Big(x)')"], "forall x. Big(x) is false."),
        ([*BUILT[:1], "Exists('x', 'Big(x)')"], "exists x. Big(x) is true."),
        ([*BUILT, f"Check('{ASKED}')"], f"Built: {ASKED} is true."),
        ([*BUILT[:1], "Check('Red(x)')"], "Not built so far."),
    ],
)
def test_results_say_where_an_expression_is_true(replies, text):
    assert text == told(*replies)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Holds(atom='Huge(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='Big(bob)')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='Big(f(x))')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='Big(x, y)')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='not Big(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='x = y')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='((((')", FailureCode.ARGUMENT_DOMAIN),
        ("Not(a='Big(y)')", FailureCode.ARGUMENT_DOMAIN),
        ("And(a='Big(x)', b='Red(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("ForAll(variable='y', body='Big(x)')", FailureCode.NOT_APPLICABLE),
        ("ForAll(variable='ann', body='Big(x)')", FailureCode.NOT_APPLICABLE),
        ("Exists(variable='x', body='Red(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("Holds(atom='Big(x)')", FailureCode.REPEATED_CALL),
        ("Answer(value='Unknown')", FailureCode.ARGUMENT_DOMAIN),
    ],
)
def test_calls_that_do_not_fit_fail_with_their_code(reply, code):
    assert [None, code] == codes("Holds(atom='Big(x)')", reply)


def test_an_expression_with_too_many_variables_or_characters_is_refused():
    wide = ["Holds('Likes(x, y)')", "Holds('Likes(z, u)')", "Holds('Likes(v, w)')"]
    wide += ["And('Likes(x, y)', 'Likes(z, u)')"]
    wide += ["And('Likes(x, y) and Likes(z, u)', 'Likes(v, w)')"]
    assert codes(*wide)[-2:] == [None, FailureCode.LIMIT]
    deep, calls = Atom("Big", ("ann",)), ["Holds('Big(ann)')"]
    for _ in range(60):
        calls.append(f"Not('{show(deep)}')")
        deep = Not(deep)
    assert FailureCode.LIMIT in codes(*calls)
    assert answered(*calls) is Verdict.UNSUPPORTED


@settings(max_examples=80)
@given(st.lists(st.one_of(models_replies(), replies()), max_size=12), models_problems())
def test_no_reply_raises_or_establishes_what_is_false(lines, problem):
    world = world_of(problem)
    _, memory = replay(lines, TASK.toolbox, problem)
    for fact in memory.facts:
        outcome = read_call(f"Check(expression={fact.key!r})", TASK.toolbox, memory).outcome
        if outcome.code is None and is_sentence(fact.key, problem):
            truth = truth_by_sets(parse(fact.key), world)
            assert outcome.text == f"Built: {fact.key} is {str(truth).lower()}."
