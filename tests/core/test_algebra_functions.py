import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import FailureCode, Memory, parse_call, read_call
from fcpref.core.tasks import find_task
from tests.strategies_math import (
    algebra_problem,
    algebra_problems,
    algebra_replies,
    arithmetic_replies,
)

TASK = find_task("math.algebra")
SYSTEM = algebra_problem(
    "2x + 3y = 13\nx - y = 4\nWhat is x + 2y?", "7", "2x + 3y = 13", "x - y = 4",
    asked="x + 2y", formal=True,
)  # fmt: skip
BRACKET = algebra_problem("3(x - 4) + 5 = 2x + 11", "18", "3(x - 4) + 5 = 2x + 11", asked="x",
                          formal=True)  # fmt: skip
WORDS = algebra_problem("Call the numbers x and y. 2 times x plus 3 times y is 13. What is x?", "5",
                        "2x + 3y = 13", "x - y = 4", asked="x")  # fmt: skip


def told(problem, *replies):
    memory, outcome = Memory(problem=problem), None
    for reply in replies:
        effect = read_call(reply, TASK.toolbox, memory)
        memory, outcome = effect.memory, effect.outcome
    return outcome


def test_a_system_is_solved_by_substitution_and_back():
    replies = (
        ("SolveLinear('x - y = 4', 'x')", "x = y + 4"),
        ("Substitute('2x + 3y = 13', 'x', 'y + 4')", "5y + 8 = 13"),
        ("SolveLinear('5y + 8 = 13', 'y')", "y = 1"),
        ("Substitute('x = y + 4', 'y', 1)", "x = 5"),
        ("Substitute('x + 2y', 'x', 'x = 5')", "2y + 5"),
        ("Substitute('2y + 5', 'y', '1')", "7"),
        ("Check('2x + 3y = 13')", "True: 13 and 13."),
        ("Check('x + y = 7')", "False: 6 and 7."),
        ("Check(7)", "7 is the result of a call so far."),
        ("Check(5)", "5 is the result of a call so far."),
        ("Check(9)", "9 is not the result of a call so far."),
        ("Check('z = 7')", "Not decided: z is not known so far."),
    )
    for count, (_, text) in enumerate(replies, start=1):
        outcome = told(SYSTEM, *(reply for reply, _ in replies[:count]))
        assert (text, None) == (outcome.text, outcome.code)


def test_brackets_are_removed_before_solving():
    assert told(BRACKET, "SolveLinear('3(x - 4) + 5 = 2x + 11', 'x')").code == "not_applicable"
    simplify = "Simplify('3(x-4)+5 = 2x+11')"
    assert told(BRACKET, simplify).text == "3x - 7 = 2x + 11"
    assert told(BRACKET, simplify, "SolveLinear('3x - 7 = 2x + 11', 'x')").text == "x = 18"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("SolveLinear('x = 5', 'x')", "argument_domain"),
        ("SolveLinear('2x + 3y = 14', 'x')", "argument_domain"),
        ("SolveLinear('2x + 3y', 'x')", "argument_domain"),
        ("SolveLinear('x - y = 4', 'z')", "argument_domain"),
        ("SolveLinear('x - y = 4', 'x + y')", "argument_domain"),
        ("SolveLinear('x - y = 4')", "missing_argument"),
        ("SolveLinear('x - price = 4', 'x')", "argument_domain"),
        ("Simplify('5')", "not_applicable"),
        ("Simplify('2 + 3')", "not_applicable"),
        ("Simplify('x + x')", "argument_domain"),
        ("Simplify('x^99')", "limit"),
        ("Substitute('x - y = 4', 'x', 5)", "argument_domain"),
        ("Substitute('x - y = 4', 'x', 'y + 4')", "argument_domain"),
        ("Substitute('x - y = 4', 'x', 'y = 4')", "argument_domain"),
        ("Substitute('x + 9y', 'x', 5)", "argument_domain"),
        ("Substitute('x - y = 4', 'z', 5)", "argument_domain"),
        ("Equation('x = 9')", "argument_domain"),
        ("Equation('z = 4')", "argument_domain"),
        ("Equation('x + y')", "argument_domain"),
        ("Equation('13 = 13')", "argument_domain"),
        ("Check('x + y')", "argument_domain"),
        ("Check('__import__(1)')", "argument_domain"),
        ("Check(['x'])", "argument_type"),
    ],
)
def test_what_cannot_be_done_has_its_code(reply, code):
    assert FailureCode(code) == told(SYSTEM, reply).code


def test_a_solved_equation_is_not_solved_again():
    solve = "SolveLinear('x - y = 4', 'x')"
    assert told(SYSTEM, solve, "SolveLinear('x = y + 4', 'x')").code == "not_applicable"
    assert told(SYSTEM, solve, "SolveLinear('x = y + 4', 'y')").text == "y = x - 4"


def test_an_equation_put_into_itself_says_nothing():
    replies = ("SolveLinear('x - y = 4', 'x')", "Substitute('x - y = 4', 'x', 'y + 4')")
    outcome = told(SYSTEM, *replies)
    assert (outcome.text, outcome.code) == ("Error: no unknown is left: 4 = 4", "not_applicable")


def test_an_equation_is_stated_with_the_problems_numbers_and_letters():
    assert told(WORDS, "Equation('2x + 3y = 13')").text == "2x + 3y = 13"
    assert told(WORDS, "SolveLinear('2x + 3y = 13', 'x')").code == "argument_domain"
    assert told(WORDS, "Equation('x = 5')").text == "Error: 5 is not a number of the problem"
    assert told(WORDS, "Equation('2t = 13')").text == "Error: t is no unknown of the problem"


def test_a_stated_equation_that_is_not_linear_cannot_be_solved():
    replies = ("Equation('x*y = 13')", "SolveLinear('x*y = 13', 'x')")
    assert told(WORDS, *replies).code == "not_applicable"


def test_known_results_are_no_new_facts():
    memory = Memory(problem=SYSTEM)
    for reply in ("Equation('x - y = 4')", "Simplify('x - y = 4')", "Simplify('2x + 3y = 13')"):
        effect = read_call(reply, TASK.toolbox, memory)
        assert (effect.outcome.code, effect.memory.facts) == (None, ())


@given(algebra_problems(), st.lists(algebra_replies() | arithmetic_replies(), max_size=8))
def test_execution_is_total_and_repeats_itself(problem, replies):
    memory = Memory(problem=problem)
    for count, reply in enumerate(replies, start=1):
        effect = read_call(reply, TASK.toolbox, memory)
        assert effect == read_call(reply, TASK.toolbox, memory)
        memory = effect.memory
        assert count == memory.steps


@given(algebra_problems())
def test_every_shown_formula_and_result_can_be_copied(problem):
    memory = Memory(problem=problem)
    for reply in TASK.oracle(problem):
        effect = read_call(reply, TASK.toolbox, memory)
        assert effect.outcome.code is None
        text = effect.outcome.text
        if "=" in text:
            assert read_call(f"Simplify('{text}')", TASK.toolbox, effect.memory).outcome.code in {
                None,
                "repeated_call",
            }
        memory = effect.memory


def test_every_functions_example_is_a_call():
    for function in TASK.toolbox.functions:
        assert function.signature.name == parse_call(function.signature.example).function
    names = [function.signature.name for function in TASK.toolbox.functions]
    assert len(names) == len(set(names))
