"""What the texts in calls of group `deduction` mean, and what a chain has established."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic import Formula, Implies, parse, show
from fcpref.core.logic.chaining import Conjunction, Rule, as_conjunction, as_rule
from fcpref.core.logic.literals import Literal
from fcpref.core.problems.english import read, say
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from fcpref.core.functions.values import Memory
    from fcpref.core.problems import Problem


@frozen(kw_only=True)
class Givens:
    """What a problem gives, as calls refer to it.

    Attributes:
        rules: by text and by formula.
        facts: by text and by formula, those told together too.
        keys: formulas of the facts.
        literals: the single facts.
        conjunctions: facts told together.
        people: everyone that a fact is about.
    """

    rules: Mapping[str, Rule]
    facts: Mapping[str, Formula]
    keys: frozenset[str]
    literals: tuple[Literal, ...]
    conjunctions: tuple[Conjunction, ...]
    people: frozenset[str]


@lru_cache(maxsize=4_096)
def givens_of(problem: Problem) -> Givens:
    """Return what a problem gives."""
    rules: dict[str, Rule] = {}
    facts: dict[str, Formula] = {}
    told: list[Conjunction] = []
    for given in problem.givens:
        formula = parse(given.formula)
        rule, names = as_rule(formula), (normal(given.text), normal(given.formula))
        if rule is not None:
            rules |= dict.fromkeys(names, rule)
        else:
            facts |= dict.fromkeys(names, formula)
            told.append(as_conjunction(formula) or ())
    return Givens(
        rules=MappingProxyType(rules),
        facts=MappingProxyType(facts),
        keys=frozenset(map(show, facts.values())),
        literals=tuple(parts[0] for parts in told if len(parts) == 1),
        conjunctions=tuple(parts for parts in told if len(parts) > 1),
        people=frozenset(term for parts in told for one in parts for term in one.terms),
    )


def normal(text: str) -> str:
    """Return a text as it is compared: any case, spacing and full stop are one."""
    return " ".join(text.split()).rstrip(".").lower()


def read_statement(problem: Problem, text: str) -> Formula | None:
    """Read a ground literal, a conjunction or a conditional of such; None for anything else."""
    given = givens_of(problem).facts.get(normal(text))
    if given is not None:
        return given
    said = read(text)
    if said is not None:
        return said
    try:
        formula = parse(text)
    except FormulaSyntaxError:
        return None
    sides = (formula.left, formula.right) if isinstance(formula, Implies) else (formula,)
    return None if any(as_conjunction(side) is None for side in sides) else formula


def show_statement(formula: Formula, problem: Problem) -> str:
    """Return a statement as the problem words its own."""
    return show(formula) if "formal" in problem.tags else say(formula)


def established(memory: Memory) -> frozenset[str]:
    """Return the formulas of all statements that are given or derived."""
    return givens_of(memory.problem).keys | {fact.key for fact in memory.facts}


def known_literals(memory: Memory) -> tuple[Literal, ...]:
    """Return the single facts that are given or derived."""
    derived = (_parts(fact.key) for fact in memory.facts)
    return (
        *givens_of(memory.problem).literals,
        *(parts[0] for parts in derived if parts is not None and len(parts) == 1),
    )


@lru_cache(maxsize=4_096)
def _parts(key: str) -> Conjunction | None:
    return as_conjunction(parse(key))
