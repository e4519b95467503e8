"""Rewrites of word problems: other people; of assignments, other letters and another order.

Sentences of a story keep their order: each says what becomes of what the one before it left.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.numbers import read_number
from fcpref.core.problems.expressions import apply
from fcpref.core.problems.renaming import other_words, uses_of
from fcpref.core.problems.word_names import PEOPLE
from fcpref.core.problems.word_text import LETTERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from fcpref.core.problems.expressions import Operator
    from fcpref.core.problems.problem import Problem
    from fcpref.core.seeds import Random

_LETTER = re.compile(r"\b[a-z]\b")
_CAPITAL = re.compile(r"\b[A-Z][a-z]+\b")
_LINE = re.compile(r"([a-z]) = (\S+?)(%| [+\-\u00d7\u00f7]) (?:of )?(\S+)")
_SIGNS: Mapping[str, Operator] = MappingProxyType(
    {"+": "+", "-": "-", "\u00d7": "*", "\u00f7": "/"}
)
_EVERYONE = {person.name: person.they for people in PEOPLE.values() for person in people}


def rename(problem: Problem, stream: Random) -> Problem | None:
    """Give everyone another name with the same pronouns, or every letter another letter."""
    names: dict[str, str] = {}
    if "formal" in problem.tags:
        used = list(dict.fromkeys(_LETTER.findall(problem.text)))
        drawn = other_words(used, [LETTERS], stream)
        if drawn is None:
            return None
        text = _LETTER.sub(lambda found: drawn[found[0]], problem.text)
        return evolve(problem, text=text)
    found = [name for name in dict.fromkeys(_CAPITAL.findall(problem.text)) if name in _EVERYONE]
    for they in ("she", "he"):
        vocabularies = [
            [person.name for person in PEOPLE[use] if person.they == they]
            for use in uses_of(problem)
        ]
        used = [name for name in found if _EVERYONE[name] == they]
        other = other_words(used, vocabularies, stream)
        if other is None:
            return None
        names |= other
    if not names:
        return None
    text = _CAPITAL.sub(lambda found: names.get(found[0], found[0]), problem.text)
    return evolve(problem, text=text)


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Give assignments in another order, each after those that it needs; None for a story."""
    if "formal" not in problem.tags:
        return None
    *lines, question = problem.text.split("\n")
    left = [(line, *_LETTER.findall(line)) for line in lines]
    said: list[str] = []
    known: set[str] = set()
    while left:
        ready = [one for one in left if known.issuperset(one[2:])]
        if not ready:
            return None
        line = stream.choice(ready)
        left.remove(line)
        known.add(line[1])
        said.append(line[0])
    return evolve(problem, text="\n".join((*said, question)))


def certified(problem: Problem, before: Problem) -> bool:
    """Tell whether assignments come to the gold answer, or a story differs by names only."""
    if "formal" in problem.tags:
        return _value(problem.text) == read_number(problem.gold)
    stories, names = [], []
    for one in (problem, before):
        stories.append(_CAPITAL.sub(lambda found: _EVERYONE.get(found[0], found[0]), one.text))
        names.append([name for name in _CAPITAL.findall(one.text) if name in _EVERYONE])
    if stories[0] != stories[1]:
        return False
    # One name for each person, and one person for each name.
    pairs = set(zip(*names, strict=True))
    return len(pairs) == len({new for new, _ in pairs}) == len({old for _, old in pairs})


def _value(text: str) -> Fraction | None:
    """Work out the assignments in the order in which they stand; None where that fails."""
    *lines, question = text.split("\n")
    values: dict[str, Fraction] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or found[1] in values:
            return None
        a, b = (values.get(one) or read_number(one) for one in (found[2], found[4]))
        if a is None or b is None:
            return None
        sign = found[3].strip()
        value = a * b / 100 if sign == "%" else apply(_SIGNS[sign], a, b)
        if value is None:
            return None
        values[found[1]] = value
    return values.get(question.removesuffix(" = ?"))
