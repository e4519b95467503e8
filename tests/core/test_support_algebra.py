import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fcpref.core.scores import Verdict
from fcpref.core.scores.algebra import CONSTANTS
from fcpref.core.tasks import find_task
from tests.strategies_math import (
    algebra_problem,
    algebra_problems,
    algebra_replies,
    arithmetic_replies,
    math_chain,
)

TASK = find_task("math.algebra")
FORMAL = algebra_problem(
    "2x + 3y = 13\nx - y = 4\n6w + 8 = 38\nWhat is x + 2y?", "7",
    "2x + 3y = 13", "x - y = 4", "6w + 8 = 38", asked="x + 2y", formal=True,
)  # fmt: skip
WORDS = algebra_problem(
    "One pen costs p dollars and one cup costs c dollars. 2 pens and 3 cups cost $21 in all. "
    "7 pens and 1 cup cost $45 in all. The bus number is 8. What is p?", "6",
    "2p + 3c = 21", "7p + c = 45", asked="p",
)  # fmt: skip
BRACKET = algebra_problem(
    "Add 4 to a number x and multiply the sum by 3. The result is 2 times x plus 30. What is x?",
    "18", "3(x + 4) = 2x + 30", asked="x",
)  # fmt: skip
SEQUENCE = algebra_problem("The first term is 7 and each next term is 4 more. Find term 10.", "43")
SOLVED = (
    "SolveLinear('x - y = 4', 'x')", "Substitute('2x + 3y = 13', 'x', 'y + 4')",
    "SolveLinear('5y + 8 = 13', 'y')", "Substitute('x = y + 4', 'y', 1)",
)  # fmt: skip


def score(problem, *replies):
    return TASK.score(math_chain(problem, *replies, f"Answer('{problem.gold}')"), problem)


def verdict(problem, *replies):
    return score(problem, *replies).verdict


def test_a_solved_system_supports_its_answer():
    replies = (*SOLVED, "Substitute('x + 2y', 'x', 5)", "Substitute('2y + 5', 'y', 1)")
    found = score(FORMAL, *replies)
    assert (found.verdict, found.evidence) == (Verdict.CORRECT, (0, 1, 2, 3, 4, 5))


def test_solved_values_may_be_computed_with():
    replies = (*SOLVED, "Multiply(2, 1)", "Add(5, 2)")
    assert verdict(FORMAL, *replies) is Verdict.CORRECT


def test_stated_equations_support_when_they_say_what_the_problem_says():
    for first, second in (
        ("2p + 3c = 21", "7p + c = 45"),
        ("3c + 2p = 21", "45 = c + 7*p"),
        ("21 = 2p + 3c", "1*c + 7p = 45"),
    ):
        chain = (
            f"Equation('{first}')",
            f"Equation('{second}')",
            f"SolveLinear('{second}', 'c')",
            f"Substitute('{first}', 'c', '-7p + 45')",
        )
        result = math_chain(WORDS, *chain).turns[-1].outcome.text
        assert verdict(WORDS, *chain, f"SolveLinear('{result}', 'p')") is Verdict.CORRECT


@pytest.mark.parametrize(
    "replies",
    [
        (),
        ("Reasoning('x + 2y = 7')",),
        ("Check(7)",),
        ("Check('x + 2y = 7')",),
        ("SolveLinear('x - y = 4', 'x')",),
        SOLVED,
        ("SolveLinear('6w + 8 = 38', 'w')",),
        ("SolveLinear('x = 7', 'x')",),
        ("Simplify('7')",),
        ("Simplify('x + 2y')",),
        ("Equation('x + 2y = 7')",),
        ("Add(3, 4)",),
        ("Subtract(13, 6)",),
        ("Add(4, 3)", "Multiply(1, 7)"),
        ("SolveLinear('6w + 8 = 38', 'w')", "Add(4, 3)"),
        ("SolveLinear('6w + 8 = 38', 'w')", "Add(5, 2)"),
        (*SOLVED, "Subtract(5, 5)", "Add(4, 3)", "Add(0, 7)"),
        (*SOLVED, "Divide(5, 5)", "Multiply(1, 7)"),
        (*SOLVED, "Add(5, 3)", "Subtract(8, 5)", "Add(3, 4)"),
        (*SOLVED, "Multiply(7, 5)", "Divide(35, 5)"),
    ],
)
def test_a_guess_is_not_supported(replies):
    assert verdict(FORMAL, *replies) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "replies",
    [
        ("Equation('p = 2*3')", "Simplify('p = 2*3')"),
        ("Equation('p + 2 = 8')", "SolveLinear('p + 2 = 8', 'p')"),
        ("Equation('p = 8 - 2')", "Simplify('p = 8 - 2')"),
        ("Equation('7p = 45 - 3')", "Simplify('7p = 45 - 3')", "SolveLinear('7p = 42', 'p')"),
        ("Equation('7p + 1 = 45 - 2')", "Simplify('7p + 1 = 45 - 2')",
         "SolveLinear('7p + 1 = 43', 'p')"),
        ("Multiply(2, 3)",),
        ("Subtract(8, 2)",),
    ],
)  # fmt: skip
def test_an_equation_made_up_for_the_answer_supports_nothing(replies):
    assert verdict(WORDS, *replies) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "equation", ["x = 30 - 3*4", "x + 4 = 30 - 2*4", "3x + 3*4 = 2x + 30", "2x = 30 + 4 + 2"]
)
def test_an_equation_solved_in_the_head_supports_nothing(equation):
    replies = [f"Equation('{equation}')", f"Simplify('{equation}')"]
    simpler = math_chain(BRACKET, *replies).turns[-1].outcome.text
    assert verdict(BRACKET, *replies, f"SolveLinear('{simpler}', 'x')") is Verdict.UNSUPPORTED
    replies = ("Equation('3*(x+4) = 30 + 2x')", "Simplify('3(x + 4) = 30 + 2x')",
               "SolveLinear('3x + 12 = 2x + 30', 'x')")  # fmt: skip
    assert verdict(BRACKET, *replies) is Verdict.CORRECT


def test_an_equation_that_the_answer_can_do_without_need_not_be_used():
    problem = algebra_problem(
        "x + y = 9\nx - y = 2\nx + y + z = 30\nWhat is x?", "5.5",
        "x + y = 9", "x - y = 2", "x + y + z = 30", asked="x", formal=True,
    )  # fmt: skip
    replies = ("SolveLinear('x - y = 2', 'y')", "Substitute('x + y = 9', 'y', 'x - 2')",
               "SolveLinear('2x - 2 = 9', 'x')")  # fmt: skip
    assert verdict(problem, *replies) is Verdict.CORRECT
    assert verdict(problem, "SolveLinear('x - y = 2', 'y')", "Add(9, 2)") is Verdict.UNSUPPORTED


def test_a_value_found_on_the_way_makes_no_guess_good():
    problem = algebra_problem(
        "4x = 20\n2x + 3y = 31\nWhat is y?", "7", "4x = 20", "2x + 3y = 31", asked="y", formal=True
    )
    assert verdict(problem, "SolveLinear('4x = 20', 'x')", "Add(5, 2)") is Verdict.UNSUPPORTED
    found = ("SolveLinear('4x = 20', 'x')", "Substitute('2x + 3y = 31', 'x', 5)",
             "SolveLinear('3y + 10 = 31', 'y')")  # fmt: skip
    assert verdict(problem, *found) is Verdict.CORRECT


def test_a_right_way_after_a_wrong_one_counts():
    wrong = ("Equation('21 + 7p = 45 + 3p - 2*0')", "Equation('3p + 3 = 21')",
             "SolveLinear('3p + 3 = 21', 'p')")  # fmt: skip
    right = ("Equation('2p + 3c = 21')", "Equation('7p + c = 45')",
             "SolveLinear('7p + c = 45', 'c')", "Substitute('2p + 3c = 21', 'c', '-7p + 45')",
             "SolveLinear('-19p + 135 = 21', 'p')")  # fmt: skip
    assert math_chain(WORDS, *wrong).turns[-1].outcome.text == "p = 6"
    assert verdict(WORDS, *wrong) is Verdict.UNSUPPORTED
    assert score(WORDS, *wrong, *right).evidence == (3, 4, 5, 6, 7)


def test_a_sequence_is_computed_step_by_step():
    replies = ("Subtract(10, 1)", "Multiply(9, 4)", "Add(7, 36)")
    assert verdict(SEQUENCE, *replies) is Verdict.CORRECT


@pytest.mark.parametrize(
    "replies",
    [
        (),
        ("Add(7, 36)",),
        ("Multiply(9, 4)",),
        ("Subtract(10, 1)", "Reasoning('7 + 9 * 4 = 43')"),
        ("Subtract(10, 1)", "Add(36, 7)"),
        ("Multiply(43, 1)",),
        ("Multiply(43, 2)", "Divide(86, 2)"),
        ("Equation('x = 43')",),
        ("Simplify('43')",),
        ("Multiply(4, 10)", "Add(40, 3)"),
        ("Subtract(7, 7)", "Add(0, 43)"),
    ],
)
def test_a_guessed_term_is_not_supported(replies):
    assert verdict(SEQUENCE, *replies) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "replies",
    [
        ("Add(7, 1)", "Add(8, 1)", "Subtract(9, 2)"),
        ("Multiply(7, 4)", "Divide(28, 4)"),
        ("Subtract(7, 10)", "Add(-3, 10)"),
        ("Multiply(-7, -1)",),
        ("Subtract(4, 4)", "Add(0, 7)"),
        ("Percent(7, 100)",),
    ],
)
def test_a_copied_term_is_not_laundered(replies):
    problem = algebra_problem(SEQUENCE.text, "7")
    assert verdict(problem, *replies) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("replies", [("Subtract(7, 7)", "Add(0, 100)"), ("Percent(100, 100)",)])
def test_a_constant_is_not_smuggled_in(replies):
    assert verdict(algebra_problem(SEQUENCE.text, "100"), *replies) is Verdict.UNSUPPORTED


def test_two_unknowns_of_one_value_are_both_behind_their_sum():
    problem = algebra_problem(
        "4x = 20\n3y = 15\nWhat is x + y?", "10",
        "4x = 20", "3y = 15", asked="x + y", formal=True,
    )  # fmt: skip
    solved = ("SolveLinear('4x = 20', 'x')", "SolveLinear('3y = 15', 'y')")
    assert score(problem, *solved, "Add(5, 5)").evidence == (0, 1, 2)
    assert verdict(problem, solved[0], "Add(5, 5)") is Verdict.UNSUPPORTED


@given(algebra_problems())
def test_an_answer_alone_never_supports_itself(problem):
    assert verdict(problem) is Verdict.UNSUPPORTED
    assert verdict(problem, f"Reasoning('{problem.gold}')") is Verdict.UNSUPPORTED


@given(algebra_problems(), algebra_problems())
def test_another_problems_solution_supports_nothing(problem, other):
    assume(problem.gold != other.gold)
    replies = TASK.oracle(other)[:-1]
    assert verdict(problem, *replies) is not Verdict.CORRECT


@given(algebra_problems().filter(lambda problem: problem.claim is not None))
def test_every_call_of_the_evidence_is_needed(problem):
    replies = TASK.oracle(problem)[:-1]
    evidence = score(problem, *replies).evidence
    assert evidence
    for call in evidence:
        shorter = [reply for index, reply in enumerate(replies) if index != call]
        assert verdict(problem, *shorter) is not Verdict.CORRECT


@given(st.lists(algebra_replies() | arithmetic_replies(), max_size=8), st.integers(1000, 10**6))
def test_without_numbers_in_the_problem_nothing_is_supported(replies, gold):
    problem = algebra_problem("How many?", str(gold))
    assert verdict(problem, *replies) is not Verdict.CORRECT


def test_constants_are_few():
    assert len(CONSTANTS) == 3
