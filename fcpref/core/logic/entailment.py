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
    free_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Ten times what the hardest question about FOLIO's annotations takes (z3 5.4).
WORK = 100_000
SIZES = (1, 2, 3, 4)
MAX_GROUND = 4_000
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
        work: what a search of z3 may cost, in its own unit (``rlimit``), from 1. There are two
            searches, and where one does not decide, four more of a quarter of that each.
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

    Where z3 cannot tell in general, structures with one to four things are searched too, as far as
    that takes at most `MAX_GROUND` atoms. None when that finds nothing either.

    Raises:
        ValueError: `work` is not from 1 to 2^32 - 1, which z3 would take for no limit.
    """
    if not 0 < work < 2**32:
        message = f"a work limit of {work} is none; give 1 to 2^32 - 1"
        raise ValueError(message)
    found = _search(formulas, work, None)
    if found is not None:
        return found
    share = max(1, work // len(SIZES))
    return True if any(_search(formulas, share, size) for size in SIZES) else None


def _search(formulas: Sequence[Formula], work: int, size: int | None) -> bool | None:
    """Search all structures, or those with at most so many things."""
    import z3

    if size is not None and sum(_ground_size(formula, size) for formula in formulas) > MAX_GROUND:
        return None
    # A context of its own: z3 counts work and numbers its terms by context, so that nothing that
    # was asked before can change what comes out.
    context = z3.Context()
    solver = z3.SimpleSolver(ctx=context)
    solver.set(rlimit=work, random_seed=_SEED, mbqi=True)
    encoder = _Encoder(z3, context, size)
    solver.add(*(encoder.formula(formula, {}) for formula in formulas))
    names = frozenset[str]().union(*map(free_names, formulas)) if size else ()
    solver.add(*(encoder.is_somewhere(name) for name in sorted(names)))
    found = solver.check()
    return None if found == z3.unknown else bool(found == z3.sat)


def _ground_size(formula: Formula, size: int) -> int:
    """Return how many atoms a formula has once its quantifiers are written out.

    One with function terms is over the limit at any size: their values need not be among the
    things that quantifiers are written out over.
    """
    match formula:
        case Atom(_, terms):
            return MAX_GROUND + 1 if any(isinstance(term, Apply) for term in terms) else 1
        case Equal(left, right):
            return MAX_GROUND + 1 if isinstance(left, Apply) or isinstance(right, Apply) else 1
        case Not(body):
            return _ground_size(body, size)
        case ForAll(_, body) | Exists(_, body):
            return size * _ground_size(body, size)
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return _ground_size(left, size) + _ground_size(right, size)


class _Encoder:
    """Formulas as z3's terms over one uninterpreted sort.

    With a size, quantifiers are written out over that many named things, which need not differ:
    what is left is decidable, where z3's own search for models of quantifiers may give up.
    """

    def __init__(self, z3: Any, context: Any, size: int | None) -> None:  # noqa: ANN401 - z3 ships no types
        self.z3 = z3
        self.sort = z3.DeclareSort("Thing", context)
        self.bool = z3.BoolSort(context)
        self.things = [z3.Const(f"thing {at}", self.sort) for at in range(size or 0)]
        self.joins: dict[type[object], Callable[[Any, Any], Any]] = {
            And: z3.And,
            Or: z3.Or,
            Implies: z3.Implies,
            Iff: lambda left, right: left == right,
        }

    def formula(self, formula: Formula, bound: Mapping[str, Any]) -> Any:  # noqa: ANN401
        match formula:
            case Atom(predicate, terms):
                # A predicate with another number of terms is another one.
                sorts = [self.sort] * len(terms)
                symbol = self.z3.Function(f"{predicate}/{len(terms)}", *sorts, self.bool)
                return symbol(*(self.term(term, bound) for term in terms))
            case Equal(first, second):
                return self.term(first, bound) == self.term(second, bound)
            case Not(body):
                return self.z3.Not(self.formula(body, bound))
            case ForAll(variable, body) | Exists(variable, body):
                return self.quantified(formula, variable, body, bound)
        return self.joins[type(formula)](
            self.formula(formula.left, bound), self.formula(formula.right, bound)
        )

    def term(self, term: Term, bound: Mapping[str, Any]) -> Any:  # noqa: ANN401
        if isinstance(term, str):
            return bound.get(term, self.named(term))
        sorts = [self.sort] * len(term.terms)
        symbol = self.z3.Function(f"{term.function}/{len(term.terms)}", *sorts, self.sort)
        return symbol(*(self.term(one, bound) for one in term.terms))

    def quantified(
        self, formula: Formula, variable: str, body: Formula, bound: Mapping[str, Any]
    ) -> Any:  # noqa: ANN401
        every = isinstance(formula, ForAll)
        if self.things:
            each = [self.formula(body, {**bound, variable: thing}) for thing in self.things]
            return self.z3.And(*each) if every else self.z3.Or(*each)
        quantify = self.z3.ForAll if every else self.z3.Exists
        # One name at two depths is two variables.
        mark = self.z3.Const(f"{variable}@{len(bound)}", self.sort)
        return quantify([mark], self.formula(body, {**bound, variable: mark}))

    def named(self, name: str) -> Any:  # noqa: ANN401
        return self.z3.Const(f":{name}", self.sort)

    def is_somewhere(self, name: str) -> Any:  # noqa: ANN401
        return self.z3.Or(*(self.named(name) == thing for thing in self.things))


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
