"""Kind `system` of family `algebra`: two or three linear equations with as many unknowns."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import (
    LETTERS,
    Draft,
    Size,
    nonzero,
    show_linear,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.seeds import Random

Row = tuple[int, ...]
_QUESTIONS = ("What is {asked}?", "Find {asked}.", "Give the value of {asked}.")
_ITEMS = (
    ("pen", "book", "cup"), ("apple", "melon", "lemon"), ("chair", "table", "lamp"),
    ("shirt", "hat", "belt"),
)  # fmt: skip
_COLOURS = (("red", "blue", "green"), ("small", "large", "huge"))
_ABSENT = 0.3


def draft_system(size: Size, stream: Random) -> Draft | None:
    """Return a system; None when the draw does not fit.

    Level 1 has two unknowns and asks for one, so that one is eliminated; level 2 asks for an
    expression of both, so that the other is found by back-substitution; level 3 has as many
    unknowns as are allowed, or values that are not whole.
    """
    count = size.unknowns if size.level == 3 else 2  # noqa: PLR2004
    letters = stream.sample(LETTERS, count)
    names = ["shop", "bags", "numbers", "lists", *(["tickets"] if count == 2 else [])]  # noqa: PLR2004
    phrasing = stream.choice(names)
    free = phrasing in {"numbers", "lists"}
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
    tell = {"shop": _shop, "bags": _bags, "tickets": _tickets}.get(phrasing, _numbers)
    return Draft(
        phrasing=phrasing,
        sentences=tell(letters, rows, totals, phrasing, stream),
        formal=equations,
        question=stream.choice(_QUESTIONS).format(asked=asked),
        equations=equations,
        asked=asked,
        values=tuple(values),
        gold=sum((a * x for a, x in zip(wanted, values, strict=True)), Fraction(0)),
        lines=tuple(f"{letter} = {x}" for letter, x in zip(letters, values, strict=True)),
        form=_form(rows, totals, wanted),
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


def _form(rows: Sequence[Row], totals: Sequence[Fraction], wanted: Row) -> object:
    """Return what no renaming of unknowns and no reordering of equations changes."""
    return min(
        [
            "system",
            sorted(
                [*(row[i] for i in order), str(total)]
                for row, total in zip(rows, totals, strict=True)
            ),
            [wanted[i] for i in order],
        ]
        for order in permutations(range(len(wanted)))
    )


def _shop(
    letters: Sequence[str], rows: Sequence[Row], totals: Sequence[Fraction], _: str, stream: Random
) -> tuple[str, ...]:
    items = stream.sample(stream.choice(_ITEMS), len(letters))
    prices = [
        f"one {item} costs {letter} dollars" for item, letter in zip(items, letters, strict=True)
    ]
    verb = stream.choice(("cost", "are sold for"))
    return (
        f"O{_listed(prices)[1:]}.",
        *(
            f"{_listed(_counted(row, items))} {verb} ${total} in all."
            for row, total in zip(rows, totals, strict=True)
        ),
    )


def _bags(
    letters: Sequence[str], rows: Sequence[Row], totals: Sequence[Fraction], _: str, stream: Random
) -> tuple[str, ...]:
    kinds = [f"{colour} bag" for colour in stream.sample(stream.choice(_COLOURS), len(letters))]
    weights = [f"one {kind} weighs {v} kilograms" for kind, v in zip(kinds, letters, strict=True)]
    return (
        f"O{_listed(weights)[1:]}.",
        *(
            f"{_listed(_counted(row, kinds))} weigh {total} kilograms together."
            for row, total in zip(rows, totals, strict=True)
        ),
    )


def _tickets(
    letters: Sequence[str], rows: Sequence[Row], totals: Sequence[Fraction], _: str, stream: Random
) -> tuple[str, ...]:
    place = stream.choice(("museum", "zoo", "theater", "pool"))
    x, y = letters
    a, b = rows[1]
    return (
        f"{x} adults and {y} children visit a {place}, {totals[0]} people in all.",
        f"An adult pays ${a} and a child ${b}. All of them pay ${totals[1]}.",
    )


def _numbers(
    letters: Sequence[str],
    rows: Sequence[Row],
    totals: Sequence[Fraction],
    phrasing: str,
    _: Random,
) -> tuple[str, ...]:
    lists = phrasing == "lists"
    lead, verb = ("Call the numbers {0}.", "gives") if lists else ("{0} are numbers.", "is")
    return (
        lead.format(_listed(letters)),
        *(
            f"{_multiples(row, letters, phrasing)} {verb} {total}."
            for row, total in zip(rows, totals, strict=True)
        ),
    )


def _multiples(row: Row, letters: Sequence[str], phrasing: str) -> str:
    out = ""
    for value, letter in zip(row, letters, strict=True):
        if value:
            size = "" if abs(value) == 1 else f"{abs(value)} times "
            joint = " minus " if value < 0 else " plus "
            if phrasing == "lists":
                joint = ", less " if value < 0 else ", with "
            out += f"{joint if out else ''}{size}{letter}"
    return out


def _counted(row: Row, items: Sequence[str]) -> list[str]:
    return [
        f"{count} {item}{'' if count == 1 else 's'}"
        for count, item in zip(row, items, strict=True)
        if count
    ]


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
