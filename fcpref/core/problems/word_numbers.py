"""The numbers of family `word`: how they are drawn, and how they are said.

Whole numbers are ints here: they are much faster than fractions, and most numbers are whole.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.problems.word_units import Conversion
    from fcpref.core.seeds import Random

Number = int | Fraction
Draw = Literal[
    "count", "few", "large", "price", "below", "above", "times", "part", "divisor", "percent"
]
DRAWS: tuple[Draw, ...] = get_args(Draw)
T = TypeVar("T")

LARGEST = 100_000
_SPELLED = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}
_PERCENTS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80)
_FREE: Mapping[str, Sequence[Number]] = {
    "few": range(2, 13),
    "count": range(2, 100),
    "large": range(6, 400),
    "times": range(2, 6),
    "price": (*range(2, 26), Fraction(1, 2), Fraction(3, 2), Fraction(5, 2), Fraction(1, 4)),
}
_CENTS = range(5, 100, 5)
_MOST_TAKEN = 400
_MOST_MISSING = 300
_MOST_SHARES = 40
_MOST_LARGER_UNITS = 12
_MOST_SMALLER_UNITS = 20_000


def pick(choices: Sequence[T], stream: Random) -> T:
    """Return one of the choices; faster than ``stream.choice``, and even enough for few."""
    return choices[int(stream.random() * len(choices))]


def draw_number(draw: Draw, x: Number, stream: Random) -> Number | None:
    """Return a number that fits the running quantity `x`; None when there is none.

    Shares and percentages come out whole, and what is taken away leaves something.
    """
    choices: Sequence[Number] | None = _FREE.get(draw)
    if choices is not None:
        return pick(choices, stream)
    match draw:
        case "below":
            choices = range(2, min(int(x), _MOST_TAKEN))
        case "above":
            choices = range(int(x) + 2, int(x) + _MOST_MISSING)
        case "part":
            choices = [n for n in _PARTS if x % n == 0 and x > n]
        case "divisor":
            choices = [n for n in range(2, _MOST_SHARES) if x % n == 0 and x > n]
        case _:
            choices = [p for p in _PERCENTS if x * p % 100 == 0 and x % 1 == 0]
    return pick(choices, stream) if choices else None


def draw_converted(
    draw: Draw, x: Number, conversion: Conversion, stream: Random
) -> tuple[int, Number] | None:
    """Return a number in another unit and what it comes to; None when none fits."""
    factor = conversion.factor
    if conversion.sign == "*":
        most = _MOST_LARGER_UNITS
        if draw == "below":
            most = min(most, (int(x) - 1) // factor)
        said: Sequence[int] = range(2, most + 1)
        if draw == "divisor":
            said = [n for n in said if x % (n * factor) == 0 and x > n * factor]
        if not said:
            return None
        number = pick(said, stream)
        return number, number * factor
    if draw == "price":
        number = pick(_CENTS, stream)
        return number, Fraction(number, factor)
    free = _FREE.get(draw)
    if free is not None:
        most = min(int(free[-1]), _MOST_SMALLER_UNITS // factor)
        value: Number | None = pick(range(int(free[0]), most + 1), stream)
    else:
        value = draw_number(draw, x, stream)
    if type(value) is not int or value * factor > _MOST_SMALLER_UNITS:
        return None
    return value * factor, value


def say_number(draw: Draw, value: Number, spell: float, stream: Random) -> str:
    """Return a number as a text shows it; one from 2 to 12 as a word with probability `spell`."""
    if draw == "part":
        return _PARTS[int(value)]
    if draw == "times":
        return "twice" if value == 2 else f"{_SPELLED[int(value) - 2]} times"  # noqa: PLR2004
    if type(value) is not int:
        return f"{float(value):.2f}"
    if value - 2 < len(_SPELLED) and stream.random() < spell:
        return _SPELLED[value - 2]
    return str(value)


def given_by(draw: Draw, value: Number) -> tuple[Number, ...]:
    """Return what else a reader is given from 2 upwards, as `quantities` reads it."""
    if draw == "percent":
        return 100 - value, 100 + value
    return (25,) if draw == "part" and value == 4 else ()  # noqa: PLR2004 - cents of a quarter
