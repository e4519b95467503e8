"""Formulas as frozen values.

Terms are names: a name bound by a quantifier is a variable, any other is a constant.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Atom:
    """A predicate applied to one or more terms: ``Chases(max, x)``."""

    predicate: str
    terms: tuple[str, ...]


@frozen
class Not:
    """Negation."""

    body: Formula


@frozen
class And:
    """Conjunction of two formulas."""

    left: Formula
    right: Formula


@frozen
class Or:
    """Disjunction of two formulas."""

    left: Formula
    right: Formula


@frozen
class Implies:
    """Material implication."""

    left: Formula
    right: Formula


@frozen
class Iff:
    """Equivalence."""

    left: Formula
    right: Formula


@frozen
class ForAll:
    """Universal quantification over one variable."""

    variable: str
    body: Formula


@frozen
class Exists:
    """Existential quantification over one variable."""

    variable: str
    body: Formula


Formula = Atom | Not | And | Or | Implies | Iff | ForAll | Exists
Literal = Atom | Not


def negate(formula: Formula) -> Formula:
    """Return the negation, without stacking two."""
    return formula.body if isinstance(formula, Not) else Not(formula)


def atom_of(literal: Formula) -> Atom | None:
    """Return the atom of a literal, or None when the formula is not a literal."""
    body = literal.body if isinstance(literal, Not) else literal
    return body if isinstance(body, Atom) else None


def instantiate(formula: Formula, variable: str, constant: str) -> Formula:
    """Replace a free variable by a constant; a bound name equal to the constant is renamed."""
    match formula:
        case Atom(predicate, terms):
            return Atom(predicate, tuple(constant if t == variable else t for t in terms))
        case Not(body):
            return Not(instantiate(body, variable, constant))
        case ForAll(bound, body) | Exists(bound, body):
            if variable not in free_names(formula):
                return formula
            if bound == constant:
                bound = _fresh(bound, free_names(body) | {constant})
                body = instantiate(body, constant, bound)
            return type(formula)(bound, instantiate(body, variable, constant))
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return type(formula)(
                instantiate(left, variable, constant), instantiate(right, variable, constant)
            )


def free_names(formula: Formula) -> frozenset[str]:
    """Return the names that no quantifier of the formula binds: constants and free variables."""
    match formula:
        case Atom(_, terms):
            return frozenset(terms)
        case Not(body):
            return free_names(body)
        case ForAll(bound, body) | Exists(bound, body):
            return free_names(body) - {bound}
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return free_names(left) | free_names(right)


def _fresh(name: str, taken: frozenset[str]) -> str:
    while name in taken:
        name += "_"
    return name
