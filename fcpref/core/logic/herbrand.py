"""Models of ground facts and universal rules: is there one in which given literals hold?

Without functions and equality, such formulas have a model when they have one whose individuals are
the names that occur (Herbrand 1930). So the question is one of finitely many propositional clauses,
which the procedure of Davis, Putnam, Logemann and Loveland (1962) decides.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from fcpref.core.logic.structures import Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.literals import Literal

Clause = tuple[int, ...]
Atoms = dict[tuple[str, tuple[str, ...]], int]


def find_model(
    facts: Iterable[Literal], rules: Iterable[Rule], names: Sequence[str]
) -> Structure | None:
    """Return a structure in which facts and rules hold, or None where there is none.

    Args:
        facts: ground literals; their terms are among the names.
        rules: universal rules.
        names: the individuals, at least one; each names itself. The number of clauses is that of
            the rules times the number of names to the power of a rule's variables.
    """
    atoms: Atoms = {}
    clauses: list[Clause] = [(_signed(fact, atoms),) for fact in facts]
    for rule in rules:
        for chosen in product(names, repeat=len(rule.variables)):
            body, head = rule.put(dict(zip(rule.variables, chosen, strict=True)))
            clauses.append((*(-_signed(one, atoms) for one in body), _signed(head, atoms)))
    true = _satisfy(clauses, frozenset())
    if true is None:
        return None
    relations: dict[str, set[tuple[str, ...]]] = {predicate: set() for predicate, _ in atoms}
    for (predicate, terms), number in atoms.items():
        if number in true:
            relations[predicate].add(terms)
    return Structure(domain=tuple(names), relations=relations)


def _signed(literal: Literal, atoms: Atoms) -> int:
    number = atoms.setdefault((literal.predicate, literal.terms), len(atoms) + 1)
    return number if literal.positive else -number


def _satisfy(clauses: Sequence[Clause], true: frozenset[int]) -> frozenset[int] | None:
    """Return literals that make all clauses true, those in `true` among them, or None."""
    while True:
        rest: list[Clause] = []
        units: set[int] = set()
        for clause in clauses:
            if not true.isdisjoint(clause):
                continue
            left = tuple(one for one in clause if -one not in true)
            if not left:
                return None
            if len(left) == 1:
                units.add(left[0])
            else:
                rest.append(left)
        if not units:
            break
        if any(-one in units for one in units):
            return None
        clauses, true = rest, true | units
    if not rest:
        return true
    choice = rest[0][0]
    return _satisfy(rest, true | {choice}) or _satisfy(rest, true | {-choice})
