"""Forward chaining over ground literals with one-premise universal rules.

A rule ``forall x. (B(x) -> H(x))`` is used forwards (modus ponens) and backwards (modus tollens).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Literal as OneOf

from attrs import frozen

from fcpref.core.logic.formulas import ForAll, Formula, Implies, Term, atom_of, instantiate, negate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@frozen
class Rule:
    """A universal rule with one premise: for every x, if body(x) then head(x)."""

    variable: str
    body: Formula
    head: Formula

    def ponens(self, fact: Formula) -> Formula | None:
        """Return head(c) when the fact is body(c), else None."""
        constant = _match(self.body, self.variable, fact)
        return None if constant is None else instantiate(self.head, self.variable, constant)

    def tollens(self, fact: Formula) -> Formula | None:
        """Return not body(c) when the fact is the negation of head(c), else None."""
        constant = _match(negate(self.head), self.variable, fact)
        return None if constant is None else negate(instantiate(self.body, self.variable, constant))


@frozen
class Step:
    """One derivation: which rule, from which literal, in which direction, at what depth."""

    rule: Rule
    premise: Formula
    conclusion: Formula
    direction: OneOf["ponens", "tollens"]
    depth: int


def as_rule(formula: Formula) -> Rule | None:
    """Read a formula as a one-premise universal rule over literals, or return None."""
    match formula:
        case ForAll(variable, Implies(body, head)):
            atoms = (atom_of(body), atom_of(head))
            if all(atom is not None and atom.terms == (variable,) for atom in atoms):
                return Rule(variable, body, head)
    return None


def saturate(facts: Iterable[Formula], rules: Sequence[Rule]) -> Mapping[Formula, Step | None]:
    """Derive every ground literal that the rules give, breadth first.

    Returns:
        literal -> the step that first derived it (None for a given fact), in order of derivation.
        The depth of a step is the length of the shortest derivation. The result is finite: there
        are at most 2 x predicates x constants literals.
    """
    known: dict[Formula, Step | None] = dict.fromkeys(facts)
    frontier = list(known)
    depth = 0
    while frontier:
        depth += 1
        found: list[Formula] = []
        for premise in frontier:
            for step in _steps_from(premise, rules, depth):
                if step.conclusion not in known:
                    known[step.conclusion] = step
                    found.append(step.conclusion)
        frontier = found
    return MappingProxyType(known)


def consistent(literals: Iterable[Formula]) -> bool:
    """Tell whether no literal occurs together with its negation."""
    seen = set(literals)
    return not any(negate(literal) in seen for literal in seen)


def proof_of(literal: Formula, known: Mapping[Formula, Step | None]) -> tuple[Step, ...]:
    """Return the steps that lead to a literal, premises first."""
    step = known[literal]
    return () if step is None else (*proof_of(step.premise, known), step)


def _steps_from(premise: Formula, rules: Sequence[Rule], depth: int) -> Iterable[Step]:
    for rule in rules:
        forwards = rule.ponens(premise)
        if forwards is not None:
            yield Step(rule, premise, forwards, "ponens", depth)
        backwards = rule.tollens(premise)
        if backwards is not None:
            yield Step(rule, premise, backwards, "tollens", depth)


def _match(pattern: Formula, variable: str, fact: Formula) -> Term | None:
    """Return the term that makes a one-variable literal equal to a ground literal."""
    if type(pattern) is not type(fact):
        return None
    want, have = atom_of(pattern), atom_of(fact)
    if want is None or have is None or want.predicate != have.predicate:
        return None
    return have.terms[0] if want.terms == (variable,) and len(have.terms) == 1 else None
