"""The numbers of family `word`: how they are drawn, and how they are said."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.problems.word_moves import Draw
    from fcpref.core.seeds import Random

_SPELLED = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}
_PERCENTS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80)
_FREE: dict[Draw, Sequence[int | Fraction]] = {
    "few": range(2, 13),
    "count": range(2, 61),
    "large": range(6, 151),
    "times": range(2, 6),
    "price": (*range(2, 21), Fraction(1, 2), Fraction(3, 2), Fraction(5, 2), Fraction(1, 4)),
}
_MOST_TAKEN = 400
_MOST_MISSING = 300
_MOST_SHARES = 40


def draw_number(draw: Draw, x: Fraction, stream: Random) -> Fraction | None:
    """Return a number that fits the running quantity `x`; None when there is none.

    Shares and percentages come out whole, and what is taken away leaves something.
    """
    whole = x.numerator if x.denominator == 1 else 0
    choices: Sequence[int | Fraction]
    match draw:
        case "below":
            choices = range(2, min(int(x), _MOST_TAKEN))
        case "above":
            choices = range(int(x) + 2, int(x) + _MOST_MISSING)
        case "part":
            choices = [part for part in _PARTS if whole % part == 0 and whole > part]
        case "divisor":
            choices = [n for n in range(2, _MOST_SHARES) if whole % n == 0 and whole > n]
        case "percent":
            choices = [p for p in _PERCENTS if whole and whole * p % 100 == 0]
        case _:
            choices = _FREE[draw]
    return Fraction(stream.choice(choices)) if choices else None


def say_number(draw: Draw, value: Fraction, spell: float, stream: Random) -> str:
    """Return a number as a text shows it; one from 2 to 12 as a word with probability `spell`."""
    if draw == "part":
        return _PARTS[int(value)]
    if draw == "times":
        return "twice" if value == 2 else f"{_SPELLED[int(value) - 2]} times"  # noqa: PLR2004
    if value.denominator != 1:
        return f"{float(value):.2f}"
    if value - 2 < len(_SPELLED) and stream.random() < spell:
        return _SPELLED[int(value) - 2]
    return str(value)
