"""The canonical form of a word problem: its operations, without words and distractors."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.numbers import read_number
from fcpref.core.problems.operations_form import Step, form_of_steps

if TYPE_CHECKING:
    from fcpref.core.problems.problem import Problem

_NOTE = re.compile(r"<<([\d./]+)(%?[-+*/])([\d./]+)=([\d./]+)>>")


def form_of(problem: Problem) -> str:
    """Return the canonical form of a problem, which decides its split."""
    notes = _NOTE.findall(problem.solution)
    return form_of_steps(
        [Step(_read(a), sign[0], _read(b), _read(result)) for a, sign, b, result in notes]
    )


def _read(text: str) -> Fraction:
    return read_number(text) or Fraction(0)
