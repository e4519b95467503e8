"""Group `deduction`: apply rules to facts, verify claims, notice that nothing more follows.

Rules and facts are given as text copied from the problem or from an earlier result. A statement is
accepted as the problem words it or as its formula.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    Fact,
    FailureCode,
    Function,
    Memory,
    Parameter,
    Signature,
    fail,
    succeed,
)
from fcpref.core.logic import Formula, negate, parse, saturate, show
from fcpref.core.logic.chaining import Rule, as_rule
from fcpref.core.logic.formulas import Equal, subformulas
from fcpref.core.logic.structures import vocabulary
from fcpref.core.problems.english import read_literal, say
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems import Problem


def _use(direction: Literal["ponens", "tollens"], arguments: Arguments, memory: Memory) -> Effect:
    rule = _rules(memory.problem).get(_normal(str(arguments["rule"])))
    if rule is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "rule is not a rule of the problem")
    fact = _read(memory.problem, str(arguments["fact"]))
    known = established(memory)
    if fact is None or show(fact) not in known:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "fact is neither given nor derived")
    conclusion = rule.ponens(fact) if direction == "ponens" else rule.tollens(fact)
    if conclusion is None:
        return fail(memory, FailureCode.NOT_APPLICABLE, "the rule does not fit the fact")
    text = _word(conclusion, memory.problem)
    key = show(conclusion)
    if key in known:
        # A second derivation is no evidence, and could make a given fact look derived.
        return succeed(memory, text)
    new = Fact(key=key, uses=(show(fact),), call=memory.steps)
    return succeed(evolve(memory, facts=(*memory.facts, new)), text)


def _apply_rule(arguments: Arguments, memory: Memory) -> Effect:
    return _use("ponens", arguments, memory)


def _modus_tollens(arguments: Arguments, memory: Memory) -> Effect:
    return _use("tollens", arguments, memory)


def _saturated(_: Arguments, memory: Memory) -> Effect:
    known = established(memory)
    rules = tuple(_rules(memory.problem).values())
    follows = saturate([parse(key) for key in known], rules)
    if any(step is not None for step in follows.values()):
        return fail(memory, FailureCode.NOT_APPLICABLE, "something new still follows")
    return succeed(evolve(memory, saturated=True), "Nothing new follows.")


def _check(arguments: Arguments, memory: Memory) -> Effect:
    claim = _read(memory.problem, str(arguments["claim"]))
    if claim is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "claim is not a statement")
    known = established(memory)
    if show(claim) in known:
        return succeed(memory, "Established.")
    if show(negate(claim)) in known:
        return succeed(memory, "The opposite is established.")
    return succeed(memory, "Not established so far.")


def established(memory: Memory) -> frozenset[str]:
    """Return the formulas of all literals that are given or derived."""
    return _given_facts(memory.problem) | {fact.key for fact in memory.facts}


_RULE = Parameter(name="rule", kind="text", description="a rule, copied from the problem")
_FACT = Parameter(name="fact", kind="text", description="a fact, given or derived")

FUNCTIONS = (
    Function(
        signature=Signature(
            name="ApplyRule",
            parameters=(_RULE, _FACT),
            description="Derive the rule's conclusion from a fact that meets its condition.",
            example="ApplyRule(rule='All kind people are calm.', fact='Max is kind.')",
            group="solve",
        ),
        run=_apply_rule,
    ),
    Function(
        signature=Signature(
            name="ModusTollens",
            parameters=(_RULE, _FACT),
            description="Use a rule backwards: its conclusion is false, so its condition is.",
            example="ModusTollens(rule='All kind people are calm.', fact='Max is not calm.')",
            group="solve",
        ),
        run=_modus_tollens,
    ),
    Function(
        signature=Signature(
            name="Saturated",
            parameters=(),
            description="Verify that no rule gives anything new. Needed before Unknown.",
            example="Saturated()",
            group="verify",
        ),
        run=_saturated,
    ),
    Function(
        signature=Signature(
            name="Check",
            parameters=(
                Parameter(name="claim", kind="text", description="a statement about one person"),
            ),
            description="Verify whether a statement or its opposite is established by now.",
            example="Check(claim='Max is calm.')",
            group="verify",
        ),
        run=_check,
    ),
)


def _normal(text: str) -> str:
    return " ".join(text.split()).rstrip(".").lower()


def _word(literal: Formula, problem: Problem) -> str:
    return show(literal) if "formal" in problem.tags else say(literal)


def _read(problem: Problem, text: str) -> Formula | None:
    given = _givens(problem).get(_normal(text))
    if given is not None:
        return given
    literal = read_literal(text)
    if literal is not None:
        return literal
    try:
        formula = parse(text)
    except FormulaSyntaxError:
        return None
    return formula if _only_names(formula) else None


def _only_names(formula: Formula) -> bool:
    # Equality and function terms have no part in this task, and a chain that tried them in vain
    # before they were in the language must replay as it was.
    names = vocabulary(formula)
    return not names.functions and not any(isinstance(f, Equal) for f in subformulas(formula))


@lru_cache(maxsize=4_096)
def _givens(problem: Problem) -> Mapping[str, Formula]:
    formulas = [(given, parse(given.formula)) for given in problem.givens]
    by_text = {_normal(given.text): formula for given, formula in formulas}
    return by_text | {_normal(given.formula): formula for given, formula in formulas}


@lru_cache(maxsize=4_096)
def _rules(problem: Problem) -> Mapping[str, Rule]:
    rules = ((text, as_rule(formula)) for text, formula in _givens(problem).items())
    return {text: rule for text, rule in rules if rule is not None}


@lru_cache(maxsize=4_096)
def _given_facts(problem: Problem) -> frozenset[str]:
    formulas = (parse(given.formula) for given in problem.givens)
    return frozenset(show(formula) for formula in formulas if as_rule(formula) is None)
