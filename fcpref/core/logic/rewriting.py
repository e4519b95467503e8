"""Named rewrites of a subformula by an equivalent one.

Each is an equivalence on structures with at least one individual, for all values of the free
variables, so it may be used anywhere in a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.logic.binding import bound_names
from fcpref.core.logic.formulas import (
    And,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    children,
    free_names,
    fresh,
    substitute,
    with_children,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Rewrite = Callable[[Formula], Formula | None]
"""Returns what a formula becomes, or None where the rewrite does not fit."""

_LETTERS = ("x", "y", "z", "u", "v", "w")


def double_negation(formula: Formula) -> Formula | None:
    """``not not A`` becomes ``A``."""
    match formula:
        case Not(Not(body)):
            return body
    return None


def de_morgan(formula: Formula) -> Formula | None:
    """``not (A and B)`` becomes ``not A or not B``, and the other way round."""
    match formula:
        case Not(And(left, right)):
            return Or(Not(left), Not(right))
        case Not(Or(left, right)):
            return And(Not(left), Not(right))
    return None


def implication(formula: Formula) -> Formula | None:
    """``A -> B`` becomes ``not A or B``."""
    match formula:
        case Implies(left, right):
            return Or(Not(left), right)
    return None


def biconditional(formula: Formula) -> Formula | None:
    """``A <-> B`` becomes ``(A -> B) and (B -> A)``."""
    match formula:
        case Iff(left, right):
            return And(Implies(left, right), Implies(right, left))
    return None


def negated_quantifier(formula: Formula) -> Formula | None:
    """``not forall x. A`` becomes ``exists x. not A``, and the other way round."""
    match formula:
        case Not(ForAll(variable, body)):
            return Exists(variable, Not(body))
        case Not(Exists(variable, body)):
            return ForAll(variable, Not(body))
    return None


def pull_quantifier(formula: Formula) -> Formula | None:
    """Pull a quantifier out of ``and``, ``or`` or ``->``; the left one first.

    Out of the left side of ``->`` it turns into the other one. Its variable is renamed where the
    other side has it free.
    """
    match formula:
        case (
            And(ForAll() | Exists() as inner, other)
            | Or(ForAll() | Exists() as inner, other)
            | Implies(ForAll() | Exists() as inner, other)
        ):
            kind: type[ForAll | Exists] = type(inner)
            if isinstance(formula, Implies):
                kind = Exists if kind is ForAll else ForAll
            variable, body = _apart(inner, other)
            return kind(variable, type(formula)(body, other))
        case (
            And(other, ForAll() | Exists() as inner)
            | Or(other, ForAll() | Exists() as inner)
            | Implies(other, ForAll() | Exists() as inner)
        ):
            variable, body = _apart(inner, other)
            return type(inner)(variable, type(formula)(other, body))
    return None


def distribute(formula: Formula) -> Formula | None:
    """``A or (B and C)`` becomes ``(A or B) and (A or C)``; the right conjunction first."""
    match formula:
        case Or(other, And(left, right)):
            return And(Or(other, left), Or(other, right))
        case Or(And(left, right), other):
            return And(Or(left, other), Or(right, other))
    return None


REWRITES: Mapping[str, Rewrite] = MappingProxyType(
    {
        rewrite.__name__: rewrite
        for rewrite in (
            double_negation,
            de_morgan,
            implication,
            biconditional,
            negated_quantifier,
            pull_quantifier,
            distribute,
        )
    }
)


def replace(formula: Formula, part: Formula, new: Formula) -> Formula:
    """Put another formula wherever a part stands, outermost first and not inside what was put.

    The result is equivalent when part and new are. Names are not looked at: a variable of the part
    that a quantifier of the formula binds is bound in the new one too.
    """
    if formula == part:
        return new
    parts = tuple(replace(child, part, new) for child in children(formula))
    return with_children(formula, parts)


def _apart(quantified: ForAll | Exists, other: Formula) -> tuple[str, Formula]:
    """Return the variable and the body, renamed where the other side has the variable free."""
    variable, body = quantified.variable, quantified.body
    if variable not in free_names(other):
        return variable, body
    taken = free_names(other) | free_names(body) | bound_names(other) | bound_names(body)
    letter = next((letter for letter in _LETTERS if letter not in taken), None)
    new = letter or fresh(variable, taken)
    return new, substitute(body, {variable: new})
