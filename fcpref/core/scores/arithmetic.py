"""Support rule of mathematics: the answer is computed from numbers that the problem gives.

An operand is grounded when it is a number of the problem (numeral, number word, percent form), the
result of an earlier grounded call, or one of a closed list of constants; and at least one number
of the problem must be behind the answer. A call that changes nothing (times 1, plus 0) computes
nothing, nor does one that undoes another (times 2, over 2), so neither can launder a copied number
into an answer.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.functions import Call, show_call
from fcpref.core.numbers import read_number
from fcpref.core.problems.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.functions import Memory
    from fcpref.core.functions.values import Fact

# What a reader knows without being told; a constant alone never makes an answer.
_KNOWN = (
    "1 2 3 4 5 6 7 8 9 10 20 50 100 1000 1000000",  # counting, sharing, metric units, percent
    "1/2 1/3 2/3 1/4 3/4 1/5 1/10 1/20 1/100 1/1000",  # everyday parts, coins, metric units
    "12 14 24 25 30 60 90 180 360 3600 1440 168",  # dozen, clock, angles, quarter dollar
    "28 29 30 31 48 52 365 366",  # calendar
    "16 32 36 64 128 144 1760 2000 5280",  # ounces, inches, gallons, miles, tons
)
CONSTANTS = frozenset(Fraction(text) for line in _KNOWN for text in line.split())
_HUNDRED = Fraction(100)


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the calls that compute the answer from the problem's numbers, or None."""
    if memory.answer is None:
        return None
    answer = read_number(memory.answer)
    proofs = _proofs(memory)
    return None if answer is None else proofs.get(answer)


def _proofs(memory: Memory) -> Mapping[Fraction, tuple[int, ...]]:
    """Return, for each value that is computed from the problem, the calls behind it."""
    given = _given(memory.problem.text)
    proofs: dict[Fraction, tuple[int, ...]] = {}
    constant_only: dict[Fraction, tuple[int, ...]] = {}
    made: set[tuple[Fraction, frozenset[Fraction]]] = set()
    for fact in memory.facts:
        uses = [Fraction(use) for use in fact.uses]
        value = Fraction(fact.key)
        if (value in uses and _changes_nothing(fact, uses, memory)) or _undoes(value, uses, made):
            continue
        made.add((value, frozenset(uses)))
        behind: set[int] = {fact.call}
        from_problem = False
        for use in uses:
            if use in proofs:
                behind.update(proofs[use])
                from_problem = True
            elif use in given:
                from_problem = True
            elif use in constant_only:
                behind.update(constant_only[use])
            elif use not in CONSTANTS:
                break
        else:
            target = proofs if from_problem else constant_only
            target.setdefault(value, tuple(sorted(behind)))
    return proofs


def _undoes(
    value: Fraction, uses: list[Fraction], made: set[tuple[Fraction, frozenset[Fraction]]]
) -> bool:
    # 5 * 2 = 10, then 10 / 2 = 5: a copied number sent there and back.
    if value in uses or len(uses) == 1:
        return False
    return any((there, frozenset((value, other))) in made for there, other in (uses, uses[::-1]))


def _changes_nothing(fact: Fact, uses: list[Fraction], memory: Memory) -> bool:
    # With the result among the operands, the other operand is the neutral element (or the first
    # is: 0 + 5, 1 * 5), or a rounding found nothing to round.
    rest = list(uses)
    rest.remove(Fraction(fact.key))
    if not rest or rest[0] in {Fraction(0), Fraction(1)}:
        return True
    # 100 is neutral for Percent only: 100 - 50 and 100 / 10 do compute something.
    return rest[0] == _HUNDRED and any(
        show_call(Call(function="Percent", keywords=(("p", p), ("of", of)))) in memory.calls
        for p, of in (uses, uses[::-1])
    )


@lru_cache(maxsize=4_096)
def _given(text: str) -> frozenset[Fraction]:
    return quantities(text)
