"""The sentences of kind `system` of family `algebra`, ordinary and held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from fcpref.core.problems.algebra_words import Words
    from fcpref.core.seeds import Random

Row = tuple[int, ...]
ORDINARY = ("shop", "bags", "numbers", "lists", "tickets")
OTHER = ("stall", "buses", "riddle", "puzzle")
WITH_ANY_NUMBERS = frozenset({"numbers", "lists", "riddle", "puzzle"})
_MULTIPLES = {
    "numbers": ("{0} are numbers.", "{sum} is {total}.", " plus ", " minus "),
    "lists": ("Call the numbers {0}.", "{sum} gives {total}.", ", with ", ", less "),
    "riddle": (
        "{0} stand for secret numbers.", "Whoever takes {sum} arrives at {total}.",
        " and also ", " and gives back ",
    ),
    "puzzle": (
        "In a puzzle {0} are hidden numbers.", "The clue for {total} reads: {sum}.",
        " increased by ", " reduced by ",
    ),
}  # fmt: skip


def say_system(
    phrasing: str,
    letters: Sequence[str],
    rows: Sequence[Row],
    totals: Sequence[Fraction],
    words: Words,
    stream: Random,
) -> tuple[str, ...]:
    """Return a system's sentences: what the letters stand for, then an equation each."""
    match phrasing:
        case "shop":
            items = stream.sample(stream.choice(words.items), len(letters))
            verb = stream.choice(("cost", "are sold for"))
            return _things(
                letters,
                rows,
                totals,
                items,
                "one {} costs {} dollars",
                f"{{}} {verb} ${{}} in all.",
            )
        case "bags":
            colours = stream.sample(stream.choice(words.colours), len(letters))
            kinds = [f"{colour} bag" for colour in colours]
            return _things(
                letters, rows, totals, kinds, "one {} weighs {} kilograms",
                "{} weigh {} kilograms together.",
            )  # fmt: skip
        case "stall":
            items = stream.sample(stream.choice(words.items), len(letters))
            return _things(
                letters, rows, totals, items, "${1} is paid for a single {0}",
                "Whoever takes {} pays ${}.",
            )  # fmt: skip
        case "buses":
            colours = stream.sample(stream.choice(words.colours), len(letters))
            kinds = [f"{colour} bus" for colour in colours]
            return _things(
                letters, rows, totals, kinds, "every {} has room for {} people",
                "There is room for {1} people in {0}.",
            )  # fmt: skip
        case "tickets":
            return _tickets(letters, rows, totals, stream.choice(words.places))
    lead, sentence, plus, minus = _MULTIPLES[phrasing]
    return (
        lead.format(_listed(letters)),
        *(
            sentence.format(sum=_multiples(row, letters, plus, minus), total=total)
            for row, total in zip(rows, totals, strict=True)
        ),
    )


def _things(
    letters: Sequence[str],
    rows: Sequence[Row],
    totals: Sequence[Fraction],
    items: Sequence[str],
    each: str,
    together: str,
) -> tuple[str, ...]:
    lead = _listed([each.format(item, v) for item, v in zip(items, letters, strict=True)])
    return (
        f"{lead[0].upper()}{lead[1:]}.",
        *(
            together.format(_listed(_counted(row, items)), total)
            for row, total in zip(rows, totals, strict=True)
        ),
    )


def _tickets(
    letters: Sequence[str], rows: Sequence[Row], totals: Sequence[Fraction], place: str
) -> tuple[str, ...]:
    x, y = letters
    a, b = rows[1]
    return (
        f"{x} adults and {y} children visit a {place}, {totals[0]} people in all.",
        f"An adult pays ${a} and a child ${b}. All of them pay ${totals[1]}.",
    )


def _multiples(row: Row, letters: Sequence[str], plus: str, minus: str) -> str:
    out = ""
    for value, letter in zip(row, letters, strict=True):
        if value:
            size = "" if abs(value) == 1 else f"{abs(value)} times "
            joint = minus if value < 0 else plus
            out += f"{joint if out else ''}{size}{letter}"
    return out


def _counted(row: Row, items: Sequence[str]) -> list[str]:
    return [
        f"{count} {item if count == 1 else _plural(item)}"
        for count, item in zip(row, items, strict=True)
        if count
    ]


def _plural(item: str) -> str:
    return f"{item}es" if item.endswith(("s", "ch")) else f"{item}s"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
