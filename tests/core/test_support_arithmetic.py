import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from fcpref.core.chains import replay
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


@pytest.mark.parametrize("task", ["math.word", "math.gsm8k"])
@pytest.mark.parametrize(
    "replies",
    [
        (),
        ("Check(value=386)",),
        ("Reasoning(thought='17 * 23 = 391, and 391 - 5 = 386')", "Check(value=386)"),
        ("Add(a=17, b=19)", "Multiply(a=36, b=5)"),
        ("Multiply(a=17, b=23)",),
        ("Multiply(a=17, b=23)", "Add(a=391, b=5)", "Check(value=386)"),
        ("Multiply(a=17, b=23)", "Multiply(a=386, b=1)"),
        ("Divide(a=386, b=0)", "Add(a='x', b=386)"),
    ],
)
def test_guessing_after_nothing_or_something_else_is_unsupported(task, replies):
    problem = evolve(PROBLEM, task=task)
    chain = math_chain(problem, *replies, "Answer(value=386)")
    assert find_task(task).score(chain, problem).verdict is Verdict.UNSUPPORTED


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
        ("Add(a=17, b=1)", "Add(a=18, b=1)", "Subtract(a=19, b=2)"),
        ("Add(a=17, b=5)", "Add(a=22, b=23)", "Subtract(a=45, b=5)", "Subtract(a=40, b=23)"),
        ("Multiply(a=17, b=3)", "Multiply(a=17, b=2)", "Subtract(a=51, b=34)"),
        ("Power(a=17, b=2)", "Divide(a=289, b=17)"),
        ("Divide(a=17, b=100)", "Multiply(a=0.17, b=100)"),
        ("Percent(p=17, of=50)", "Divide(a=8.5, b=0.5)"),
        ("Subtract(a=5, b=5)", "Add(a=0, b=17)"),
        ("Divide(a=23, b=23)", "Multiply(a=1, b=17)"),
        ("Add(a=17, b=0.1)", "Round(a=17.1)"),
        ("Subtract(a=17, b=23)", "Add(a=-6, b=23)"),
        ("Add(a=17, b=17)", "Divide(a=34, b=2)"),
        ("Reasoning(thought='17')", "Check(value=17)", "Multiply(a=17, b=1)", "Check(value=17)"),
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


@pytest.mark.parametrize(
    "replies",
    [
        ("Subtract(a=5, b=5)", "Add(a=0, b=12)"),
        ("Multiply(a=5, b=0)", "Add(a=0, b=12)"),
        ("Subtract(a=17, b=17)", "Add(a=10, b=0)", "Add(a=10, b=2)"),
        ("Divide(a=17, b=17)", "Multiply(a=12, b=1)"),
        ("Divide(a=5, b=5)", "Add(a=1, b=10)", "Add(a=11, b=1)"),
        ("Add(a=17, b=12)", "Subtract(a=29, b=17)"),
        ("Multiply(a=5, b=12)", "Divide(a=60, b=5)"),
        ("Multiply(a=3, b=4)", "Percent(p=100, of=12)"),
        ("Power(a=17, b=0)", "Multiply(a=1, b=12)"),
        ("Power(a=23, b=0)", "Multiply(a=3, b=4)", "Divide(a=12, b=1)"),
    ],
)
def test_a_constant_is_not_smuggled_in_by_cancelling_given_numbers(replies):
    problem = math_problem(TEXT.replace("17 boxes", "17 boxes, 0 of them red,"), "12")
    assert verdict(problem, *replies, "Answer(value=12)") is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("There is 1 pen beside 5 others.", "Multiply(a=5, b=1)"),
        ("There is 1 pen beside 5 others.", "Power(a=5, b=1)"),
        ("100 percent of 5 pens are red.", "Percent(p=100, of=5)"),
        ("5% of 100 pens are red.", "Percent(p=5, of=100)"),
        ("There are 0 pens beside 5 others.", "Add(a=5, b=0)"),
    ],
)
def test_a_neutral_number_that_the_text_gives_launders_nothing(text, reply):
    assert verdict(math_problem(text, "5"), reply, "Answer(value=5)") is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("text", "gold", "replies"),
    [
        ("25% of the pens are red.", "25", ("Multiply(a=0.25, b=100)",)),
        ("25% of the pens are red.", "25", ("Subtract(a=100, b=75)",)),
        ("A pen costs 35 cents.", "35", ("Multiply(a=0.35, b=100)",)),
    ],
)
def test_a_percentage_in_another_form_is_a_copied_number(text, gold, replies):
    problem = math_problem(text, gold)
    assert verdict(problem, *replies, f"Answer(value={gold})") is Verdict.UNSUPPORTED


def test_the_first_good_way_to_a_number_stands():
    problem = math_problem(TEXT, "12")
    good, cheat = ("Subtract(a=17, b=5)",), ("Multiply(a=12, b=2)", "Divide(a=24, b=2)")
    for replies in ((*good, *cheat), (*cheat, *good)):
        assert verdict(problem, *replies, "Answer(value=12)") is Verdict.CORRECT
    assert verdict(problem, *cheat, "Answer(value=12)") is Verdict.UNSUPPORTED


@given(word_problems(), st.lists(arithmetic_replies(), max_size=4), st.data())
def test_useless_calls_take_nothing_from_a_supported_answer(problem, noise, data):
    replies = list(find_task("math.word").oracle(problem))
    for extra in noise:
        replies.insert(data.draw(st.integers(0, len(replies) - 1)), extra)
    assert verdict(problem, *replies) is Verdict.CORRECT


@given(word_problems(), word_problems())
def test_another_problems_solution_supports_nothing(problem, other):
    assume(problem.gold != other.gold)
    replies = find_task("math.word").oracle(other)[:-1]
    said = verdict(problem, *replies, f"Answer(value='{problem.gold}')")
    computed = [
        fact.key for fact in replay(replies, find_task("math.word").toolbox, other)[1].facts
    ]
    assert said is Verdict.UNSUPPORTED or problem.gold in computed


@pytest.mark.parametrize("task", ["math.word", "math.gsm8k"])
def test_both_tasks_of_word_problems_have_the_rule(task):
    problem = evolve(PROBLEM, task=task)
    chain = math_chain(problem, "Multiply(a=386, b=1)", "Answer(value=386)")
    assert find_task(task).score(chain, problem).verdict is Verdict.UNSUPPORTED
    good = math_chain(problem, "Multiply(17, 23)", "Subtract(391, 5)", "Answer(386)")
    assert find_task(task).score(good, problem).verdict is Verdict.CORRECT


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
