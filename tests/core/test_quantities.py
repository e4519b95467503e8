from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.problems.quantities import quantities
from tests.strategies import hostile_texts

ONES = "one two three four five six seven eight nine".split()  # noqa: SIM905 - reads better
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spell(value, joint=""):
    """Spell a number below a million, as an English speaker does."""
    if value >= 1000:
        rest = f" {spell(value % 1000, joint)}" if value % 1000 else ""
        return f"{spell(value // 1000, joint)} thousand{rest}"
    if value >= 100:
        rest = f" {joint}{spell(value % 100)}" if value % 100 else ""
        return f"{spell(value // 100)} hundred{rest}"
    if value >= 20:
        return TENS[value // 10 - 2] + (f"-{spell(value % 10)}" if value % 10 else "")
    return TEENS[value - 10] if value >= 10 else ONES[value - 1]


@given(st.integers(1, 999_999), st.sampled_from(["", "and "]))
def test_spelled_numbers_are_read(value, joint):
    assert value in quantities(f"He saw {spell(value, joint)} birds.")


@given(st.integers(0, 10**9), st.booleans())
def test_numerals_are_read(value, separated):
    assert value in quantities(f"It costs ${value:,}." if separated else f"It costs ${value}.")


@given(st.integers(1, 99))
def test_a_percentage_gives_its_forms(p):
    found = quantities(f"{p}% off")
    assert {Fraction(p), Fraction(p, 100), 1 - Fraction(p, 100), 1 + Fraction(p, 100)} <= found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("half of them", "1/2"),
        ("two-thirds of the cake", "2/3"),
        ("three fourths of it", "3/4"),
        ("3/8 of an inch", "3/8"),
        ("2 1/2 cups", "5/2"),
        ("1 and 1/4 of a cup", "5/4"),
        ("one and a half omelets", "3/2"),
        ("a half-dozen eggs", "6"),
        ("half a dozen eggs", "6"),
        ("3 dozen eggs", "36"),
        ("a 5-pound bag", "5"),
        ("twice as many", "2"),
        ("the pair", "2"),
        ("it tripled", "3"),
        ("$1.5 million", "1500000"),
        ("120 million people", "120000000"),
        ("twenty five", "25"),
        ("three hundred years", "300"),
        ("50 cents", "1/2"),
        ("five cents each", "1/20"),
        ("7 nickels", "1/20"),
        ("4 dimes", "1/10"),
        ("a penny", "1/100"),
        ("$.50 back", "1/2"),
        ("1 hour 30 minutes", "3/2"),
        ("1,500.75 liters", "6003/4"),
        ("twenty percent", "1/5"),
        ("at 7:15", "15"),
    ],
)
def test_forms_of_numbers(text, value):
    assert Fraction(value) in quantities(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20 five-dollar bills", "25"),
        ("There are 5 apples and 3 pears.", "8"),
        ("someone often weighs tents", "1"),
        ("50 dollars", "1/2"),
        ("no numbers here", "0"),
    ],
)
def test_what_is_not_said_is_not_read(text, value):
    assert Fraction(value) not in quantities(text)


def test_parts_of_a_number_are_numbers_too():
    assert {Fraction(2), Fraction(100), Fraction(200)} <= quantities("two hundred")


@given(hostile_texts())
def test_any_text_is_read(text):
    assert all(isinstance(value, Fraction) for value in quantities(text))


WORDS = ("million", "billion", "9" * 40, "hundred", "and", "-", "%", "\u00b3")


@given(st.lists(st.sampled_from(WORDS)))
def test_numbers_stay_small(words):
    assert all(value.numerator.bit_length() < 300 for value in quantities(" ".join(words)))
