import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.scores import Verdict
from fcpref.core.scores.arithmetic import CONSTANTS
from fcpref.core.tasks import find_task
from tests.strategies_math import arithmetic_replies, math_chain, math_problem, word_problems

TEXT = "Ann has 17 boxes with 23 pens each. She gives away 5 pens. A box costs $19. How many pens?"
PROBLEM = math_problem(TEXT, "386")


def verdict(problem, *replies):
    return find_task("math.word").score(math_chain(problem, *replies), problem).verdict


def test_a_computed_answer_is_correct():
    replies = ("Multiply(a=17, b=23)", "Subtract(a=391, b=5)", "Answer(value=386)")
    score = find_task("math.word").score(math_chain(PROBLEM, *replies), PROBLEM)
    assert score.verdict is Verdict.CORRECT
    assert score.evidence == (0, 1)


def test_calls_that_lead_nowhere_are_no_evidence():
    replies = (
        "Add(a=17, b=19)", "Multiply(a=17, b=23)", "Subtract(a=391, b=5)", "Answer(value=386)",
    )  # fmt: skip
    assert find_task("math.word").score(math_chain(PROBLEM, *replies), PROBLEM).evidence == (1, 2)


def test_an_answer_without_a_call_is_unsupported():
    assert verdict(PROBLEM, "Answer(value=386)") is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "replies",
    [
        ("Add(a=17, b=0)",),
        ("Add(a=0, b=17)",),
        ("Subtract(a=17, b=0)",),
        ("Multiply(a=17, b=1)",),
        ("Multiply(a=1, b=17)",),
        ("Divide(a=17, b=1)",),
        ("Power(a=17, b=1)",),
        ("Percent(p=100, of=17)",),
        ("Percent(p=17, of=100)",),
        ("Round(a=17)",),
        ("Round(a=17, places=2)",),
        ("Check(value=17)",),
        ("Reasoning(thought='17')",),
        ("Multiply(a=17, b=2)", "Divide(a=34, b=2)"),
        ("Divide(a=17, b=2)", "Multiply(a=2, b=8.5)"),
        ("Add(a=17, b=5)", "Subtract(a=22, b=5)"),
        ("Subtract(a=23, b=17)", "Subtract(a=23, b=6)"),
        ("Subtract(a=17, b=1)", "Add(a=1, b=16)"),
        ("Multiply(a=17, b=1)", "Add(a=17, b=0)"),
    ],
)
def test_a_copied_number_is_not_laundered(replies):
    problem = math_problem(TEXT, "17")
    assert verdict(problem, *replies, "Answer(value=17)") is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "replies",
    [
        ("Add(a=385, b=1)",),
        ("Multiply(a=193, b=2)",),
        ("Subtract(a=391, b=5)",),
        ("Add(a=386, b=0)",),
        ("Round(a=386.2)",),
        ("Subtract(a=403, b=17)",),
        ("Add(a=200, b=186)",),
    ],
)
def test_numbers_out_of_nowhere_support_nothing(replies):
    assert verdict(PROBLEM, *replies, "Answer(value=386)") is Verdict.UNSUPPORTED


def test_constants_alone_support_nothing():
    problem = math_problem("How many minutes are in a day of a week far away?", "1440")
    replies = ("Multiply(a=60, b=24)", "Answer(value=1440)")
    assert verdict(problem, *replies) is Verdict.UNSUPPORTED


def test_a_constant_converts_a_number_of_the_problem():
    problem = math_problem("Ann works 17 days. How many hours is that?", "408")
    assert verdict(problem, "Multiply(a=17, b=24)", "Answer(value=408)") is Verdict.CORRECT


@pytest.mark.parametrize(
    ("text", "reply", "gold"),
    [
        ("There are 100 pens; 50 are sold.", "Subtract(a=100, b=50)", "50"),
        ("There are 100 pens in 10 boxes.", "Divide(a=100, b=10)", "10"),
        ("There are 10 pens; 5 are sold.", "Subtract(a=10, b=5)", "5"),
        ("There are 4 pens for 2 people.", "Divide(a=4, b=2)", "2"),
    ],
)
def test_a_result_that_equals_an_operand_may_be_computed(text, reply, gold):
    assert verdict(math_problem(text, gold), reply, f"Answer(value={gold})") is Verdict.CORRECT


def test_a_wrong_answer_is_wrong_even_when_computed():
    assert verdict(PROBLEM, "Multiply(a=17, b=23)", "Answer(value=391)") is Verdict.WRONG_ANSWER


@given(st.lists(arithmetic_replies(), max_size=8), st.integers(1000, 10**6))
def test_without_numbers_in_the_problem_nothing_is_supported(replies, gold):
    problem = math_problem("How many?", str(gold))
    assert verdict(problem, *replies, f"Answer(value={gold})") is not Verdict.CORRECT


@given(word_problems())
def test_an_answer_alone_never_supports_itself(problem):
    assert verdict(problem, f"Answer(value='{problem.gold}')") is Verdict.UNSUPPORTED


def test_constants_are_few():
    assert len(CONSTANTS) < 60
