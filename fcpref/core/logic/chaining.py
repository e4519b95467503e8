"""Forward chaining over ground literals with universal rules of one or more conditions.

A rule ``forall x. forall y. (B(x) and R(x, y) -> H(y))`` is used forwards (instantiation and modus
ponens). One with a single condition, whose variables all occur in the conclusion, is used backwards
too (modus tollens). A given conjunction gives its parts.
"""

from __future__ import annotations

from collections import defaultdict
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from typing import Literal as OneOf

from fcpref.core.logic.formulas import And, ForAll, Formula, Implies
from fcpref.core.logic.literals import Literal, as_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Conjunction = tuple[Literal, ...]


class Rule(NamedTuple):
    """A universal rule: for all values of the variables, if all of the body, then the head.

    All terms are variables, and those of the head occur in the body.
    """

    variables: tuple[str, ...]
    body: Conjunction
    head: Literal

    @property
    def formula(self) -> Formula:
        """The rule as a formula."""
        said: Formula = Implies(conjunction(self.body), self.head.formula)
        for variable in reversed(self.variables):
            said = ForAll(variable, said)
        return said

    @property
    def reversible(self) -> bool:
        """Whether modus tollens gives a ground literal."""
        return len(self.body) == 1 and set(self.body[0].terms) <= set(self.head.terms)

    def put(self, names: dict[str, str]) -> tuple[Conjunction, Literal]:
        """Return the conditions and the conclusion for some individuals, by variable."""
        return tuple(one.put(names) for one in self.body), self.head.put(names)

    def ponens(self, premises: Sequence[Literal]) -> Literal | None:
        """Return the conclusion from one premise for each condition, in order, or None."""
        names: dict[str, str] = {}
        if len(premises) != len(self.body):
            return None
        for pattern, premise in zip(self.body, premises, strict=True):
            more = _match(pattern, premise, names)
            if more is None:
                return None
            names = more
        return self.head.put(names)

    def tollens(self, premise: Literal) -> Literal | None:
        """Return the negated condition from the negated conclusion, or None."""
        names = _match(self.head.negated, premise, {}) if self.reversible else None
        return None if names is None else self.body[0].negated.put(names)


class Step(NamedTuple):
    """One derivation.

    Attributes:
        kind: ``ponens``, ``tollens``, or ``split`` for a part of a given conjunction.
        rule: the rule that is used; None for ``split``.
        premises: one for each condition of the rule; for ``split`` the parts of the conjunction.
        conclusion: what is derived.
        depth: rules applied one after the other to get there, from 1; 0 for ``split``.
    """

    kind: OneOf["ponens", "tollens", "split"]
    rule: Rule | None
    premises: Conjunction
    conclusion: Literal
    depth: int


Known = dict[Literal, Step | None]


def conjunction(literals: Conjunction) -> Formula:
    """Return one or more literals, joined by ``and`` from the left."""
    return reduce(And, (one.formula for one in literals))


def as_conjunction(formula: Formula) -> Conjunction | None:
    """Read literals that are joined by ``and`` from the left; a single one too; or return None."""
    parts: list[Literal] = []
    while isinstance(formula, And):
        last = as_literal(formula.right)
        if last is None:
            return None
        parts.append(last)
        formula = formula.left
    first = as_literal(formula)
    return None if first is None else (first, *reversed(parts))


def as_rule(formula: Formula) -> Rule | None:
    """Read a formula as a rule, or return None."""
    variables: list[str] = []
    while isinstance(formula, ForAll):
        variables.append(formula.variable)
        formula = formula.body
    if not isinstance(formula, Implies) or not variables:
        return None
    body, head = as_conjunction(formula.left), as_literal(formula.right)
    if body is None or head is None:
        return None
    used = {term for one in body for term in one.terms}
    if used != set(variables) or len(used) != len(variables) or not set(head.terms) <= used:
        return None
    return Rule(tuple(variables), body, head)


def saturate(
    facts: Iterable[Literal], rules: Sequence[Rule], conjunctions: Iterable[Conjunction] = ()
) -> Mapping[Literal, Step | None]:
    """Derive every ground literal that the rules give, breadth first.

    Args:
        facts: ground literals.
        rules: universal rules.
        conjunctions: given conjunctions of ground literals.

    Returns:
        literal -> the step that first derived it (None for a given fact), in order of derivation.
        The depth of a step is the least there is. The result is finite: rules make no new names.
    """
    known: Known = dict.fromkeys(facts)
    for parts in conjunctions:
        for part in parts:
            known.setdefault(part, Step("split", None, parts, part, 0))
    forwards, backwards = _uses(rules)
    index: dict[tuple[str, bool], list[Literal]] = defaultdict(list)
    frontier = list(known)
    depth = 0
    while frontier:
        depth += 1
        for premise in frontier:
            index[premise.predicate, premise.positive].append(premise)
        found: list[Literal] = []
        for premise in frontier:
            key = premise.predicate, premise.positive
            for step in _steps_from(premise, forwards[key], backwards[key], index, depth):
                if step.conclusion not in known:
                    known[step.conclusion] = step
                    found.append(step.conclusion)
        frontier = found
    return MappingProxyType(known)


def consistent(literals: Iterable[Literal]) -> bool:
    """Tell whether no literal occurs together with its negation."""
    seen = set(literals)
    return not any(one.positive and one.negated in seen for one in seen)


def proof_of(literal: Literal, known: Mapping[Literal, Step | None]) -> tuple[Step, ...]:
    """Return the steps that lead to a literal, premises first, each once."""
    steps: dict[Literal, Step] = {}

    def visit(one: Literal) -> None:
        step = known[one]
        if step is None or one in steps:
            return
        if step.kind != "split":
            for premise in step.premises:
                visit(premise)
        steps[one] = step

    visit(literal)
    return tuple(steps.values())


Uses = dict[tuple[str, bool], list[tuple[Rule, int]]]


def _uses(rules: Sequence[Rule]) -> tuple[Uses, Uses]:
    """Index rules by what their conditions match, and by what their conclusion's opposite does."""
    forwards: Uses = defaultdict(list)
    backwards: Uses = defaultdict(list)
    for rule in rules:
        for place, one in enumerate(rule.body):
            forwards[one.predicate, one.positive].append((rule, place))
        if rule.reversible:
            backwards[rule.head.predicate, not rule.head.positive].append((rule, 0))
    return forwards, backwards


def _steps_from(
    premise: Literal,
    forwards: Iterable[tuple[Rule, int]],
    backwards: Iterable[tuple[Rule, int]],
    index: Mapping[tuple[str, bool], Sequence[Literal]],
    depth: int,
) -> Iterator[Step]:
    for rule, place in forwards:
        names = _match(rule.body[place], premise, {})
        if names is not None:
            for premises, bound in _joined(rule.body, place, premise, names, index):
                yield Step("ponens", rule, premises, rule.head.put(bound), depth)
    for rule, _ in backwards:
        conclusion = rule.tollens(premise)
        if conclusion is not None:
            yield Step("tollens", rule, (premise,), conclusion, depth)


def _joined(
    body: Conjunction,
    place: int,
    premise: Literal,
    names: dict[str, str],
    index: Mapping[tuple[str, bool], Sequence[Literal]],
) -> Iterator[tuple[Conjunction, dict[str, str]]]:
    """Give premises for a body, the one at `place` being given, with the names they bind."""
    partial: list[tuple[Conjunction, dict[str, str]]] = [((), names)]
    for at, pattern in enumerate(body):
        if at == place:
            partial = [((*chosen, premise), bound) for chosen, bound in partial]
            continue
        candidates = index.get((pattern.predicate, pattern.positive), ())
        partial = [
            ((*chosen, candidate), more)
            for chosen, bound in partial
            for candidate in candidates
            if (more := _match(pattern, candidate, bound)) is not None
        ]
    yield from partial


def _match(pattern: Literal, fact: Literal, names: dict[str, str]) -> dict[str, str] | None:
    """Return the names that make a pattern equal to a ground literal, given some of them."""
    if (
        pattern.predicate != fact.predicate
        or pattern.positive != fact.positive
        or len(pattern.terms) != len(fact.terms)
    ):
        return None
    names = dict(names)
    for variable, name in zip(pattern.terms, fact.terms, strict=True):
        if names.setdefault(variable, name) != name:
            return None
    return names
