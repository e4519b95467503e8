"""What a deduction problem gives, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic import as_literal, as_rule, parse, saturate
from fcpref.core.logic.chaining import Conjunction, Rule, as_conjunction
from fcpref.core.logic.herbrand import find_models
from fcpref.core.logic.literals import Literal
from fcpref.core.problems.canonical import deduction_form
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.logic import Step, Structure
    from fcpref.core.problems.problem import Problem


@frozen(kw_only=True)
class Knowledge:
    """What a problem gives: facts, facts told together, and rules."""

    facts: tuple[Literal, ...]
    conjunctions: tuple[Conjunction, ...]
    rules: tuple[Rule, ...]

    @property
    def literals(self) -> tuple[Literal, ...]:
        """All given facts, those told together too."""
        return (*self.facts, *(one for parts in self.conjunctions for one in parts))

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone that a fact is about, sorted."""
        return tuple(sorted({term for one in self.literals for term in one.terms}))

    def form(self, claim: Literal) -> str:
        """Return the canonical form of the problem that a claim makes of this."""
        return deduction_form(self.literals, self.rules, claim)

    def models_apart(self, claim: Literal) -> tuple[Structure, Structure] | None:
        """Return a model of all this with the claim and one without it, or None."""
        cases = (claim,), (claim.negated,)
        with_claim, without = find_models(self.literals, self.rules, self.names, cases)
        return None if with_claim is None or without is None else (with_claim, without)

    def saturate(self, more: Iterable[Literal] = ()) -> Mapping[Literal, Step | None]:
        """Derive all that follows from the givens and more facts."""
        return saturate((*self.facts, *more), self.rules, self.conjunctions)


def knowledge(problem: Problem) -> Knowledge:
    """Return the given facts and rules of a problem.

    Raises:
        ProblemError: a given is neither.
    """
    facts: list[Literal] = []
    told: list[Conjunction] = []
    rules: list[Rule] = []
    for given in problem.givens:
        formula = parse(given.formula)
        if (rule := as_rule(formula)) is not None:
            rules.append(rule)
        elif (parts := as_conjunction(formula)) is None:
            message = f"{given.formula} is neither a fact nor a rule"
            raise ProblemError(message)
        elif len(parts) > 1:
            told.append(parts)
        else:
            facts += parts
    return Knowledge(facts=tuple(facts), conjunctions=tuple(told), rules=tuple(rules))


def claim_of(problem: Problem) -> Literal:
    """Return the claim of a problem.

    Raises:
        ProblemError: it has none, or it is not a literal.
    """
    claim = as_literal(parse(problem.claim.formula)) if problem.claim else None
    if claim is None:
        message = f"the claim of problem {problem.index} is not a literal"
        raise ProblemError(message)
    return claim


def form_of(problem: Problem) -> str:
    """Return the canonical form, which decides the split."""
    return knowledge(problem).form(claim_of(problem))


def decide(claim: Literal, known: Mapping[Literal, Step | None]) -> str:
    """Return the label of a claim, given all that follows."""
    if claim in known:
        return "True"
    return "False" if claim.negated in known else "Unknown"


def certificate(problem: Problem) -> tuple[Structure, Structure] | None:
    """Return two models of the givens, one in which the claim holds and one in which it does not.

    Returns:
        None where there are no such two, that is, where the claim is not Unknown. The individuals
        are the names of the problem, each named by itself.
    """
    return knowledge(problem).models_apart(claim_of(problem))
