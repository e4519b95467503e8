"""Which numbers are computed from a problem's numbers, call by call.

An operand is grounded when it is given, the result of an earlier grounded call, or one of a closed
list of constants; and at least one given number must be behind a result. A call that changes
nothing (times 1, plus 0) computes nothing, nor does one that undoes another (times 2, over 2), so
neither can launder a copied number into an answer.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import define, field

from fcpref.core.functions import Call, Memory, show_call

if TYPE_CHECKING:
    from fcpref.core.functions.values import Fact

_HUNDRED = Fraction(100)


@define
class Grounding:
    """What is computed so far, from the facts taken in one after the other.

    Attributes:
        memory: of the finished chain.
        given: numbers that an answer may rest on.
        constants: numbers that may be used, but that make no answer by themselves.
        proofs: for each value that rests on a given number, the calls behind it.
    """

    memory: Memory
    given: frozenset[Fraction]
    constants: frozenset[Fraction]
    proofs: dict[Fraction, tuple[int, ...]] = field(factory=dict)
    _constant_only: dict[Fraction, tuple[int, ...]] = field(factory=dict)
    _made: set[tuple[Fraction, frozenset[Fraction]]] = field(factory=set)

    def take(self, fact: Fact) -> None:
        """Take in the result of an arithmetic call."""
        uses = [Fraction(use) for use in fact.uses]
        value = Fraction(fact.key)
        if (value in uses and _changes_nothing(fact, uses, self.memory)) or _undoes(
            value, uses, self._made
        ):
            return
        self._made.add((value, frozenset(uses)))
        behind: set[int] = {fact.call}
        from_problem = False
        for use in uses:
            if use in self.proofs:
                behind.update(self.proofs[use])
                from_problem = True
            elif use in self.given:
                from_problem = True
            elif use in self._constant_only:
                behind.update(self._constant_only[use])
            elif use not in self.constants:
                return
        target = self.proofs if from_problem else self._constant_only
        target.setdefault(value, tuple(sorted(behind)))


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
