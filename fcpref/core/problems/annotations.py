"""The steps of a reference solution: calculator annotations, and equations in plain prose.

GSM8K's solutions carry ``<<48/2=24>>`` where the calculator was used; some steps are only written
out ("$36 + $7 = $43"). Both become a `WrittenStep` with the expression and the stated value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.core.numbers import read_number
from fcpref.core.problems.expressions import (
    Expression,
    Number,
    count_operations,
    evaluate,
    parse_expression,
)

if TYPE_CHECKING:
    from fractions import Fraction

MAX_SOLUTION = 20_000
Source = Literal["annotation", "prose"]


@frozen(kw_only=True)
class WrittenStep:
    """One worked step.

    Attributes:
        expression: what is worked out; at least one operation.
        stated: the value that the solution gives for it.
        places: decimals shown of it.
        source: ``annotation`` or ``prose``.
    """

    expression: Expression
    stated: Fraction
    places: int
    source: Source


@frozen(kw_only=True)
class Worked:
    """What could be read of a solution.

    Attributes:
        steps: in the order they are written.
        unreadable: annotations that are not "expression = number".
    """

    steps: tuple[WrittenStep, ...]
    unreadable: tuple[str, ...]


_ANNOTATION = re.compile(r"<<([^<>]{0,400})>>")
_FINAL = re.compile(r"####.*", re.DOTALL)
_WORDS = (
    (re.compile(r"\s+(?:divided by|over)\s+"), " / "),
    (re.compile(r"\s+(?:multiplied by|times)\s+"), " * "),
    (re.compile(r"(?<=[\d)%a-z])\s*x\s*(?=[\d.$(])"), " * "),
    (re.compile(r"\s+plus\s+"), " + "),
    (re.compile(r"\s+minus\s+"), " - "),
    (re.compile(r"\s+equals?\s+"), " = "),
)
_TOKEN = re.compile(
    r"(?P<mark>\x00)|(?P<number>\$?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:\s?%)?(?![\da-z]))"
    r"|(?P<per>/\s?[a-z]+)|(?P<operator>[-+*/^()\u00d7\u00f7\u2212\u2013])|(?P<equals>=)"
    r"|(?P<word>[a-z][a-z'.-]*[a-z']|[a-z])|(?P<money>\$)|(?P<space>\s+)|(?P<other>.)",
    re.ASCII,
)
_MAX_UNIT_WORDS = 4


def read_worked(solution: str) -> Worked:
    """Read the steps of a solution; never raises."""
    text = _FINAL.sub("", solution[:MAX_SOLUTION])
    steps: list[WrittenStep] = []
    unreadable: list[str] = []
    for line in re.split(r"\n|(?<=[a-z)\d])[.;]\s", text):
        at = 0
        # An annotation stands where its result does; what is between annotations is prose.
        notes = list(_ANNOTATION.finditer(line))
        prose = _prose(_ANNOTATION.sub("\x00", line)) if "=" in line or "equal" in line else []
        for mark, equation in prose:
            while at < mark:
                _note(notes[at][1], steps, unreadable)
                at += 1
            steps.append(equation)
        for note in notes[at:]:
            _note(note[1], steps, unreadable)
    return Worked(steps=tuple(steps), unreadable=tuple(unreadable))


def _note(inside: str, steps: list[WrittenStep], unreadable: list[str]) -> None:
    left, _, right = inside.rpartition("=")
    step = _step(left.split("=")[0], right, "annotation")
    if step is None:
        unreadable.append(inside)
    elif not isinstance(step.expression, Number):
        steps.append(step)


def _step(left: str, right: str, source: Source) -> WrittenStep | None:
    expression, stated = parse_expression(left), parse_expression(right)
    value = None if stated is None else evaluate(stated)
    if expression is None or value is None:
        return None
    decimals = re.search(r"\.(\d+)", right)
    return WrittenStep(
        expression=expression,
        stated=value,
        places=len(decimals[1]) if decimals else 0,
        source=source,
    )


def _prose(line: str) -> list[tuple[int, WrittenStep]]:
    """Return the equations of a line, each with the number of annotations before it."""
    text = line.lower()
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    tokens = _without_units([(str(m.lastgroup), m[0]) for m in _TOKEN.finditer(text)])
    found: list[tuple[int, WrittenStep]] = []
    for at, (kind, _) in enumerate(tokens):
        right = tokens[at + 1 : at + 2]
        if kind != "equals" or not right or right[0][0] != "number":
            continue
        after = tokens[at + 2][0] if at + 2 < len(tokens) else "end"
        if after in {"operator", "mark"}:
            continue
        start = at
        while start and tokens[start - 1][0] in {"number", "operator"}:
            start -= 1
        left = " ".join(word for _, word in tokens[start:at])
        # A sign at the start continues something unread, such as a variable.
        if not left or left[0] in "+-*/^)":
            continue
        step = _step(left, right[0][1], "prose")
        if step is not None and count_operations(step.expression):
            found.append((sum(k == "mark" for k, _ in tokens[:at]), step))
    return found


def _without_units(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Drop units ("3 crafts * $12/craft" is 3 * $12): words between a number and a sign."""
    kept: list[tuple[str, str]] = []
    words: list[tuple[str, str]] = []
    for kind, text in tokens:
        if kind in {"space", "per", "money"}:
            continue
        if kind == "word":
            words.append((kind, text))
            continue
        joins = kind == "equals" or (kind == "operator" and text != "(")
        unit = bool(kept) and kept[-1][0] == "number" and len(words) <= _MAX_UNIT_WORDS
        if not (joins and unit and all(len(word) > 1 for _, word in words)):
            kept.extend(words)
        words = []
        kept.append((kind, text))
    return kept + words
