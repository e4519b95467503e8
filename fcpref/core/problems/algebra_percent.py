"""Kind `percent` of family `algebra`: changes by percentages, forwards, backwards and compared."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.numbers import show_number
from fcpref.core.problems.algebra_draft import Draft, Size, Work

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_MOST = 3_000
_PLACES = 10**4
_WHAT = (
    ("price", "The price of a coat is ${v}.", "The price"),
    ("salary", "A salary is ${v}.", "The salary"),
    ("tank", "A tank holds {v} liters of water.", "The amount"),
    ("weight", "A sack weighs {v} kilograms.", "The weight"),
)
_UP = ("rises by {p}%", "goes up by {p}%", "grows by {p} percent")
_DOWN = ("falls by {p}%", "goes down by {p}%", "drops by {p} percent")
_NOW = ("What is it now?", "What is it in the end?")
_BEFORE = ("What was it at first?", "What was it before all this?")


def draft_percent(size: Size, stream: Random) -> Draft | None:
    """Return as many changes as the level says, or a comparison at level 1."""
    kind = stream.choice(("forward", "reverse", *(("share", "change") * (size.level == 1))))
    if kind in {"share", "change"}:
        return _compared(kind, stream)
    step = 1 if size.level == 1 else 5
    changes = [
        stream.choice((-1, 1)) * step * stream.randint(2, 95 // step) for _ in range(size.level)
    ]
    base = Fraction(stream.randint(10, _MOST) * (1 if size.level == 1 else 2))
    return (_forward if kind == "forward" else _reverse)(base, changes, stream)


def _forward(base: Fraction, changes: list[int], stream: Random) -> Draft | None:
    work, value = Work(), base
    for change in changes:
        part = work.do(abs(change), "%", value)
        value = work.do(value, "+" if change > 0 else "-", part)
    name, first, it = stream.choice(_WHAT)
    if not _fits(value):
        return None
    formula = show_number(base) + "".join(f" * (1 {_percent(change)})" for change in changes)
    return Draft(
        phrasing=f"{name}-forward",
        sentences=(first.format(v=show_number(base)), *_told(it, changes, stream)),
        formal=(formula,),
        question=stream.choice(_NOW),
        formal_question="Compute this.",
        gold=value,
        lines=tuple(work.lines),
        form=["percent", "forward", str(base), changes],
    )


def _reverse(base: Fraction, changes: list[int], stream: Random) -> Draft | None:
    after = base
    for change in changes:
        after = after * (100 + change) / 100
    if not _fits(after):
        return None
    work, value = Work(), after
    for change in reversed(changes):
        left = work.do(100, "+" if change > 0 else "-", abs(change))
        value = work.do(work.do(value, "/", left), "*", 100)
    name, first, it = stream.choice(_WHAT)
    formula = show_number(after) + "".join(
        f" / (1 {_percent(change)})" for change in reversed(changes)
    )
    now = first.replace(" is ", " is now ").replace(" holds ", " now holds ")
    now = now.replace(" weighs ", " now weighs ")
    return Draft(
        phrasing=f"{name}-reverse",
        sentences=(*_told(it, changes, stream, had=True), now.format(v=show_number(after))),
        formal=(formula,),
        question=stream.choice(_BEFORE),
        formal_question="Compute this.",
        gold=base,
        lines=tuple(work.lines),
        form=["percent", "reverse", str(after), changes],
    )


def _compared(kind: str, stream: Random) -> Draft | None:
    work = Work()
    first = Fraction(stream.randint(10, _MOST))
    percent = Fraction(stream.randint(4, 4 * 150), stream.choice((1, 2, 4, 4)))
    second = first * (percent / 100 + (kind == "change"))
    if second.denominator != 1 or percent > 400:  # noqa: PLR2004
        return None
    if kind == "share":
        gold = work.do(work.do(second, "/", first), "*", 100)
        formula = f"100 * {second} / {first}"
        told = {
            "votes": f"Of {first} votes, {second} are for Ann." * (second < first),
            "plan": f"The plan was {first} dollars, and {second} dollars were spent.",
            "shop": f"A shop sold {first} books last year and {second} this year.",
        }
        asks = {
            "votes": "What percent of the votes are for Ann?",
            "plan": "What percent of the plan was spent?",
            "shop": "What percent of last year's number is this year's?",
        }
    else:
        gold = work.do(work.do(work.do(second, "-", first), "/", first), "*", 100)
        formula = f"100 * ({second} - {first}) / {first}"
        told = {
            "rent": f"A rent goes from ${first} to ${second}.",
            "town": f"A town had {first} trees and now has {second}.",
        }
        asks = {
            "rent": "By how many percent does it rise?",
            "town": "By how many percent did the number grow?",
        }
    phrasing = stream.choice([name for name, text in told.items() if text])
    return Draft(
        phrasing=phrasing,
        sentences=(told[phrasing],),
        formal=(formula,),
        question=asks[phrasing],
        formal_question="Compute this.",
        gold=gold,
        lines=tuple(work.lines),
        form=["percent", kind, str(first), str(second)],
    )


def _told(it: str, changes: list[int], stream: Random, *, had: bool = False) -> list[str]:
    """Return one sentence a change; the subject is named before it is measured when `had`."""
    out = []
    for index, change in enumerate(changes):
        verb = stream.choice(_UP if change > 0 else _DOWN).format(p=abs(change))
        lead = "First" if had and index == 0 else "Then"
        out.append(f"{lead} {it[0].lower()}{it[1:]} {verb}.")
    return out


def _percent(change: int) -> str:
    return f"{'+' if change > 0 else '-'} {abs(change)}/100"


def _fits(value: Fraction) -> bool:
    return (value * _PLACES).denominator == 1 and 0 < value <= 10 * _MOST
