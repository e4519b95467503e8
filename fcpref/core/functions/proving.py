"""Group `proving`: formulas for the problem's sentences, and z3 to say what follows from them.

A sentence is given as text copied from the problem. Its formula may only use names that are drawn
from that sentence's words; a later formula for the same sentence takes the earlier one's place.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    Fact,
    FailureCode,
    Formalised,
    Function,
    Memory,
    Parameter,
    Signature,
    fail,
    succeed,
)
from fcpref.core.logic import show
from fcpref.core.logic.entailment import Entailment, entails
from fcpref.core.problems.folio_formulas import free_variables, read_formula
from fcpref.core.problems.folio_words import foreign_symbol
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems import Problem

_SAID = MappingProxyType(
    {
        Entailment.TRUE: "True: the claim follows from the premises.",
        Entailment.FALSE: "False: the claim contradicts the premises.",
        Entailment.UNKNOWN: "Unknown: the premises allow the claim and its opposite.",
    }
)


def _premise(arguments: Arguments, memory: Memory) -> Effect:
    sentence = _premises(memory.problem).get(_normal(str(arguments["text"])))
    if sentence is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "text is not a premise of the problem")
    return _formalise("premise", sentence, str(arguments["formula"]), memory)


def _claim(arguments: Arguments, memory: Memory) -> Effect:
    asked = memory.problem.claim
    if asked is None or _normal(str(arguments["text"])) != _normal(asked.text):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "text is not the claim of the problem")
    return _formalise("claim", asked.text, str(arguments["formula"]), memory)


def _formalise(
    role: Literal["premise", "claim"], sentence: str, text: str, memory: Memory
) -> Effect:
    try:
        formula = read_formula(text)
    except FormulaSyntaxError as error:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"formula: {error}")
    if unbound := free_variables(formula):
        what = f"nothing binds {min(unbound)} in the formula"
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, what)
    if name := foreign_symbol(formula, sentence, memory.problem.text):
        what = f"{name} is not made of words of the sentence"
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, what)
    new = Formalised(role=role, text=sentence, formula=formula, call=memory.steps)
    others = [one for one in memory.formalised if (one.role, one.text) != (role, sentence)]
    return succeed(evolve(memory, formalised=(*others, new)), show(formula))


def _prove(_: Arguments, memory: Memory) -> Effect:
    written = {(one.role, one.text): one.formula for one in memory.formalised}
    asked = memory.problem.claim
    claim = written.get(("claim", asked.text)) if asked else None
    if claim is None:
        return fail(memory, FailureCode.NOT_APPLICABLE, "the claim has no formula yet")
    sentences = _premises(memory.problem).values()
    for sentence in sentences:
        if ("premise", sentence) not in written:
            return fail(memory, FailureCode.NOT_APPLICABLE, f"no formula yet for: {sentence}")
    # In the problem's order, so that the order of the calls decides nothing.
    premises = tuple(written["premise", sentence] for sentence in sentences)
    verdict = entails(premises, claim)
    if verdict is Entailment.CONTRADICTORY:
        return fail(memory, FailureCode.NOT_APPLICABLE, "the premises contradict each other")
    if verdict is Entailment.LIMIT:
        return fail(memory, FailureCode.LIMIT, "not decided within the work allowed")
    uses = (*map(show, premises), show(claim))
    fact = Fact(key=verdict.value, uses=uses, call=memory.steps)
    return succeed(evolve(memory, facts=(*memory.facts, fact)), _SAID[verdict])


_FORMULA = Parameter(
    name="formula",
    kind="text",
    description="its formula: forall x. exists y. not and or xor -> <->, names from its words",
)

FUNCTIONS = (
    Function(
        signature=Signature(
            name="Premise",
            parameters=(
                Parameter(name="text", kind="text", description="a premise, copied"),
                _FORMULA,
            ),
            description="Write the formula of a premise, with names made of its words.",
            example="Premise(text='All cats purr.', formula='forall x. (Cat(x) -> Purr(x))')",
            group="solve",
        ),
        run=_premise,
    ),
    Function(
        signature=Signature(
            name="Claim",
            parameters=(
                Parameter(name="text", kind="text", description="the claim, copied"),
                _FORMULA,
            ),
            description="Write the formula of the claim, with names made of its words.",
            example="Claim(text='Tom purrs.', formula='Purr(tom)')",
            group="solve",
        ),
        run=_claim,
    ),
    Function(
        signature=Signature(
            name="Prove",
            parameters=(),
            description="Decide the claim, once it and every premise have formulas.",
            example="Prove()",
            group="verify",
        ),
        run=_prove,
    ),
)


def _normal(text: str) -> str:
    plain = text.translate(_QUOTES)
    return " ".join(plain.split()).rstrip(".").casefold()


# A model that types straight quotes has copied the sentence all the same.
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")


@lru_cache(maxsize=4_096)
def _premises(problem: Problem) -> Mapping[str, str]:
    return MappingProxyType({_normal(given.text): given.text for given in problem.givens})
