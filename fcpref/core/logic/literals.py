"""Literals as plain tuples: what forward chaining and the search for models work on.

They hash and compare at the speed of tuples, which is most of what chaining does.
"""

from __future__ import annotations

from typing import NamedTuple

from fcpref.core.logic.formulas import Atom, Formula, Not


class Literal(NamedTuple):
    """A predicate of names, or its negation.

    Attributes:
        predicate: such as ``Likes``.
        terms: names of individuals, or variables in a rule.
        positive: False for a negated atom.
    """

    predicate: str
    terms: tuple[str, ...]
    positive: bool = True

    @property
    def negated(self) -> Literal:
        """The opposite literal."""
        return Literal(self.predicate, self.terms, not self.positive)

    @property
    def formula(self) -> Formula:
        """The literal as a formula."""
        atom = Atom(self.predicate, self.terms)
        return atom if self.positive else Not(atom)

    def put(self, names: dict[str, str]) -> Literal:
        """Return the literal with its terms replaced, each of which must be in `names`."""
        return Literal(self.predicate, tuple(names[term] for term in self.terms), self.positive)


def as_literal(formula: Formula) -> Literal | None:
    """Read an atom without function terms, or its negation, as a literal; None for the rest."""
    atom = formula.body if isinstance(formula, Not) else formula
    if not isinstance(atom, Atom):
        return None
    terms = tuple(term for term in atom.terms if isinstance(term, str))
    if len(terms) != len(atom.terms):
        return None
    return Literal(atom.predicate, terms, not isinstance(formula, Not))
