"""Oracle of `fol.deduction` that says what it looks at: one fact after the other, and its rules.

What makes a call right has to be seen from what is written before it. A thought leaves out no step
of that search: which fact is looked at, which rule of two conditions it would meet one of, what the
other one asks for then, which fact meets it. So a small model needs to look up one thing at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fcpref.core.functions import Call, parse_call, show_call
from fcpref.core.logic import And, Step, parse
from fcpref.core.logic.chaining import as_conjunction, conjunction
from fcpref.core.logic.literals import as_literal
from fcpref.core.problems.deduction_knowledge import claim_of, knowledge
from fcpref.core.tasks.fol_calls import Words, Writer, call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fcpref.core.functions import Memory
    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.literals import Literal
    from fcpref.core.problems.deduction_knowledge import Knowledge


SOMEONE = "someone"
"""Stands for a person that a condition leaves open."""

_SAYING = re.compile(r"\S.*?(?:something|nothing)\.(?= |$)")


class Partners(NamedTuple):
    """A rule of two conditions, one of which a fact meets.

    Attributes:
        rule: the rule.
        asked: what its other condition is then; of `SOMEONE` where the fact leaves that open.
        facts: those that meet it.
    """

    rule: Rule
    asked: Literal
    facts: tuple[Literal, ...]


class Weighed(NamedTuple):
    """A fact, and what it leads to together with those that were weighed before it.

    Attributes:
        fact: the fact.
        partners: the rules of two conditions one of which it meets, in order.
        steps: all that follows by one rule, known or not: forwards by rule, then backwards.
    """

    fact: Literal
    partners: tuple[Partners, ...]
    steps: tuple[Step, ...]


def weigh(facts: Iterable[Literal], rules: Sequence[Rule]) -> Iterator[Weighed]:
    """Weigh facts and all that follows from them, each once, in the order in which they are known.

    Each step comes with the later of its premises, so that no step comes twice.

    Args:
        facts: what is known.
        rules: with one or two conditions.
    """
    depths = dict.fromkeys(facts, 0)
    agenda = list(depths)
    for place, fact in enumerate(agenda):  # it grows
        weighed = agenda[: place + 1]
        partners: list[Partners] = []
        steps: list[Step] = []
        for rule in rules:
            met = tuple(_premises(rule, fact, weighed))
            if (asked := _asked(rule, fact)) is not None:
                others = dict.fromkeys(two[two[0] == fact] for two in met)
                partners.append(Partners(rule, asked, tuple(others)))
            for premises in met:
                conclusion = rule.ponens(premises)
                if conclusion is not None:
                    depth = 1 + max(depths[one] for one in premises)
                    steps.append(Step("ponens", rule, premises, conclusion, depth))
        for rule in rules:
            conclusion = rule.tollens(fact)
            if conclusion is not None:
                steps.append(Step("tollens", rule, (fact,), conclusion, 1 + depths[fact]))
        yield Weighed(fact, tuple(partners), tuple(steps))
        for step in steps:
            if step.conclusion not in depths:
                depths[step.conclusion] = step.depth
                agenda.append(step.conclusion)


def aloud(memory: Memory) -> tuple[str, ...]:
    """Return all that follows, a fact after the other, until the claim is settled, with thoughts.

    A thought goes through the facts up to one that leads to a call. What was made or truly said
    before is left out, so that whoever thinks in this way goes on where it is.
    """
    problem = memory.problem
    if problem.claim is None:
        return ()
    claim, given, word = claim_of(problem), knowledge(problem), Words(problem)
    formulas = [parse(fact.key) for fact in memory.facts]
    derived = [one for formula in formulas if (one := as_literal(formula)) is not None]
    joined = [parts for one in formulas if isinstance(one, And) and (parts := as_conjunction(one))]
    known = given.saturate(derived)
    writer = Writer(known, (*given.conjunctions, *joined), word, ("fact", "rule"))
    facts = dict.fromkeys((*given.facts, *derived))
    calls: list[Call] = []
    if not _settles(claim, facts):
        calls += writer.apart(known.values())
        facts = dict.fromkeys((*facts, *given.literals))
    if not _settles(claim, facts):
        calls += _search(memory, given, facts, writer, word, claim)
    label = "True" if claim in known else "False" if claim.negated in known else "Unknown"
    if label == "Unknown" and memory.saturated is None:
        calls.append(Call(function="Saturated"))
    calls.append(call("Answer", value=label))
    return tuple(show_call(one) for one in calls)


def _search(
    memory: Memory,
    given: Knowledge,
    facts: Iterable[Literal],
    writer: Writer,
    word: Words,
    claim: Literal,
) -> Iterator[Call]:
    """Give thoughts and calls until the claim is settled or there are no more facts to weigh."""
    before = _said(memory)
    thought: list[str] = []
    for weighed in weigh(facts, given.rules):
        steps = [step for step in weighed.steps if not _made(step, memory, word)]
        if weighed.steps and not steps:
            continue
        saying = _saying(weighed, word)
        # Said again where a thought of others comes between it and its calls.
        if saying not in before or (steps and thought):
            thought.append(saying)
        if steps and thought:
            yield call("Reasoning", thought=" ".join(thought))
            thought = []
        for step in steps:
            yield from writer.step(step)
            if _settles(claim, (step.conclusion,)):
                return
    if thought:
        yield call("Reasoning", thought=" ".join(thought))


def _said(memory: Memory) -> frozenset[str]:
    """Return what was said aloud of facts, true or not, as `_saying` would."""
    calls = (parse_call(text) for text in memory.calls if text.startswith("Reasoning("))
    thoughts = [value for one in calls if isinstance(one, Call) for _, value in one.keywords]
    return frozenset(said for one in thoughts for said in _SAYING.findall(str(one)))


def _saying(weighed: Weighed, word: Words) -> str:
    """Such as ``Max is shy: All shy and old people are wise, Max is old, yes; something.``."""
    parts = [f"{_bare(word(one.rule.formula))}, {_met(one, word)}" for one in weighed.partners]
    end = "something" if weighed.steps else "nothing"
    return f"{_bare(word(weighed.fact.formula))}: {'; '.join([*parts, end])}."


def _met(partners: Partners, word: Words) -> str:
    """Say what is asked for, and what meets it; what names all people is not repeated."""
    asked = _bare(word(partners.asked.formula))
    if partners.facts == (partners.asked,):
        return f"{asked}, yes"
    met = " and ".join(_bare(word(one.formula)) for one in partners.facts)
    return f"{asked}, {met or 'not yet'}"


def _made(step: Step, memory: Memory, word: Words) -> bool:
    """Tell whether a call that makes the step has worked."""
    if step.rule is None:
        return True
    name = "ApplyRule" if step.kind == "ponens" else "ModusTollens"
    orders = {step.premises, step.premises[::-1]}
    rule = word(step.rule.formula)
    return any(
        show_call(call(name, rule=rule, fact=word(conjunction(one)))) in memory.calls
        for one in orders
    )


def _premises(
    rule: Rule, fact: Literal, weighed: Sequence[Literal]
) -> Iterator[tuple[Literal, ...]]:
    """Give what meets a rule's conditions, the fact being one and the others weighed."""
    if len(rule.body) == 1:
        if rule.ponens((fact,)) is not None:
            yield (fact,)
        return
    for other in weighed:
        for two in dict.fromkeys(((fact, other), (other, fact))):
            if rule.ponens(two) is not None:
                yield two


def _asked(rule: Rule, fact: Literal) -> Literal | None:
    """Return the other condition of a rule that has two and the fact may meet one of, else None."""
    if len(rule.body) == 1:
        return None
    for pattern, other in (rule.body, rule.body[::-1]):
        alike = (pattern.predicate, pattern.positive) == (fact.predicate, fact.positive)
        if alike and len(pattern.terms) == len(fact.terms):
            names = dict(zip(pattern.terms, fact.terms, strict=True))
            return other.put({term: names.get(term, SOMEONE) for term in other.terms})
    return None


def _settles(claim: Literal, facts: Iterable[Literal]) -> bool:
    return any(one in {claim, claim.negated} for one in facts)


def _bare(sentence: str) -> str:
    return sentence.removesuffix(".")
