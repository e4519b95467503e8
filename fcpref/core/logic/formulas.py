"""Formulas as frozen values.

A term is a name or a function applied to terms. A name bound by a quantifier is a variable, any
other is a constant. Names of predicates, of functions and of individuals are apart: ``P(P(P))`` is
a formula with one of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Apply:
    """A function applied to one or more terms: ``mother(max)``."""

    function: str
    terms: tuple[Term, ...]


Term = str | Apply


@frozen
class Atom:
    """A predicate applied to one or more terms: ``Chases(max, x)``."""

    predicate: str
    terms: tuple[Term, ...]


@frozen
class Equal:
    """Equality of two terms: ``mother(max) = ann``."""

    left: Term
    right: Term


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


Formula = Atom | Equal | Not | And | Or | Implies | Iff | ForAll | Exists


def negate(formula: Formula) -> Formula:
    """Return the negation, without stacking two."""
    return formula.body if isinstance(formula, Not) else Not(formula)


def atom_of(literal: Formula) -> Atom | None:
    """Return the atom of a literal; None for an equality and for what is not a literal."""
    body = literal.body if isinstance(literal, Not) else literal
    return body if isinstance(body, Atom) else None


def instantiate(formula: Formula, variable: str, term: Term) -> Formula:
    """Replace a free name by a term; a bound name that would capture it is renamed."""
    return substitute(formula, {variable: term})


def substitute(formula: Formula, terms: Mapping[str, Term]) -> Formula:
    """Replace free names by terms, all at once, without capture.

    Args:
        formula: any formula.
        terms: what each name becomes. Names that are not free in the formula do nothing.

    Returns:
        The formula with the names replaced. A bound name that occurs in a term put under it gets
        underscores until it is new.
    """
    match formula:
        case Atom(predicate, arguments):
            return Atom(predicate, tuple(substitute_term(term, terms) for term in arguments))
        case Equal(left, right):
            return Equal(substitute_term(left, terms), substitute_term(right, terms))
        case Not(body):
            return Not(substitute(body, terms))
        case ForAll(bound, body) | Exists(bound, body):
            free = free_names(formula)
            wanted = {name: term for name, term in terms.items() if name in free}
            if not wanted:
                return formula
            arriving = frozenset[str]().union(*map(names_in, wanted.values()))
            if bound in arriving:
                new = fresh(bound, free_names(body) | arriving)
                body, bound = substitute(body, {bound: new}), new
            return type(formula)(bound, substitute(body, wanted))
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return type(formula)(substitute(left, terms), substitute(right, terms))


def substitute_term(term: Term, terms: Mapping[str, Term]) -> Term:
    """Replace names in a term by terms, all at once."""
    if isinstance(term, str):
        return terms.get(term, term)
    return Apply(term.function, tuple(substitute_term(inner, terms) for inner in term.terms))


def free_names(formula: Formula) -> frozenset[str]:
    """Return the names that no quantifier of the formula binds: constants and free variables."""
    match formula:
        case Atom(_, terms):
            return frozenset[str]().union(*map(names_in, terms))
        case Equal(left, right):
            return names_in(left) | names_in(right)
        case Not(body):
            return free_names(body)
        case ForAll(bound, body) | Exists(bound, body):
            return free_names(body) - {bound}
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return free_names(left) | free_names(right)


def names_in(term: Term) -> frozenset[str]:
    """Return the names of individuals in a term, without those of its functions."""
    if isinstance(term, str):
        return frozenset((term,))
    return frozenset[str]().union(*map(names_in, term.terms))


def fresh(name: str, taken: frozenset[str]) -> str:
    """Return the name, with as many underscores behind it as make it new."""
    while name in taken:
        name += "_"
    return name


def children(formula: Formula) -> tuple[Formula, ...]:
    """Return the formulas that a formula is made of: none, one or two."""
    match formula:
        case Atom() | Equal():
            return ()
        case Not(body) | ForAll(_, body) | Exists(_, body):
            return (body,)
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return (left, right)


def with_children(formula: Formula, parts: tuple[Formula, ...]) -> Formula:
    """Return the formula made of other parts, as many as `children` gives."""
    match formula:
        case Atom() | Equal():
            return formula
        case Not():
            return Not(parts[0])
        case ForAll(bound, _) | Exists(bound, _):
            return type(formula)(bound, parts[0])
        case And() | Or() | Implies() | Iff():
            return type(formula)(parts[0], parts[1])


def subformulas(formula: Formula) -> tuple[Formula, ...]:
    """Return every occurrence of a subformula, outer before inner, left before right."""
    return (formula, *(part for child in children(formula) for part in subformulas(child)))
