"""Negation normal and prenex form, as tests and as transformations.

Both transformations keep equivalence, on structures with at least one individual. The size of a
result is computed before it is built, so a formula that would explode is refused at once.
"""

from __future__ import annotations

from fcpref.core.logic.binding import rename_apart
from fcpref.core.logic.formulas import (
    And,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    children,
)
from fcpref.errors import FormulaLimitError

MAX_NODES = 5_000
Prefix = tuple[tuple[type[ForAll | Exists], str], ...]


def is_literal(formula: Formula) -> bool:
    """Tell whether a formula is an atom, an equality, or the negation of one."""
    return isinstance(formula.body if isinstance(formula, Not) else formula, Atom | Equal)


def is_negation_normal(formula: Formula) -> bool:
    """Tell whether there are only and, or, quantifiers, and negation right before atoms."""
    if is_literal(formula):
        return True
    return not isinstance(formula, Not | Implies | Iff) and all(
        map(is_negation_normal, children(formula))
    )


def is_prenex(formula: Formula) -> bool:
    """Tell whether all quantifiers stand before everything else."""
    return not has_quantifier(split_prefix(formula)[1])


def has_quantifier(formula: Formula) -> bool:
    """Tell whether a quantifier occurs in a formula."""
    return isinstance(formula, ForAll | Exists) or any(map(has_quantifier, children(formula)))


def split_prefix(formula: Formula) -> tuple[Prefix, Formula]:
    """Return the quantifiers in front, outermost first, and what they stand before."""
    prefix: list[tuple[type[ForAll | Exists], str]] = []
    while isinstance(formula, ForAll | Exists):
        prefix.append((type(formula), formula.variable))
        formula = formula.body
    return tuple(prefix), formula


def with_prefix(prefix: Prefix, matrix: Formula) -> Formula:
    """Put quantifiers in front of a formula, the last one innermost."""
    for kind, variable in reversed(prefix):
        matrix = kind(variable, matrix)
    return matrix


def negation_normal(formula: Formula, *, limit: int = MAX_NODES) -> Formula:
    """Return an equivalent formula in negation normal form.

    Args:
        formula: any formula.
        limit: nodes that the result may have; nested equivalences double with each level.

    Raises:
        FormulaLimitError: the result would have more nodes.
    """
    size, _ = _sizes(formula)
    if size > limit:
        raise FormulaLimitError(f"the negation normal form has {size} nodes, more than {limit}")
    return _normal(formula, positive=True)


def prenex(formula: Formula, *, limit: int = MAX_NODES) -> Formula:
    """Return an equivalent prenex formula with a matrix in negation normal form.

    All bound names of the result are different, and different from its free ones.

    Raises:
        FormulaLimitError: the negation normal form would have more than `limit` nodes.
    """
    return with_prefix(*_pulled(rename_apart(negation_normal(formula, limit=limit))))


def _pulled(formula: Formula) -> tuple[Prefix, Formula]:
    """Pull quantifiers out of a negation normal formula whose bound names are all different."""
    match formula:
        case ForAll(variable, body) | Exists(variable, body):
            prefix, matrix = _pulled(body)
            return ((type(formula), variable), *prefix), matrix
        case And(left, right) | Or(left, right):
            (first, left), (second, right) = _pulled(left), _pulled(right)
            return (*first, *second), type(formula)(left, right)
    return (), formula


def _sizes(formula: Formula) -> tuple[int, int]:
    """Return the nodes of the negation normal form of a formula and of its negation."""
    match formula:
        case Atom() | Equal():
            return 1, 2
        case Not(body):
            positive, negative = _sizes(body)
            return negative, positive
        case ForAll(_, body) | Exists(_, body):
            positive, negative = _sizes(body)
            return 1 + positive, 1 + negative
        case Implies(left, right):
            (lp, ln), (rp, rn) = _sizes(left), _sizes(right)
            return 1 + ln + rp, 1 + lp + rn
        case Iff(left, right):
            both = 3 + sum(_sizes(left)) + sum(_sizes(right))
            return both, both
        case And(left, right) | Or(left, right):
            (lp, ln), (rp, rn) = _sizes(left), _sizes(right)
            return 1 + lp + rp, 1 + ln + rn


def _normal(formula: Formula, *, positive: bool) -> Formula:
    match formula:
        case Atom() | Equal():
            return formula if positive else Not(formula)
        case Not(body):
            return _normal(body, positive=not positive)
        case ForAll(variable, body) | Exists(variable, body):
            kind = ForAll if isinstance(formula, ForAll) == positive else Exists
            return kind(variable, _normal(body, positive=positive))
        case And(left, right) | Or(left, right):
            join = And if isinstance(formula, And) == positive else Or
            return join(_normal(left, positive=positive), _normal(right, positive=positive))
        case Implies(left, right):
            join = Or if positive else And
            return join(_normal(left, positive=not positive), _normal(right, positive=positive))
        case Iff(left, right):
            yes, no = _normal(left, positive=True), _normal(left, positive=False)
            # l <-> r is (not l or r) and (l or not r); its negation swaps the rights.
            one, other = (_normal(right, positive=p) for p in (positive, not positive))
            return And(Or(no, one), Or(yes, other))
