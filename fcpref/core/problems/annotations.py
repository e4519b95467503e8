"""The steps of a reference solution: calculator annotations, and equations in plain prose.

GSM8K's solutions carry ``<<48/2=24>>`` where the calculator was used; some steps are only written
out ("$36 + $7 = $43"). Both become a `WrittenStep` with the expression and the stated value.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from attrs import evolve, field, frozen

from fcpref.core.problems.expressions import (
    Expression,
    Number,
    count_operations,
    evaluate,
    in_points,
    parse_expression,
)

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
        sentence: that it stands in, annotations and all.
    """

    expression: Expression
    stated: Fraction
    places: int
    source: Source
    sentence: str = field(default="", eq=False)


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
_AMOUNT = r"[$]?\s?-?(?:\d+\s\d+/\d+|(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+)?)(?:\s?%)?"
_GOES_ON = r"(?![.,]?\d)(?!\s?(?:[-*/+^\u00d7\u00f7\u2212\u2013]|x\s?[\d$]))"
_STATED = re.compile(rf"\s?=\s?(?:[$]?\s?<<[^<>]*>>\s?(?:{_AMOUNT})?|{_AMOUNT}{_GOES_ON})")
"""An equals sign and the number after it; "= 5 * 4" goes on, and is what is worked out."""
_NOTED = re.compile(rf"[$]?<<([^<>]*)>>\s?(?:{_AMOUNT})?")
_TWICE = re.compile(r"\b([A-Za-z]+) \1\b")
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
    r"(?P<mark>\x00)|(?P<number>\d{1,6}\s+(?:and\s+)?\d{1,6}/\d{1,6}(?![\da-z/])"
    r"|\$?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:\s?%)?(?!\d|[a-z](?![a-z])))"
    r"|(?P<per>/\s?[a-z]+)|(?P<operator>[-+*/^()\u00d7\u00f7\u2212\u2013])|(?P<equals>=)"
    r"|(?P<word>[a-z][a-z'.-]*[a-z']|[a-z])|(?P<money>\$)|(?P<space>\s+)|(?P<other>.)",
    re.ASCII,
)
_SENTENCE_END = re.compile(r"\n|(?<=[a-z)\d])[.;]\s")
_MAX_UNIT_WORDS = 4


def read_worked(solution: str) -> Worked:
    """Read the steps of a solution; never raises."""
    text = _FINAL.sub("", solution[:MAX_SOLUTION])
    steps: list[WrittenStep] = []
    unreadable: list[str] = []
    for line in _SENTENCE_END.split(text):
        notes = _ANNOTATION.findall(line)
        read = [_note(note) for note in notes]
        unreadable.extend(note for note, step in zip(notes, read, strict=True) if step is None)
        # "102 - 72 = <<30=30>>30": the annotation only repeats what the prose works out.
        shown = [
            note if step is not None and isinstance(step.expression, Number) else None
            for note, step in zip(notes, read, strict=True)
        ]
        found = [
            (index + 0.5, step)
            for index, step in enumerate(read)
            if step is not None and not isinstance(step.expression, Number)
        ]
        if "=" in line or "equal" in line:
            found += _prose(_ANNOTATION.sub("\x00", line), shown)
        in_order = sorted(found, key=lambda pair: pair[0])
        steps.extend(evolve(step, sentence=line.strip()) for _, step in in_order)
    return Worked(steps=tuple(steps), unreadable=tuple(unreadable))


def without_results(sentence: str) -> str:
    """Return a sentence that says what is worked out, and not what comes of it.

    "She sells 48 - 12 = <<48-12=36>>36 rolls" becomes "She sells 48 - 12 rolls".
    """
    text = _STATED.sub("", " ".join(sentence.split()))
    text = _NOTED.sub(lambda note: note[1].split("=")[0].strip(), text)
    # "3 books * 2 books = <<3*2=6>>6 books" would say the unit twice.
    return _TWICE.sub(r"\1", " ".join(text.split()))


def _note(inside: str) -> WrittenStep | None:
    left, _, right = inside.rpartition("=")
    return _step(left.split("=")[0], right, "annotation")


def _step(left: str, right: str, source: Source) -> WrittenStep | None:
    expression, stated = parse_expression(left), parse_expression(right)
    value = None if stated is None else evaluate(stated)
    if expression is None or value is None:
        return None
    points = in_points(expression) if isinstance(stated, Number) and stated.percent else None
    decimals = re.search(r"\.(\d+)", right)
    return WrittenStep(
        expression=expression if points is None else points,
        stated=value if points is None else value * 100,
        places=len(decimals[1]) if decimals else 0,
        source=source,
    )


def _prose(line: str, shown: list[str | None]) -> list[tuple[float, WrittenStep]]:
    """Return the equations of a line, each with the number of annotations before it.

    Args:
        line: one sentence, a NUL in the place of each annotation.
        shown: for each annotation that works nothing out, its text.
    """
    text = line.lower()
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    tokens = _without_units([(str(m.lastgroup), m[0]) for m in _TOKEN.finditer(text)])
    found: list[tuple[float, WrittenStep]] = []
    for at, (kind, _) in enumerate(tokens):
        if kind != "equals":
            continue
        before = sum(k == "mark" for k, _ in tokens[:at])
        left, right = _left(tokens[:at]), _right(tokens[at + 1 :])
        if tokens[at + 1 : at + 2] == [("mark", "\x00")] and before < len(shown):
            right = (shown[before] or "").partition("=")[0]
        if left and right:
            step = _step(left, right, "prose")
            if step is not None and count_operations(step.expression):
                found.append((float(before), step))
    return found


def _left(tokens: list[tuple[str, str]]) -> str:
    """Return the expression that ends here, or nothing."""
    start = len(tokens)
    while start and tokens[start - 1][0] in {"number", "operator"}:
        start -= 1
    left = " ".join(word for _, word in tokens[start:])
    # A sign at the start continues something unread, such as a variable.
    return "" if left[:1] in {*"+-*/^)"} else left


def _right(tokens: list[tuple[str, str]]) -> str:
    """Return the number or fraction that stands here alone, or nothing."""
    kinds = [kind for kind, _ in tokens[:4]]
    if kinds[:3] == ["number", "operator", "number"] and tokens[1][1] == "/":
        length = 3
    else:
        length = 1 if kinds[:1] == ["number"] else 0
    if not length or kinds[length : length + 1] in (["operator"], ["mark"]):
        return ""
    return "".join(word for _, word in tokens[:length])


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
