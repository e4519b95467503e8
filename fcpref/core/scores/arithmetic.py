"""Support rule of mathematics: the answer is computed from numbers that the problem gives.

The problem gives numerals, number words and percent forms; `grounding` says what counts as
computed from them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.numbers import read_number
from fcpref.core.problems.quantities import worded
from fcpref.core.scores.grounding import Grounding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.functions import Memory
    from fcpref.core.problems.quantities import Form

# What a reader knows without being told; a constant alone never makes an answer.
_KNOWN = (
    "1 2 3 4 5 6 7 8 9 10 20 50 100 1000 1000000",  # counting, sharing, metric units, percent
    "1/2 1/3 2/3 1/4 3/4 1/5 1/10 1/20 1/100 1/1000",  # everyday parts, coins, metric units
    "12 14 24 25 30 60 90 180 360 3600 1440 168",  # dozen, clock, angles, quarter dollar
    "28 29 30 31 48 52 365 366",  # calendar
    "16 32 36 64 128 144 1760 2000 5280",  # ounces, inches, gallons, miles, tons
)
CONSTANTS = frozenset(number for line in _KNOWN for number in line.split())


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the calls that compute the answer from the problem's numbers, or None."""
    answer = read_number(memory.answer or "")
    if answer is None:
        return None
    grounding = Grounding(_given(memory.problem.text), CONSTANTS)
    for fact in memory.facts:
        grounding.take(fact)
    return next(iter(grounding.proofs(str(answer))), None)


@lru_cache(maxsize=4_096)
def _given(text: str) -> Mapping[str, Form | None]:
    return {str(value): form for value, form in worded(text).items()}
