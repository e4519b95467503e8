"""The canonical form of an algebra problem: numbers, but no letters, no words and no order.

Equations and what is asked of them are taken up to the names of the unknowns and the order of the
equations; a calculation is its operations.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_syntax import Reading, read
from fcpref.core.problems.operations_form import Step, form_of_steps
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.problems.polynomials import Polynomial
    from fcpref.core.problems.problem import Problem

_LETTER = re.compile(r"[a-z]")


def form_of(problem: Problem) -> str:
    """Return the canonical form, which decides the split; equations beside the point are not in it.

    Raises:
        ProblemError: an equation, or what is asked, cannot be read.
    """
    if problem.claim is not None:
        return equations_form([one.formula for one in problem.givens], problem.claim.formula)
    steps = []
    for line in problem.solution.splitlines():
        match line.split():
            case [a, sign, b, "=", result]:
                steps.append(Step(Fraction(a), sign, Fraction(b), Fraction(result)))
    kind = problem.tags[0].removeprefix("kind:")
    return f"{kind} {form_of_steps(steps)}"


def equations_form(equations: Sequence[str], asked: str) -> str:
    """Return the canonical form of the equations that have to do with what is asked."""
    wanted = frozenset(_LETTER.findall(asked))
    used = [(text, frozenset(_LETTER.findall(text))) for text in equations]
    for _ in used:
        wanted = wanted.union(*(letters for _, letters in used if letters & wanted))
    texts = [text for text, letters in used if letters & wanted]
    if len(wanted) == 1:
        # With one unknown the written equation says more than its polynomial: where brackets are.
        return f"linear {_LETTER.sub('v', '; '.join(sorted(texts)))} | {_LETTER.sub('v', asked)}"
    rows = [_polynomials(text) for text in texts]
    goal = _polynomials(asked)
    return "system " + min(
        f"{sorted(_row(row, order) for row in rows)} | {_row(goal, order)}"
        for order in permutations(sorted(wanted))
    )


def _polynomials(text: str) -> tuple[Polynomial, ...]:
    found = read(text)
    if not isinstance(found, Reading):
        message = f"{text!r} is no equation: {found}"
        raise ProblemError(message)
    return found.sides


def _row(sides: tuple[Polynomial, ...], order: tuple[str, ...]) -> str:
    """Return the coefficients of the letters in this order, and the number, side by side."""
    found = []
    for side in sides:
        terms = dict(side.terms)
        found += [str(terms.get((letter,), 0)) for letter in order]
        found.append(str(terms.get((), 0)))
    return " ".join(found)
