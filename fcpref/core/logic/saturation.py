"""Saturation: what follows by inference rules, breadth first, up to an explicit bound."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.formulas import Formula
from fcpref.core.logic.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fcpref.core.logic.formulas import Term
    from fcpref.core.logic.rules import InferenceRule

# Conjunctions never end: they are on offer as a rule, not by default.
DEFAULT_RULES = tuple(rule for rule in RULES.values() if rule.name != "conjunction_introduction")


@frozen
class Derivation:
    """How a formula was first derived: the rule, its premises in order, and the round, from 1."""

    rule: str
    premises: tuple[Formula, ...]
    depth: int


@frozen(hash=False)
class Saturation:
    """What a saturation found.

    Attributes:
        known: formula -> how it was first derived, None for a given one; in order of derivation.
        complete: nothing more follows by the rules and terms; False when the bound stopped it.
    """

    known: Mapping[Formula, Derivation | None]
    complete: bool

    def proof(self, formula: Formula) -> tuple[Formula, ...]:
        """Return the derived formulas that lead to a known one, premises first, itself last.

        Raises:
            KeyError: the formula is not known.
        """
        needed: set[Formula] = set()
        wanted = [formula]
        while wanted:
            one = wanted.pop()
            derivation = self.known[one]
            if derivation is not None and one not in needed:
                needed.add(one)
                wanted.extend(derivation.premises)
        return tuple(one for one in self.known if one in needed)


def saturate_by(
    givens: Iterable[Formula],
    rules: Sequence[InferenceRule] = DEFAULT_RULES,
    *,
    terms: Sequence[Term] = (),
    bound: int = 500,
) -> Saturation:
    """Derive all that follows by rules, breadth first.

    Args:
        givens: formulas; they count towards the bound but are all kept.
        rules: inference rules, as in `rules.RULES`.
        terms: what universal formulas are instantiated with.
        bound: formulas known at most. The time grows with its square.

    Raises:
        ValueError: the bound is below 1.
    """
    if bound < 1:
        raise ValueError(f"bound={bound} is below 1")
    known: dict[Formula, Derivation | None] = dict.fromkeys(givens)
    new, old, depth = list(known), list[Formula](), 0
    while new:
        depth += 1
        found: list[Formula] = []
        for rule, premises in _chances(rules, old, new):
            for conclusion in rule.conclude(premises, terms):
                if conclusion in known:
                    continue
                if len(known) >= bound:
                    return Saturation(MappingProxyType(known), complete=False)
                known[conclusion] = Derivation(rule.name, premises, depth)
                found.append(conclusion)
        old, new = [*old, *new], found
    return Saturation(MappingProxyType(known), complete=True)


def _chances(
    rules: Sequence[InferenceRule], old: Sequence[Formula], new: Sequence[Formula]
) -> Iterator[tuple[InferenceRule, tuple[Formula, ...]]]:
    """Give every rule with premises of which at least one is new."""
    pairs = [*product(new, (*old, *new)), *product(old, new)]
    for rule in rules:
        if rule.premises == 1:
            yield from ((rule, (one,)) for one in new)
        else:
            yield from ((rule, pair) for pair in pairs)
