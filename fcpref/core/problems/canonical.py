"""A canonical form of deduction problems that no renaming or reordering changes.

Predicates and constants are replaced by colours that are refined until stable (1-dimensional
Weisfeiler-Leman). Two problems that differ by names or order always get the same form. Two that
differ otherwise may in rare cases share one too, which only puts them in the same split.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.literals import Literal

_FACT, _RULE, _CLAIM = range(3)

Occurrence = tuple[bool, int, tuple[int, ...]]
"""Sign, predicate and terms by number: a constant's is a name's, a variable's is below zero."""
Clause = tuple[int, tuple[tuple[Occurrence, ...], ...]]
"""Kind, and the literals in each numbering of the variables. Of a rule they are the negated
conditions and the conclusion, so that a rule and its contrapositive are one: a disguise is still a
disguise."""
Coloured = tuple[int, tuple[Occurrence, ...]]


def deduction_form(facts: Iterable[Literal], rules: Iterable[Rule], claim: Literal) -> str:
    """Return a text that is the same for problems that differ only in names and order.

    Args:
        facts: ground literals; a given conjunction counts as its parts.
        rules: universal rules.
        claim: a ground literal.
    """
    numbers: dict[tuple[str, str], int] = {}
    clauses = [_clause(_FACT, (fact,), (), numbers) for fact in dict.fromkeys(facts)]
    for rule in rules:
        literals = (*(one.negated for one in rule.body), rule.head)
        clauses.append(_clause(_RULE, literals, rule.variables, numbers))
    clauses.append(_clause(_CLAIM, (claim,), (), numbers))
    colours = [int(kind == "constant") for kind, _ in numbers]
    count = 0
    # Colours only ever split: as many as before means that they are stable.
    while (found := len(set(colours))) != count:
        count = found
        colours = _refined(clauses, colours)
    return repr(sorted(_coloured(clause, colours) for clause in clauses))


def _clause(
    kind: int,
    literals: Sequence[Literal],
    variables: Sequence[str],
    numbers: dict[tuple[str, str], int],
) -> Clause:
    def number(kind: str, name: str) -> int:
        return numbers.setdefault((kind, name), len(numbers))

    ways = []
    for order in permutations(range(-1, -1 - len(variables), -1)):
        bound = dict(zip(variables, order, strict=True))
        ways.append(
            tuple(
                (
                    one.positive,
                    number("predicate", one.predicate),
                    tuple(
                        bound[term] if term in bound else number("constant", term)
                        for term in one.terms
                    ),
                )
                for one in literals
            )
        )
    return kind, tuple(ways)


def _coloured(clause: Clause, colours: Sequence[int]) -> Coloured:
    """Return a clause without names: of all numberings of its variables, the least."""
    kind, ways = clause
    return kind, min(
        tuple(
            sorted(
                (sign, colours[predicate], tuple([t if t < 0 else colours[t] for t in terms]))
                for sign, predicate, terms in way
            )
        )
        for way in ways
    )


def _refined(clauses: Sequence[Clause], colours: Sequence[int]) -> list[int]:
    """Colour each name by its colour and by the places where it stands, in no order."""
    around = [_coloured(clause, colours) for clause in clauses]
    ranks = {one: rank for rank, one in enumerate(sorted(set(around)))}
    seen: list[list[tuple[int, bool, int]]] = [[] for _ in colours]
    for (_, ways), one in zip(clauses, around, strict=True):
        rank = ranks[one]
        for sign, predicate, terms in ways[0]:
            seen[predicate].append((-1, sign, rank))
            for place, term in enumerate(terms):
                if term >= 0:
                    seen[term].append((place, sign, rank))
    # Ranked by what they see, not by what they are called.
    signatures = [(colour, *sorted(places)) for colour, places in zip(colours, seen, strict=True)]
    ordered = {one: rank for rank, one in enumerate(sorted(set(signatures)))}
    return [ordered[one] for one in signatures]
