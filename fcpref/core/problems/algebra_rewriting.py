"""Rewrites of equations and systems: other letters, and formulas in another order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.numbers import read_number
from fcpref.core.problems.algebra_syntax import Reading, read
from fcpref.core.problems.algebra_words import WORDS
from fcpref.core.problems.polynomials import Polynomial, constant, substitute
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.renaming import other_words, uses_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from fcpref.core.seeds import Random

_LETTER = re.compile(r"(?<![A-Za-z'])[a-z](?![A-Za-z])")
_VALUE = re.compile(r"([a-z]) = (\S+)")


def rename(problem: Problem, stream: Random) -> Problem | None:
    """Give unknowns other letters of the same vocabulary, in the same alphabetical order."""
    used = _letters(problem)
    if problem.claim is None or not used:
        return None
    drawn = other_words(used, [WORDS[use].letters for use in uses_of(problem)], stream)
    if drawn is None:
        return None
    # So that terms in the order of their letters stay so.
    letters = dict(zip(used, sorted(drawn.values()), strict=True))

    def put(text: str) -> str:
        return _LETTER.sub(lambda found: letters.get(found[0], found[0]), text)

    def stated(one: Statement) -> Statement:
        return Statement(text=put(one.text), formula=put(one.formula))

    return evolve(
        problem,
        text=put(problem.text),
        givens=tuple(map(stated, problem.givens)),
        claim=stated(problem.claim),
        solution=put(problem.solution),
    )


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Give equations in another order; None for sentences, and for what is no equation."""
    lines, question = _lines(problem)
    if problem.claim is None or "formal" not in problem.tags or not _told(problem):
        return None
    stream.shuffle(lines)
    givens = sorted(problem.givens, key=lambda one: lines.index(one.text))
    return evolve(problem, text="\n".join((*lines, question)), givens=tuple(givens))


def certified(problem: Problem, before: Problem) -> bool:
    """Tell whether the solution's values fit all equations and what is asked comes to the gold.

    The text has to say the equations, or to differ from the one before by its letters only.
    """
    values = {
        found[1]: value
        for line in problem.solution.splitlines()
        if (found := _VALUE.fullmatch(line)) and (value := read_number(found[2])) is not None
    }
    if problem.claim is None or not _same_words(problem, before):
        return False
    for given in problem.givens:
        sides = _worked_out(given.formula, values)
        # One that is beside the point is of a letter that has no value.
        if sides and (len(sides) != len(("left", "right")) or sides[0] != sides[1]):
            return False
    return _worked_out(problem.claim.formula, values) == (read_number(problem.gold),)


def _same_words(problem: Problem, before: Problem) -> bool:
    if "formal" in problem.tags:
        return _told(problem)
    used, had = set(_letters(problem)), set(_letters(before))
    after, was = (_LETTER.sub("_", one.text) for one in (problem, before))
    both = [_LETTER.findall(one.text) for one in (problem, before)]
    pairs = set(zip(*both, strict=True)) if after == was else set()
    unlike = {pair for pair in pairs if pair[0] in used or pair[1] in had}
    return bool(unlike) and len(unlike) == len({new for new, _ in unlike}) == len(
        {old for _, old in unlike}
    )


def _lines(problem: Problem) -> tuple[list[str], str]:
    *lines, question = problem.text.split("\n")
    return lines, question


def _told(problem: Problem) -> bool:
    """Tell whether a formal text is made of the equations, each once, and a question."""
    return sorted(_lines(problem)[0]) == sorted(one.text for one in problem.givens)


def _letters(problem: Problem) -> list[str]:
    stated = (*problem.givens, *((problem.claim,) if problem.claim else ()))
    return sorted({letter for one in stated for letter in _LETTER.findall(one.formula)})


def _worked_out(formula: str, values: Mapping[str, Fraction]) -> tuple[Fraction | None, ...]:
    """Return the value of each side; empty where a letter has none or the text is no formula."""
    reading = read(formula)
    if not isinstance(reading, Reading) or not reading.letters <= set(values):
        return ()
    return tuple(_number(side, values) for side in reading.sides)


def _number(side: Polynomial, values: Mapping[str, Fraction]) -> Fraction | None:
    found: Polynomial | None = side
    for letter in sorted(side.letters):
        found = None if found is None else substitute(found, letter, constant(values[letter]))
    return None if found is None else found.number
