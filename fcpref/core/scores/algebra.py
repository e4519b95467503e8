"""Support rule of algebra: the answer rests on the problem's equations, or on its numbers.

Where the problem asks for unknowns, the answer must be computed from values that its own equations
were solved to. In a formal problem these stand in the text. In words they are stated by `Equation`,
and one counts only when it says what a sentence says: it is equivalent to that sentence's equation
and uses the same numbers, each as often, so that no solved form can be passed off as read. The
problem's plain numbers may then take part in a computation, but no answer rests on them alone; and
every equation without which the answer would be open must be behind it.

Where the problem has no unknowns, the answer must be computed from the problem's numbers, with 1, 2
and 100 as the only constants.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.numbers import read_number
from fcpref.core.problems.algebra_syntax import Reading, read
from fcpref.core.problems.polynomials import Polynomial, scale, solve_for, substitute, subtract
from fcpref.core.problems.quantities import Form, worded
from fcpref.core.scores.grounding import Grounding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.functions import Memory
    from fcpref.core.functions.values import Fact
    from fcpref.core.problems import Problem

CONSTANTS = frozenset({"1", "2", "100"})
_LETTER = re.compile(r"[a-z=]")


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the calls that establish the answer, or None."""
    answer = read_number(memory.answer or "")
    if answer is None:
        return None
    problem = memory.problem
    numbers = _numbers(problem.text)
    if problem.claim is None:
        grounding = Grounding(numbers, CONSTANTS)
    else:
        grounding = Grounding({}, CONSTANTS | numbers.keys())
    proofs: dict[str, tuple[int, ...]] = dict.fromkeys(_shown(problem), ())
    for fact in memory.facts:
        if not _is_algebra(fact):
            grounding.take(fact)
        elif problem.claim is not None:
            _take(fact, proofs, grounding, problem)
    needed = _needed(problem)
    found = grounding.proofs(str(answer))
    return next((calls for calls in found if needed <= _used_equations(memory, calls)), None)


def _take(
    fact: Fact, proofs: dict[str, tuple[int, ...]], grounding: Grounding, problem: Problem
) -> None:
    if not fact.uses and not _says_what_the_problem_says(fact.key, problem):
        return
    if any(use not in proofs for use in fact.uses):
        return
    behind = {fact.call}.union(*(proofs[use] for use in fact.uses))
    proof = proofs.setdefault(fact.key, tuple(sorted(behind)))
    # "x=18" gives the number 18, and so does an expression whose unknowns are all replaced.
    text = fact.key[2:] if fact.key[1:2] == "=" and fact.key[0].isalpha() else fact.key
    number = read_number(text)
    if number is not None:
        grounding.establish(str(number), proof, fact.key)


def _is_algebra(fact: Fact) -> bool:
    # Arithmetic facts are made of numbers only; a stated equation uses nothing.
    return not fact.uses or any(_LETTER.search(text) for text in fact.uses)


def _used_equations(memory: Memory, evidence: tuple[int, ...]) -> frozenset[object]:
    facts = [fact for fact in memory.facts if fact.call in evidence]
    return frozenset(_fingerprint(key) for fact in facts for key in fact.uses or (fact.key,))


@lru_cache(maxsize=4_096)
def _needed(problem: Problem) -> frozenset[object]:
    """Return the equations that the answer cannot do without."""
    asked = read(problem.claim.formula) if problem.claim else None
    if not isinstance(asked, Reading):
        return frozenset()
    formulas = [given.formula for given in problem.givens]
    return frozenset(
        _fingerprint(formula)
        for index, formula in enumerate(formulas)
        if not _determined(asked.sides[0], (*formulas[:index], *formulas[index + 1 :]))
    )


def _determined(asked: Polynomial, formulas: tuple[str, ...]) -> bool:
    """Tell whether linear equations leave one value for an expression."""
    readings = [found for text in formulas if isinstance(found := read(text), Reading)]
    left = [subtract(*reading.sides) for reading in readings if len(reading.sides) > 1]
    value: Polynomial | None = asked
    while left:
        equation = left.pop()
        letter = min(equation.letters, default="") if equation else ""
        solved = solve_for(equation, Polynomial(), letter) if equation and letter else None
        if solved is not None:
            value = value and substitute(value, letter, solved)
            left = [other and substitute(other, letter, solved) for other in left]
    return value is not None and value.number is not None


def _says_what_the_problem_says(key: str, problem: Problem) -> bool:
    return _fingerprint(key) in {_fingerprint(given.formula) for given in problem.givens}


@lru_cache(maxsize=4_096)
def _fingerprint(text: str) -> object:
    """Return what equations share that differ in order, sides and scale of the same numbers."""
    reading = read(text)
    if not isinstance(reading, Reading) or len(reading.sides) == 1:
        return text
    return _primitive(subtract(*reading.sides)), _used(reading)


def _primitive(difference: Polynomial | None) -> object:
    if difference is None or not difference.terms:
        return None
    return scale(difference, 1 / difference.terms[0][1])


def _used(reading: Reading) -> frozenset[tuple[Fraction, int]]:
    # "x + y = 35" and "1*x + y = 35" are one.
    return frozenset(Counter(number for number in reading.numbers if number != 1).items())


@lru_cache(maxsize=4_096)
def _shown(problem: Problem) -> tuple[str, ...]:
    """Return the keys of the formulas that the problem shows."""
    texts = [problem.claim.formula] if problem.claim else []
    if "formal" in problem.tags:
        texts += [given.formula for given in problem.givens]
    return tuple(found.key for text in texts if isinstance(found := read(text), Reading))


@lru_cache(maxsize=4_096)
def _numbers(text: str) -> Mapping[str, Form | None]:
    found = worded(text)
    # "-5" is read as 5 by a reader of English.
    negated = {
        str(-value): Form(value, Fraction(-1), Fraction(0))
        if form is None
        else Form(form.base, -form.factor, -form.offset)
        for value, form in found.items()
    }
    return negated | {str(value): form for value, form in found.items()}
