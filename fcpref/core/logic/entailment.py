"""Does a claim follow from premises? z3 decides, under a limit that counts its work.

A verdict is a proof or a pair of models, never z3's "unknown" and never a matter of time: the same
formulas give the same verdict on every machine, for one version of z3.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fcpref.core.logic.formulas import (
    And,
    Atom,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WORK = 400_000
SIZES = (1, 2, 3, 4)
_SEED = 0


class Entailment(StrEnum):
    """How a claim stands to premises.

    ``True`` and ``False``: it, or its negation, follows, and the premises have a model.
    ``Unknown``: there is a model of the premises with it and one without it.
    ``contradictory``: the premises have no model. ``limit``: the work allowed did not decide.
    """

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"
    CONTRADICTORY = "contradictory"
    LIMIT = "limit"


@lru_cache(maxsize=16_384)
def entails(premises: tuple[Formula, ...], claim: Formula, work: int = WORK) -> Entailment:
    """Return how a claim stands to premises, over all structures that are not empty.

    Args:
        premises: formulas; their free names are constants. Names of different constants may name
            one thing, and a predicate with another number of terms is another predicate.
        claim: a formula over the same names.
        work: what one search of z3 may cost, in its own unit (``rlimit``), from 1. There are at
            most ten searches: two directions, each also over domains of up to four things.
    """
    with_claim = has_model((*premises, claim), work)
    without = has_model((*premises, Not(claim)), work)
    match with_claim, without:
        case True, True:
            return Entailment.UNKNOWN
        case True, False:
            return Entailment.TRUE
        case False, True:
            return Entailment.FALSE
        case False, False:
            return Entailment.CONTRADICTORY
    return Entailment.LIMIT


@lru_cache(maxsize=16_384)
def has_model(formulas: tuple[Formula, ...], work: int = WORK) -> bool | None:
    """Tell whether formulas are true together in some structure that is not empty.

    Where z3 cannot tell in general, structures with one to four things are searched too. None when
    that finds nothing either: every model is larger, or there is none and the limit came first.

    Raises:
        ValueError: `work` is not from 1 to 2^32 - 1, which z3 would take for no limit.
    """
    if not 0 < work < 2**32:
        message = f"a work limit of {work} is none; give 1 to 2^32 - 1"
        raise ValueError(message)
    found = _search(formulas, work, None)
    if found is not None:
        return found
    return True if any(_search(formulas, work, size) for size in SIZES) else None


def _search(formulas: Sequence[Formula], work: int, size: int | None) -> bool | None:
    import z3

    # A context of its own: z3 counts work and numbers its terms by context, so that nothing that
    # was asked before can change what comes out.
    context = z3.Context()
    solver = z3.SimpleSolver(ctx=context)
    solver.set(rlimit=work, random_seed=_SEED, mbqi=True)
    encoder = _Encoder(z3, context)
    solver.add(*map(encoder.formula, formulas))
    if size is not None:
        solver.add(encoder.at_most(size))
    found = solver.check()
    return None if found == z3.unknown else bool(found == z3.sat)


class _Encoder:
    """Formulas as z3's terms over one uninterpreted sort."""

    def __init__(self, z3: Any, context: Any) -> None:  # noqa: ANN401 - z3 ships no types
        self.z3 = z3
        self.context = context
        self.sort = z3.DeclareSort("Thing", context)
        self.joins: dict[type[object], Callable[[Any, Any], Any]] = {
            And: z3.And,
            Or: z3.Or,
            Implies: z3.Implies,
            Iff: lambda left, right: left == right,
        }

    def thing(self, name: str) -> Any:  # noqa: ANN401
        # The mark keeps names of the formulas apart from ours.
        return self.z3.Const(f":{name}", self.sort)

    def formula(self, formula: Formula) -> Any:  # noqa: ANN401
        match formula:
            case Atom(predicate, terms):
                sorts = [self.sort] * len(terms)
                name = f"{predicate}/{len(terms)}"
                symbol = self.z3.Function(name, *sorts, self.z3.BoolSort(self.context))
                return symbol(*map(self.thing, terms))
            case Not(body):
                return self.z3.Not(self.formula(body))
            case ForAll(variable, body):
                return self.z3.ForAll([self.thing(variable)], self.formula(body))
            case Exists(variable, body):
                return self.z3.Exists([self.thing(variable)], self.formula(body))
        return self.joins[type(formula)](self.formula(formula.left), self.formula(formula.right))

    def at_most(self, size: int) -> Any:  # noqa: ANN401
        things = [self.z3.Const(f"thing {index}", self.sort) for index in range(size)]
        one = self.z3.Const("one", self.sort)
        return self.z3.ForAll([one], self.z3.Or(*[one == thing for thing in things]))


def arities(formulas: Iterable[Formula]) -> dict[str, frozenset[int]]:
    """Return the predicates of formulas with the numbers of terms that they are used with."""
    found: dict[str, set[int]] = {}
    waiting = list(formulas)
    while waiting:
        match waiting.pop():
            case Atom(predicate, terms):
                found.setdefault(predicate, set()).add(len(terms))
            case Not(body) | ForAll(_, body) | Exists(_, body):
                waiting.append(body)
            case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
                waiting += (left, right)
    return {name: frozenset(counts) for name, counts in sorted(found.items())}
