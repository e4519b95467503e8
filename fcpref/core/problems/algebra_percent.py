"""Kind `percent` of family `algebra`: changes by percentages, forwards, backwards and compared."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.numbers import show_number
from fcpref.core.problems.algebra_draft import Draft, Size, Work, choose, phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.seeds import Random

_MOST = 3_000
_PLACES = 10**4
_LARGEST_CHANGE = 95
_WHAT = (
    ("price", "The price of a {priced} is {now}${v}.", "The price"),
    ("salary", "The salary of a {job} is {now}${v}.", "The salary"),
    ("tank", "A tank {now}holds {v} liters of {liquid}.", "The amount"),
    ("weight", "A {weighed} {now}weighs {v} kilograms.", "The weight"),
)
_OTHER_WHAT = (
    ("ticket", "For a {priced} people {now}pay ${v}.", "What they pay"),
    ("wage", "Someone who works as a {job} {now}gets ${v}.", "What they get"),
    ("barrel", "In a barrel there are {now}{v} liters of {liquid}.", "What is in there"),
    ("scale", "For a {weighed} the scale {now}shows {v} kilograms.", "What it shows"),
)
_UP = ("rises by {p}%", "goes up by {p}%", "grows by {p} percent")
_DOWN = ("falls by {p}%", "goes down by {p}%", "drops by {p} percent")
_OTHER_UP = ("becomes {p}% larger", "gains {p} percent")
_OTHER_DOWN = ("becomes {p}% smaller", "loses {p} percent")
_NOW = ("What is it now?", "What is it in the end?")
_OTHER_NOW = ("How much is that after all this?", "Which value does this lead to?")
_BEFORE = ("What was it at first?", "What was it before all this?")
_OTHER_BEFORE = ("How much did it begin with?", "Which value did this start from?")


def draft_percent(size: Size, stream: Random) -> Draft | None:
    """Return as many changes as the level says, or a comparison at level 1."""
    kind = stream.choice(("forward", "reverse", *(("share", "change") * (size.level == 1))))
    if kind in {"share", "change"}:
        return _compared(kind, size, stream)
    step = 1 if size.level == 1 else 5
    changes = [
        stream.choice((-1, 1)) * step * stream.randint(2, _LARGEST_CHANGE // step)
        for _ in range(size.level)
    ]
    base = Fraction(stream.randint(10, _MOST) * (1 if size.level == 1 else 2))
    return (_forward if kind == "forward" else _reverse)(base, changes, size, stream)


def _forward(base: Fraction, changes: list[int], size: Size, stream: Random) -> Draft | None:
    work, value = Work(), base
    for change in changes:
        part = work.do(abs(change), "%", value)
        value = work.do(value, "+" if change > 0 else "-", part)
    name, first, it = choose(size, _WHAT, _OTHER_WHAT, stream)
    if not _fits(value):
        return None
    formula = show_number(base) + "".join(f" * (1 {_percent(change)})" for change in changes)
    return Draft(
        phrasing=f"{name}-forward",
        sentences=(_state(first, base, "", size, stream), *_told(it, changes, size, stream)),
        formal=(formula,),
        question=choose(size, _NOW, _OTHER_NOW, stream),
        formal_question="Compute this.",
        gold=value,
        lines=tuple(work.lines),
        form=f"percent {work.form}",
    )


def _reverse(base: Fraction, changes: list[int], size: Size, stream: Random) -> Draft | None:
    after = base
    for change in changes:
        after = after * (100 + change) / 100
    if not _fits(after):
        return None
    work, value = Work(), after
    for change in reversed(changes):
        left = work.do(100, "+" if change > 0 else "-", abs(change))
        value = work.do(work.do(value, "/", left), "*", 100)
    name, first, it = choose(size, _WHAT, _OTHER_WHAT, stream)
    formula = show_number(after) + "".join(
        f" / (1 {_percent(change)})" for change in reversed(changes)
    )
    return Draft(
        phrasing=f"{name}-reverse",
        sentences=(
            *_told(it, changes, size, stream, had=True),
            _state(first, after, "now ", size, stream),
        ),
        formal=(formula,),
        question=choose(size, _BEFORE, _OTHER_BEFORE, stream),
        formal_question="Compute this.",
        gold=base,
        lines=tuple(work.lines),
        form=f"percent {work.form}",
    )


def _compared(kind: str, size: Size, stream: Random) -> Draft | None:
    work = Work()
    first = Fraction(stream.randint(10, _MOST))
    percent = Fraction(stream.randint(4, 4 * 150), stream.choice((1, 2, 4, 4)))
    second = first * (percent / 100 + (kind == "change"))
    if second.denominator != 1 or percent > 400:  # noqa: PLR2004
        return None
    common: Mapping[str, tuple[str, ...]]
    held_out: Mapping[str, tuple[str, ...]]
    if kind == "share":
        gold = work.do(work.do(second, "/", first), "*", 100)
        formula = f"100 * {second} / {first}"
        common = {
            "votes": (
                f"Of {first} votes, {second} are for {{name}}.",
                "What percent of the votes are for {name}?",
            )
            if second < first
            else (),
            "plan": (
                f"The plan was {first} dollars, and {second} dollars were spent.",
                "What percent of the plan was spent?",
            ),
            "shop": (
                f"A shop sold {first} {{item}}s last year and {second} this year.",
                "What percent of last year's number is this year's?",
            ),
        }
        held_out = {
            "goal": (
                f"{{name}} wants to collect {first} {{item}}s and has {second}.",
                "How many percent of the goal is this?",
            ),
            "crowd": (
                f"The {{place}} was made for {first} people, and {second} come.",
                "To how many percent is it used?",
            ),
        }
    else:
        gold = work.do(work.do(work.do(second, "-", first), "/", first), "*", 100)
        formula = f"100 * ({second} - {first}) / {first}"
        common = {
            "rent": (
                f"A rent goes from ${first} to ${second}.",
                "By how many percent does it rise?",
            ),
            "town": (
                f"A {{place}} had {first} visitors and now has {second}.",
                "By how many percent did the number grow?",
            ),
        }
        held_out = {
            "record": (
                f"The record of {{name}} was {first} points and is {second} points since today.",
                "How many percent better is the new record?",
            ),
            "stock": (
                f"There were {first} {{item}}s in store, and after a delivery there are {second}.",
                "What is the growth in percent?",
            ),
        }
    chosen = phrase(size, common, held_out, stream)
    if chosen is None:
        return None
    phrasing, said = chosen
    words = {
        "name": stream.choice(size.words.names),
        "place": stream.choice(size.words.places),
        "item": stream.choice(stream.choice(size.words.items)),
    }
    return Draft(
        phrasing=phrasing,
        sentences=(said[0].format(**words),),
        formal=(formula,),
        question=said[1].format(**words),
        formal_question="Compute this.",
        gold=gold,
        lines=tuple(work.lines),
        form=f"percent {work.form}",
    )


def _state(text: str, value: Fraction, now: str, size: Size, stream: Random) -> str:
    words = size.words
    return text.format(
        v=show_number(value),
        now=now,
        priced=stream.choice(words.priced),
        job=stream.choice(words.jobs),
        liquid=stream.choice(words.liquids),
        weighed=stream.choice(words.weighed),
    )


def _told(
    it: str, changes: list[int], size: Size, stream: Random, *, had: bool = False
) -> list[str]:
    """Return one sentence a change; the subject is named before it is measured when `had`."""
    out = []
    for index, change in enumerate(changes):
        common, other = (_UP, _OTHER_UP) if change > 0 else (_DOWN, _OTHER_DOWN)
        verb = choose(size, common, other, stream).format(p=abs(change))
        lead = "First" if had and index == 0 else "Then"
        out.append(f"{lead} {it[0].lower()}{it[1:]} {verb}.")
    return out


def _percent(change: int) -> str:
    return f"{'+' if change > 0 else '-'} {abs(change)}/100"


def _fits(value: Fraction) -> bool:
    return (value * _PLACES).denominator == 1 and 0 < value <= 10 * _MOST
