"""Group `deduction`: apply rules to facts, verify claims, notice that nothing more follows.

Rules and facts are given as text copied from the problem or from an earlier result. A statement is
accepted as the problem words it or as its formula.
"""

from __future__ import annotations

from itertools import permutations

from attrs import evolve

from fcpref.core.functions.deduction_texts import (
    established,
    givens_of,
    known_literals,
    normal,
    read_statement,
    show_statement,
)
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
from fcpref.core.logic import And, Formula, Implies, negate, saturate, show
from fcpref.core.logic.chaining import Rule, as_conjunction, conjunction
from fcpref.core.logic.literals import as_literal


def _apply_rule(arguments: Arguments, memory: Memory) -> Effect:
    rule = _rule(arguments, memory)
    if isinstance(rule, Effect):
        return rule
    fact = _fact(arguments, "fact", memory)
    if isinstance(fact, Effect):
        return fact
    parts = as_conjunction(fact) or ()
    # A conjunction may name the conditions in any order.
    found = (rule.ponens(order) for order in permutations(parts))
    conclusion = next((one for one in found if one is not None), None)
    if conclusion is None:
        if len(parts) < len(rule.body):
            return fail(memory, FailureCode.NOT_APPLICABLE, "the rule has two conditions")
        return _misfit(memory)
    return _derived(conclusion.formula, (fact,), memory)


def _modus_tollens(arguments: Arguments, memory: Memory) -> Effect:
    rule = _rule(arguments, memory)
    if isinstance(rule, Effect):
        return rule
    fact = _fact(arguments, "fact", memory)
    if isinstance(fact, Effect):
        return fact
    if not rule.reversible:
        text = "this rule backwards says nothing about one statement"
        return fail(memory, FailureCode.NOT_APPLICABLE, text)
    literal = as_literal(fact)
    conclusion = None if literal is None else rule.tollens(literal)
    return _misfit(memory) if conclusion is None else _derived(conclusion.formula, (fact,), memory)


def _instantiate(arguments: Arguments, memory: Memory) -> Effect:
    rule = _rule(arguments, memory)
    if isinstance(rule, Effect):
        return rule
    names = [name.strip().lower() for name in str(arguments["names"]).split(",")]
    if not givens_of(memory.problem).people.issuperset(names):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "names are not people of the problem")
    if len(names) != len(rule.variables):
        text = f"the rule is about {len(rule.variables)} people"
        return fail(memory, FailureCode.NOT_APPLICABLE, text)
    body, head = rule.put(dict(zip(rule.variables, names, strict=True)))
    return _derived(Implies(conjunction(body), head.formula), (), memory)


def _modus_ponens(arguments: Arguments, memory: Memory) -> Effect:
    conditional = _fact(arguments, "conditional", memory)
    if isinstance(conditional, Effect):
        return conditional
    fact = _fact(arguments, "fact", memory)
    if isinstance(fact, Effect):
        return fact
    if not isinstance(conditional, Implies):
        text = "conditional is not of the form: if ..., then ..."
        return fail(memory, FailureCode.NOT_APPLICABLE, text)
    conditions, parts = as_conjunction(conditional.left), as_conjunction(fact)
    if not conditions or not parts or set(conditions) != set(parts):
        return _misfit(memory)
    return _derived(conditional.right, (conditional, fact), memory)


def _and_intro(arguments: Arguments, memory: Memory) -> Effect:
    first = _fact(arguments, "first", memory)
    if isinstance(first, Effect):
        return first
    second = _fact(arguments, "second", memory)
    if isinstance(second, Effect):
        return second
    # More than two never make a condition, and would let texts grow without end.
    if as_literal(first) is None or as_literal(second) is None:
        text = "only single statements can be joined"
        return fail(memory, FailureCode.NOT_APPLICABLE, text)
    return _derived(And(first, second), (first, second), memory)


def _and_elim(arguments: Arguments, memory: Memory) -> Effect:
    fact = _fact(arguments, "fact", memory)
    if isinstance(fact, Effect):
        return fact
    if not isinstance(fact, And):
        return fail(memory, FailureCode.NOT_APPLICABLE, "fact is a single statement")
    told = []
    for part in as_conjunction(fact) or ():
        effect = _derived(part.formula, (fact,), memory)
        memory = effect.memory
        told.append(effect.outcome.text)
    return succeed(memory, " ".join(told))


def _saturated(_: Arguments, memory: Memory) -> Effect:
    known, given = known_literals(memory), givens_of(memory.problem)
    # What is told together counts only once it is taken apart.
    follows = saturate(known, tuple(set(given.rules.values())), given.conjunctions)
    if len(follows) > len(known):
        return fail(memory, FailureCode.NOT_APPLICABLE, "something new still follows")
    if memory.saturated is None:
        memory = evolve(memory, saturated=memory.steps)
    return succeed(memory, "Nothing new follows.")


def _check(arguments: Arguments, memory: Memory) -> Effect:
    claim = read_statement(memory.problem, str(arguments["claim"]))
    if claim is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "claim is not a statement")
    known = established(memory)
    if show(claim) in known:
        return succeed(memory, "Established.")
    if show(negate(claim)) in known:
        return succeed(memory, "The opposite is established.")
    return succeed(memory, "Not established so far.")


def _rule(arguments: Arguments, memory: Memory) -> Rule | Effect:
    rule = givens_of(memory.problem).rules.get(normal(str(arguments["rule"])))
    if rule is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "rule is not a rule of the problem")
    return rule


def _fact(arguments: Arguments, name: str, memory: Memory) -> Formula | Effect:
    fact = read_statement(memory.problem, str(arguments[name]))
    if fact is None or show(fact) not in established(memory):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"{name} is neither given nor derived")
    return fact


def _misfit(memory: Memory) -> Effect:
    return fail(memory, FailureCode.NOT_APPLICABLE, "the rule does not fit the fact")


def _derived(conclusion: Formula, premises: tuple[Formula, ...], memory: Memory) -> Effect:
    text, key = show_statement(conclusion, memory.problem), show(conclusion)
    if key in established(memory):
        # A second derivation is no evidence, and could make a given fact look derived.
        return succeed(memory, text)
    new = Fact(key=key, uses=tuple(map(show, premises)), call=memory.steps)
    return succeed(evolve(memory, facts=(*memory.facts, new)), text)


def _text(name: str, description: str) -> Parameter:
    return Parameter(name=name, kind="text", description=description)


_RULE = _text("rule", "a rule, copied from the problem")
_FACT = _text("fact", "a fact, given or derived")

FUNCTIONS = (
    Function(
        signature=Signature(
            name="ApplyRule",
            parameters=(_RULE, _FACT),
            description="Derive the rule's conclusion from a fact that meets its condition; for two"
            " conditions join two facts with AndIntro first.",
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
            name="AndIntro",
            parameters=(
                _text("first", "a fact, given or derived"),
                _text("second", "another"),
            ),
            description="Join two facts, for a rule with two conditions.",
            example="AndIntro(first='Max is kind.', second='Max likes Sam.')",
            group="solve",
        ),
        run=_and_intro,
    ),
    Function(
        signature=Signature(
            name="AndElim",
            parameters=(_FACT,),
            description="Take a joined fact apart.",
            example="AndElim(fact='Max is kind and Sam is tall.')",
            group="solve",
        ),
        run=_and_elim,
    ),
    Function(
        signature=Signature(
            name="Instantiate",
            parameters=(
                _RULE,
                _text("names", "people, in the order in which the rule mentions them"),
            ),
            description="Say what a rule means for certain people.",
            example="Instantiate(rule='If x likes y, then y is calm.', names='Max, Sam')",
            group="solve",
        ),
        run=_instantiate,
    ),
    Function(
        signature=Signature(
            name="ModusPonens",
            parameters=(_text("conditional", "a result of Instantiate"), _FACT),
            description="Derive what follows the word then from the fact after the word if.",
            example="ModusPonens(conditional='If Max is kind, then Max is calm.', "
            "fact='Max is kind.')",
            group="solve",
        ),
        run=_modus_ponens,
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
            parameters=(_text("claim", "a statement about people"),),
            description="Verify whether a statement or its opposite is established by now.",
            example="Check(claim='Max is calm.')",
            group="verify",
        ),
        run=_check,
    ),
)
