"""Kind `system` of family `algebra`: two or three linear equations with as many unknowns."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import (
    Draft,
    Size,
    choose,
    nonzero,
    show_linear,
)
from fcpref.core.problems.algebra_form import equations_form
from fcpref.core.problems.algebra_system_words import (
    ORDINARY,
    OTHER,
    WITH_ANY_NUMBERS,
    Row,
    say_system,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.seeds import Random

_QUESTIONS = ("What is {asked}?", "Find {asked}.", "Give the value of {asked}.")
_OTHER_QUESTIONS = ("How much is {asked}?", "Work out {asked}.")
_ABSENT = 0.3


def draft_system(size: Size, stream: Random) -> Draft | None:
    """Return a system; None when the draw does not fit.

    Level 1 has two unknowns and asks for one, so that one is eliminated; level 2 asks for an
    expression of both, so that the other is found by back-substitution; level 3 and above has as
    many unknowns as are allowed, or values that are not whole.
    """
    count = size.unknowns if size.level >= 3 else 2  # noqa: PLR2004
    letters = stream.sample(size.words.letters, count)
    phrasing = choose(size, ORDINARY, OTHER, stream)
    if phrasing == "tickets" and count > 2:  # noqa: PLR2004
        return None
    free = phrasing in WITH_ANY_NUMBERS
    values = _values(count, free=free, level=size.level, stream=stream)
    rows = [_row(count, size.coefficients, free=free, stream=stream) for _ in range(count)]
    if phrasing == "tickets":
        rows[0] = (1,) * count
    if _determinant(rows) == 0 or len(set(values)) < count:
        return None
    totals = [sum((a * x for a, x in zip(row, values, strict=True)), Fraction(0)) for row in rows]
    wanted = _wanted(count, size, stream)
    asked = show_linear(wanted, letters)
    equations = tuple(
        f"{show_linear(row, letters)} = {total}" for row, total in zip(rows, totals, strict=True)
    )
    if any(total == 0 for total in totals):
        return None
    return Draft(
        phrasing=phrasing,
        sentences=say_system(phrasing, letters, rows, totals, size.words, stream),
        formal=equations,
        question=choose(size, _QUESTIONS, _OTHER_QUESTIONS, stream).format(asked=asked),
        equations=equations,
        asked=asked,
        values=tuple(values),
        gold=sum((a * x for a, x in zip(wanted, values, strict=True)), Fraction(0)),
        lines=tuple(f"{letter} = {x}" for letter, x in zip(letters, values, strict=True)),
        form=equations_form(equations, asked),
    )


def _values(count: int, *, free: bool, level: int, stream: Random) -> list[Fraction]:
    low, high = (-20, 40) if free else (2, 40)
    below = (1, 1, 2, 3) if free and level > 1 else (1,)
    return [Fraction(stream.randint(low, high), stream.choice(below)) for _ in range(count)]


def _row(count: int, most: int, *, free: bool, stream: Random) -> Row:
    row = [nonzero(most, stream) if free else stream.randint(1, most) for _ in range(count)]
    if count > 2 and stream.random() < _ABSENT:  # noqa: PLR2004
        row[stream.randrange(count)] = 0
    # Words begin with what is there, not with "minus".
    first = next(value for value in row if value)
    return tuple(row) if first > 0 else tuple(-value for value in row)


def _wanted(count: int, size: Size, stream: Random) -> Row:
    wanted = [0] * count
    if size.level == 1 or (count == 3 and stream.random() < 0.5):  # noqa: PLR2004
        wanted[stream.randrange(count)] = 1
        return tuple(wanted)
    first, second = stream.sample(range(count), 2)
    wanted[first] = stream.randint(1, size.coefficients)
    wanted[second] = nonzero(size.coefficients, stream)
    return tuple(wanted)


def _determinant(rows: Sequence[Row]) -> int:
    total = 0
    for order in permutations(range(len(rows))):
        inversions = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
        product = (-1) ** inversions
        for row, column in zip(rows, order, strict=True):
            product *= row[column]
        total += product
    return total
