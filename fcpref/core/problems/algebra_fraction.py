"""Kind `fraction` of family `algebra`: sums, products and quotients of fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.problems.algebra_draft import Draft, Sign, Size, Work

if TYPE_CHECKING:
    from fcpref.core.problems.algebra_words import Templates
    from fcpref.core.seeds import Random

_LARGEST = 5_000
_PAIR = 0.35
_STEP: dict[Templates, dict[str, dict[Sign, str]]] = {
    "common": {
        "steps": {
            "+": "Add {b}.", "-": "Subtract {b}.", "*": "Multiply by {b}.", "/": "Divide by {b}.",
        },
        "then": {
            "+": "Then {b} is added.", "-": "Then {b} is subtracted.",
            "*": "Then this is multiplied by {b}.", "/": "Then this is divided by {b}.",
        },
    },
    "held_out": {
        "screen": {
            "+": "You key in plus {b}.", "-": "You key in minus {b}.",
            "*": "You key in times {b}.", "/": "You key in divided by {b}.",
        },
        "machine": {
            "+": "A machine increases it by {b}.", "-": "A machine decreases it by {b}.",
            "*": "A machine makes it {b} times as large.",
            "/": "A machine divides it by {b}.",
        },
    },
}  # fmt: skip
_PAIRED: dict[Sign, str] = {
    "+": "the sum of {a} and {b}", "-": "the difference of {a} and {b}",
    "*": "the product of {a} and {b}", "/": "the quotient of {a} and {b}",
}  # fmt: skip
_START = {
    "steps": "Start with {a}.", "then": "Someone writes down {a}.",
    "screen": "A screen shows {a}.", "machine": "The input is {a}.",
}  # fmt: skip
_QUESTIONS = {
    "steps": ("What do you get?", "Which number do you get?"),
    "then": ("What is the result?", "What comes out in the end?"),
    "screen": ("What does the screen show now?", "Which number is on the screen now?"),
    "machine": ("What is the output?", "Which number is the output?"),
}


@frozen
class _Part:
    """A number, or two joined: its value, as words, as a formula."""

    value: Fraction
    words: str
    formula: str


def draft_fraction(size: Size, stream: Random) -> Draft | None:
    """Return a calculation of level + 1 operations; None when the draw does not fit."""
    work = Work()
    told = _STEP[size.templates]
    phrasing = stream.choice(tuple(told))
    left = size.level + 1
    start = _part(size, stream, work, pair=stream.random() < _PAIR)
    if start is None:
        return None
    value, formula = start.value, start.formula
    left -= len(work.lines)
    sentences = [_START[phrasing].format(a=start.words)]
    while left > 0:
        before = len(work.lines)
        part = _part(size, stream, work, pair=left > 1 and stream.random() < _PAIR)
        if part is None:
            return None
        sign: Sign = stream.choice(("+", "-", "*", "/"))
        if sign == "/" and part.value == 0:
            return None
        value = work.do(value, sign, part.value)
        left -= len(work.lines) - before
        whole = formula if len(sentences) == 1 else f"({formula})"
        formula = f"{whole} {sign} {part.formula}"
        sentences.append(told[phrasing][sign].format(b=part.words))
        if value == 0 or abs(value.numerator) > _LARGEST or value.denominator > _LARGEST:
            return None
    if value.denominator == 1 and stream.random() < 0.7:  # noqa: PLR2004
        return None
    return Draft(
        phrasing=phrasing,
        sentences=tuple(sentences),
        formal=(formula,),
        question=stream.choice(_QUESTIONS[phrasing]),
        formal_question="Compute this.",
        gold=value,
        lines=tuple(work.lines),
        form=f"fraction {work.form}",
    )


def _part(size: Size, stream: Random, work: Work, *, pair: bool) -> _Part | None:
    if not pair:
        return _number(size, stream)
    a, b = _number(size, stream), _number(size, stream)
    sign: Sign = stream.choice(("+", "-", "*", "/"))
    value = work.do(a.value, sign, b.value)
    if value == 0 or a.value == b.value:
        return None
    words = _PAIRED[sign].format(a=a.words, b=b.words)
    return _Part(value, words, f"({a.formula} {sign} {b.formula})")


def _number(size: Size, stream: Random) -> _Part:
    bottom = stream.randint(2, size.coefficients + 3)
    top = stream.choice([n for n in range(1, 2 * bottom) if n % bottom])
    value = Fraction(top, bottom)
    return _Part(value, str(value), f"({value})")
