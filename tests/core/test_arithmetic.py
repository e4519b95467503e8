from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import replay
from fcpref.core.functions import FailureCode, Toolbox, arithmetic, flow
from fcpref.core.functions.arithmetic import round_half_up
from fcpref.core.numbers import read_number, show_number
from fcpref.core.problems.expressions import (
    MAX_LENGTH,
    Number,
    Operation,
    count_operations,
    evaluate,
    parse_expression,
)
from tests.strategies_math import arithmetic_replies, expressions, math_problem, rationals

TOOLBOX = Toolbox(functions=(*arithmetic.FUNCTIONS, flow.REASONING, flow.NUMBER_ANSWER))
PROBLEM = math_problem("", "0")


def outcome(reply):
    return replay([reply], TOOLBOX, PROBLEM)[0][0]


def exact(value):
    return sympy.Rational(value.numerator, value.denominator)


@given(rationals())
def test_a_number_reads_back_as_printed(value):
    assert read_number(show_number(value)) == value


@pytest.mark.parametrize(
    ("name", "operate"),
    [
        ("Add", lambda a, b: a + b),
        ("Subtract", lambda a, b: a - b),
        ("Multiply", lambda a, b: a * b),
        ("Divide", lambda a, b: a / b),
    ],
)
@given(data=st.data())
def test_operations_agree_with_sympy(name, operate, data):
    a, b = data.draw(rationals()), data.draw(rationals())
    said = outcome(f"{name}(a='{a}', b='{b}')")
    if name == "Divide" and b == 0:
        assert said.code is FailureCode.ARGUMENT_DOMAIN
    else:
        assert sympy.Rational(said.text) == operate(exact(a), exact(b))


@given(rationals(), rationals())
def test_percent_agrees_with_sympy(p, of):
    said = outcome(f"Percent(p='{p}', of='{of}')")
    assert sympy.Rational(said.text) == exact(p) * exact(of) / 100


@given(st.fractions(-20, 20, max_denominator=20), st.integers(-8, 8))
def test_power_agrees_with_sympy(a, b):
    said = outcome(f"Power(a='{a}', b={b})")
    if a == 0 and b < 0:
        assert said.code is FailureCode.ARGUMENT_DOMAIN
    else:
        assert sympy.Rational(said.text) == exact(a) ** b


@given(rationals(), st.integers(0, 6))
def test_rounding_moves_a_number_by_half_a_unit_at_most(value, places):
    rounded = round_half_up(value, Fraction(places))
    assert (rounded * 10**places).denominator == 1
    assert abs(rounded - value) <= Fraction(1, 2 * 10**places)
    assert round_half_up(-value, Fraction(places)) == -rounded


def test_halves_are_rounded_away_from_zero():
    assert outcome("Round(a=2.5)").text == "3"
    assert outcome("Round(a=-2.345, places=2)").text == "-2.35"


@given(st.lists(arithmetic_replies(), max_size=12))
def test_any_calls_execute_without_an_exception(replies):
    outcomes, memory = replay(replies, TOOLBOX, PROBLEM)
    pairs = zip(outcomes, replies, strict=True)
    computed = [reply for said, reply in pairs if said.code is None and "Check" not in reply]
    assert len(memory.facts) == len(computed)


def test_repeated_squaring_is_stopped_before_numbers_grow():
    value, codes = "10", []
    for _ in range(20):
        said = outcome(f"Multiply(a='{value}', b='{value}')")
        codes.append(said.code)
        value = value if said.code else said.text
    assert codes[-1] is FailureCode.ARGUMENT_TYPE
    assert len(value) < 130


@given(st.integers(2, 10**9), st.integers(60, 64))
def test_a_power_is_bounded_before_it_is_computed(a, b):
    said = outcome(f"Power(a={a}, b={b})")
    assert said.code in {None, FailureCode.LIMIT}


def test_check_tells_computed_numbers_from_others():
    outcomes, _ = replay(["Add(a=1, b=2)", "Check(value=3)", "Check(value=4)"], TOOLBOX, PROBLEM)
    assert [o.text for o in outcomes[1:]] == [
        "3 is the result of a call.",
        "4 is not the result of a call so far.",
    ]


def written(expression):
    if isinstance(expression, Number):
        return show_number(expression.value)
    return f"({written(expression.left)}{expression.operator}{written(expression.right)})"


def divides_by_zero(expression):
    if isinstance(expression, Number):
        return False
    parts = (expression.left, expression.right)
    if any(divides_by_zero(part) for part in parts):
        return True
    divisor = sympy.sympify(written(expression.right), rational=True)
    return expression.operator == "/" and divisor == 0


@given(expressions())
def test_expressions_agree_with_sympy(expression):
    value = sympy.sympify(written(expression), rational=True)
    found = evaluate(expression)
    if found is None:
        # sympy goes on from 1/0 to complex infinity, of which 1/(1/0) is 0 again
        assert divides_by_zero(expression)
    else:
        assert exact(found) == value


@given(expressions())
def test_an_expression_reads_back_as_written(expression):
    assert parse_expression(written(expression)) == expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100-50-30-15", "5"),
        ("2+3*4", "14"),
        ("12/3/2", "2"),
        ("2^3^2", "512"),
        ("-2^2", "-4"),
        ("+30+46", "76"),
        ("-5+20", "15"),
        ("6*-2", "-12"),
        ("$1,200 - .5", "1199.5"),
        ("20% * 50", "10"),
        ("3(4+1)", "15"),
        ("(1+2)(3+4)", "21"),
        ("560//10", "56"),
        ("3 x 4", "12"),
        ("2 + 1 1/2", "3.5"),
        ("12 x 1 and 1/4", "15"),
    ],
)
def test_what_people_write_is_read(text, value):
    expression = parse_expression(text)
    assert expression is not None
    assert show_number(evaluate(expression)) == value


@pytest.mark.parametrize(
    "text", ["", "2x+", "3 4", "(2", "2)", "a", "2**", "1 1/0", "*3", "%", "__import__('os')"]
)
def test_what_is_no_expression_is_refused(text):
    assert parse_expression(text) is None


@pytest.mark.parametrize("text", ["1/0", "9^99", "0^-1", "((9^64)^64)^64"])
def test_what_has_no_value_is_refused(text):
    assert evaluate(parse_expression(text)) is None


@given(st.text(alphabet="0123456789.,+-*/()[]%$ x^", max_size=60) | st.text(max_size=60))
def test_reading_never_raises(text):
    expression = parse_expression(text)
    if expression is not None:
        evaluate(expression)


def test_reading_is_bounded():
    assert parse_expression("(" * 200 + "1" + ")" * 200) is None
    assert parse_expression("1+" * MAX_LENGTH + "1") is None
    deep = parse_expression("+".join("1" * 150))
    assert isinstance(deep, Operation)
    assert count_operations(deep) == 149
