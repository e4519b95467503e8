"""A canonical form of deduction problems that no renaming or reordering changes.

Predicates and constants are replaced by colours that are refined until stable (1-dimensional
Weisfeiler-Leman). Two problems that differ by names or order always get the same form. Two that
differ otherwise may in rare cases share one too, which only puts them in the same split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.literals import Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.logic.chaining import Rule

_VARIABLE = -1

Seen = tuple[bool, int, "Coloured"]
"""Sign, place (-1 for a predicate) and clause of an occurrence."""

Coloured = tuple[str, tuple[tuple[bool, int, tuple[tuple[int, int], ...]], ...]]


@frozen
class _Clause:
    """A disjunction of literals: what is stated, or what is claimed.

    Attributes:
        kind: ``fact``, ``rule`` or ``claim``.
        literals: of a rule the negated conditions and the conclusion, so that a rule and its
            contrapositive are one: a disguise is still a disguise.
        orders: the ways to number the variables.
    """

    kind: str
    literals: tuple[Literal, ...]
    orders: tuple[Mapping[str, int], ...]


def deduction_form(
    facts: Sequence[Literal], rules: Sequence[Rule], claim: Literal
) -> tuple[object, ...]:
    """Return plain data that is equal for problems that differ only in names and order.

    Args:
        facts: ground literals; a given conjunction counts as its parts.
        rules: universal rules.
        claim: a ground literal.
    """
    clauses = [_Clause("fact", (fact,), ({},)) for fact in dict.fromkeys(facts)]
    clauses += [_rule_clause(rule) for rule in rules]
    clauses.append(_Clause("claim", (claim,), ({},)))
    colours: Mapping[str, int] = defaultdict(int)
    count = 1
    while True:
        colours = _refine(clauses, colours)
        # Colours only ever split: as many as before means that they are stable.
        if (found := len(set(colours.values()))) == count:
            break
        count = found
    return tuple(sorted(repr(_coloured(clause, colours)) for clause in clauses))


def _rule_clause(rule: Rule) -> _Clause:
    literals = (*(one.negated for one in rule.body), rule.head)
    orders = tuple(
        dict(zip(order, range(len(order)), strict=True)) for order in permutations(rule.variables)
    )
    return _Clause("rule", literals, orders)


def _coloured(clause: _Clause, colours: Mapping[str, int]) -> Coloured:
    """Return a clause without names: of all numberings of its variables, the least."""
    return clause.kind, min(
        tuple(sorted(_literal(one, order, colours) for one in clause.literals))
        for order in clause.orders
    )


def _literal(
    literal: Literal, order: Mapping[str, int], colours: Mapping[str, int]
) -> tuple[bool, int, tuple[tuple[int, int], ...]]:
    terms = tuple(
        (_VARIABLE, order[term]) if term in order else (0, colours[f"c:{term}"])
        for term in literal.terms
    )
    return literal.positive, colours[f"p:{literal.predicate}"], terms


def _refine(clauses: Sequence[_Clause], colours: Mapping[str, int]) -> dict[str, int]:
    """Colour each name by its colour and by the places where it stands, in no order."""
    seen: dict[str, list[Seen]] = defaultdict(list)
    for clause in clauses:
        around = _coloured(clause, colours)
        for one in clause.literals:
            seen[f"p:{one.predicate}"].append((one.positive, -1, around))
            for place, term in _constants(one, clause):
                seen[f"c:{term}"].append((one.positive, place, around))
    # Ranked by what they see, not by what they are called.
    signatures = {name: repr((name[0], colours[name], sorted(seen[name]))) for name in seen}
    ranks = {one: rank for rank, one in enumerate(sorted(set(signatures.values())))}
    return {name: ranks[one] for name, one in signatures.items()}


def _constants(literal: Literal, clause: _Clause) -> Iterable[tuple[int, str]]:
    bound = clause.orders[0]
    return ((place, term) for place, term in enumerate(literal.terms) if term not in bound)
