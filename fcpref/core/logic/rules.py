"""Named inference rules: what follows at once from one or two formulas.

Each conclusion is entailed by the premises in classical first-order logic with equality
(Gentzen 1935 for natural deduction; the names are those of textbooks).
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.formulas import (
    And,
    Equal,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    instantiate,
    negate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Conclude = Callable[[tuple[Formula, ...], "Sequence[Term]"], tuple[Formula, ...]]
"""Takes the premises in order and the terms to instantiate with; returns what follows."""


@frozen
class InferenceRule:
    """A sound rule.

    Attributes:
        name: such as ``modus_ponens``.
        premises: how many it takes, 1 or 2; they are tried in every order by a saturation.
        conclude: the conclusions, none where the rule does not fit.
    """

    name: str
    premises: int
    conclude: Conclude

    def __call__(self, *premises: Formula, terms: Sequence[Term] = ()) -> tuple[Formula, ...]:
        """Return what follows from the premises; empty where the rule does not fit.

        Raises:
            TypeError: another number of premises than the rule takes.
        """
        if len(premises) != self.premises:
            raise TypeError(f"{self.name} takes {self.premises} premises, got {len(premises)}")
        return self.conclude(premises, terms)


def _universal_instantiation(
    premises: tuple[Formula, ...], terms: Sequence[Term]
) -> tuple[Formula, ...]:
    match premises:
        case (ForAll(variable, body),):
            return tuple(instantiate(body, variable, term) for term in terms)
    return ()


def _modus_ponens(premises: tuple[Formula, ...], _: Sequence[Term]) -> tuple[Formula, ...]:
    match premises:
        case Implies(left, right), fact if fact == left:
            return (right,)
    return ()


def _modus_tollens(premises: tuple[Formula, ...], _: Sequence[Term]) -> tuple[Formula, ...]:
    match premises:
        case Implies(left, right), fact if fact in (negate(right), Not(right)):
            return (negate(left),)
    return ()


def _conjunction_introduction(
    premises: tuple[Formula, ...], _: Sequence[Term]
) -> tuple[Formula, ...]:
    left, right = premises
    return (And(left, right),)


def _conjunction_elimination(
    premises: tuple[Formula, ...], _: Sequence[Term]
) -> tuple[Formula, ...]:
    match premises:
        case (And(left, right),):
            return (left, right)
    return ()


def _disjunctive_syllogism(premises: tuple[Formula, ...], _: Sequence[Term]) -> tuple[Formula, ...]:
    match premises:
        case Or(left, right), fact:
            sides = ((left, right), (right, left))
            return tuple(other for side, other in sides if fact in (negate(side), Not(side)))
    return ()


def _hypothetical_syllogism(
    premises: tuple[Formula, ...], _: Sequence[Term]
) -> tuple[Formula, ...]:
    match premises:
        case Implies(left, middle), Implies(start, right) if middle == start:
            return (Implies(left, right),)
    return ()


def _biconditional_elimination(
    premises: tuple[Formula, ...], _: Sequence[Term]
) -> tuple[Formula, ...]:
    match premises:
        case (Iff(left, right),):
            return (Implies(left, right), Implies(right, left))
    return ()


def _double_negation_elimination(
    premises: tuple[Formula, ...], _: Sequence[Term]
) -> tuple[Formula, ...]:
    match premises:
        case (Not(Not(body)),):
            return (body,)
    return ()


def _equality_substitution(premises: tuple[Formula, ...], _: Sequence[Term]) -> tuple[Formula, ...]:
    """From ``a = t`` and A(a) conclude A(t), for a name a; and the other way round."""
    match premises:
        case Equal(left, right), formula:
            pairs = ((left, right), (right, left))
            found = (instantiate(formula, a, b) for a, b in pairs if isinstance(a, str))
            return tuple(one for one in found if one != formula)
    return ()


RULES: Mapping[str, InferenceRule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            InferenceRule("universal_instantiation", 1, _universal_instantiation),
            InferenceRule("modus_ponens", 2, _modus_ponens),
            InferenceRule("modus_tollens", 2, _modus_tollens),
            InferenceRule("conjunction_introduction", 2, _conjunction_introduction),
            InferenceRule("conjunction_elimination", 1, _conjunction_elimination),
            InferenceRule("disjunctive_syllogism", 2, _disjunctive_syllogism),
            InferenceRule("hypothetical_syllogism", 2, _hypothetical_syllogism),
            InferenceRule("biconditional_elimination", 1, _biconditional_elimination),
            InferenceRule("double_negation_elimination", 1, _double_negation_elimination),
            InferenceRule("equality_substitution", 2, _equality_substitution),
        )
    }
)
