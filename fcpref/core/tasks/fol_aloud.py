"""Oracle of `fol.deduction` that says what it looks at: one fact after the other, and its rules.

What makes a call right has to be seen from what is written before it. A thought leaves out no step
of that search: which fact is looked at, which rule of two conditions it would meet one of, which
fact meets the other one. So a small model needs to look up one thing at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fcpref.core.functions import Call, show_call
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


class Weighed(NamedTuple):
    """A fact, and what it leads to together with those that were weighed before it.

    Attributes:
        fact: the fact.
        partners: the rules of two conditions one of which it meets, in order, each with the facts
            that meet the other one.
        steps: all that follows by one rule, known or not: forwards by rule, then backwards.
    """

    fact: Literal
    partners: tuple[tuple[Rule, tuple[Literal, ...]], ...]
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
        partners: list[tuple[Rule, tuple[Literal, ...]]] = []
        steps: list[Step] = []
        for rule in rules:
            met = tuple(_premises(rule, fact, weighed))
            if len(rule.body) > 1 and any(_meets(rule, at, fact) for at in range(len(rule.body))):
                others = dict.fromkeys(two[two[0] == fact] for two in met)
                partners.append((rule, tuple(others)))
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

    A thought goes through the facts up to one that leads to a call. Calls that were made are not
    made again, and a fact that leads to no other is said to lead to nothing.
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
    thought: list[str] = []
    for weighed in weigh(facts, given.rules):
        steps = [step for step in weighed.steps if not _made(step, memory, word)]
        thought.append(_said(weighed, bool(steps), word))
        if not steps:
            continue
        yield call("Reasoning", thought=" ".join(thought))
        thought = []
        for step in steps:
            yield from writer.step(step)
            if _settles(claim, (step.conclusion,)):
                return
    if thought:
        yield call("Reasoning", thought=" ".join(thought))


def _said(weighed: Weighed, leads: bool, word: Words) -> str:  # noqa: FBT001 - private
    """Such as ``Max is shy: All people who are shy and old are wise, Max is old; something.``."""
    parts = [
        f"{_bare(word(rule.formula))}, "
        + (" and ".join(_bare(word(one.formula)) for one in partners) or "not yet")
        for rule, partners in weighed.partners
    ]
    end = "something" if leads else "nothing"
    return f"{_bare(word(weighed.fact.formula))}: {'; '.join([*parts, end])}."


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


def _meets(rule: Rule, place: int, fact: Literal) -> bool:
    pattern = rule.body[place]
    alike = (pattern.predicate, pattern.positive) == (fact.predicate, fact.positive)
    return alike and len(pattern.terms) == len(fact.terms)


def _settles(claim: Literal, facts: Iterable[Literal]) -> bool:
    return any(one in {claim, claim.negated} for one in facts)


def _bare(sentence: str) -> str:
    return sentence.removesuffix(".")
