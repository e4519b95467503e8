"""Bound names: whether two formulas differ by them only, and making them all different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic.formulas import (
    And,
    Apply,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    children,
    free_names,
    fresh,
    substitute,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Scope = Mapping[str, int]


def alpha_equivalent(left: Formula, right: Formula) -> bool:
    """Tell whether two formulas are equal up to the names that their quantifiers bind."""
    return _same(left, right, {}, {}, 0)


def rename_apart(formula: Formula, taken: frozenset[str] = frozenset()) -> Formula:
    """Return an alpha-equivalent formula in which no name is bound twice, or bound and free.

    Args:
        formula: any formula.
        taken: names that no quantifier may bind either.
    """
    renamed, _ = _apart(formula, taken | free_names(formula))
    return renamed


def _apart(formula: Formula, taken: frozenset[str]) -> tuple[Formula, frozenset[str]]:
    """Rename, and return the names that are taken afterwards."""
    match formula:
        case Atom() | Equal():
            return formula, taken
        case Not(body):
            body, taken = _apart(body, taken)
            return Not(body), taken
        case ForAll(bound, body) | Exists(bound, body):
            new = fresh(bound, taken)
            if new != bound:
                # The new name must not be caught by a quantifier further in.
                new = fresh(new, taken | bound_names(body))
                body = substitute(body, {bound: new})
            body, taken = _apart(body, taken | {new})
            return type(formula)(new, body), taken
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            left, taken = _apart(left, taken)
            right, taken = _apart(right, taken)
            return type(formula)(left, right), taken


def bound_names(formula: Formula) -> frozenset[str]:
    """Return the names that quantifiers of the formula bind."""
    match formula:
        case Atom() | Equal():
            return frozenset()
        case Not(body):
            return bound_names(body)
        case ForAll(bound, body) | Exists(bound, body):
            return bound_names(body) | {bound}
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return bound_names(left) | bound_names(right)


def _same(left: Formula, right: Formula, lefts: Scope, rights: Scope, depth: int) -> bool:
    """Compare under scopes that say at what depth each name was bound."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Atom) and isinstance(right, Atom):
        terms = left.terms, right.terms
        return left.predicate == right.predicate and _same_terms(*terms, lefts, rights)
    if isinstance(left, Equal) and isinstance(right, Equal):
        terms = (left.left, left.right), (right.left, right.right)
        return _same_terms(*terms, lefts, rights)
    if isinstance(left, ForAll | Exists) and isinstance(right, ForAll | Exists):
        lefts, rights = {**lefts, left.variable: depth}, {**rights, right.variable: depth}
    return all(
        _same(one, other, lefts, rights, depth + 1)
        for one, other in zip(children(left), children(right), strict=True)
    )


def _same_terms(
    left: tuple[Term, ...], right: tuple[Term, ...], lefts: Scope, rights: Scope
) -> bool:
    return len(left) == len(right) and all(
        _same_term(a, b, lefts, rights) for a, b in zip(left, right, strict=True)
    )


def _same_term(left: Term, right: Term, lefts: Scope, rights: Scope) -> bool:
    if isinstance(left, Apply) and isinstance(right, Apply):
        return left.function == right.function and _same_terms(
            left.terms, right.terms, lefts, rights
        )
    if isinstance(left, str) and isinstance(right, str):
        depths = lefts.get(left), rights.get(right)
        return depths[0] == depths[1] and (depths[0] is not None or left == right)
    return False
