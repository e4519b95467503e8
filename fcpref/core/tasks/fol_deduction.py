"""Task `fol.deduction`: derive whether a claim is True, False or Unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Call, Toolbox, deduction, flow, show_call
from fcpref.core.logic import negate, parse, show
from fcpref.core.logic.chaining import Step, proof_of
from fcpref.core.logic.formulas import ForAll, Implies
from fcpref.core.problems.deduction import LABELS, DeductionSpec, decide, generate, knowledge
from fcpref.core.problems.english import say
from fcpref.core.scores.deduction import supports
from fcpref.core.tasks.task import Task, exemplars_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.functions import Memory
    from fcpref.core.logic import Formula
    from fcpref.core.problems import Problem, Split

NAME = "fol.deduction"
_EXEMPLAR_SEED = 24_101_889
_EXEMPLAR_INDICES = (0, 1, 5, 4)  # depth 1 True, 1 False, 2 Unknown, 2 False


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the shortest proof and its answer; for Unknown, every derivation and `Saturated`."""
    facts, _ = knowledge(problem)
    return _from(problem, facts)


def resume(memory: Memory) -> tuple[str, ...]:
    """Return what is left to derive from what calls have established, and the answer."""
    given, _ = knowledge(memory.problem)
    derived = tuple(parse(fact.key) for fact in memory.facts)
    return _from(memory.problem, (*given, *derived), saturated=memory.saturated)


def _from(
    problem: Problem, facts: tuple[Formula, ...], *, saturated: bool = False
) -> tuple[str, ...]:
    if problem.claim is None:
        return ()
    claim = parse(problem.claim.formula)
    _, rules = knowledge(problem)
    label, known = decide(facts, rules, claim)
    if label == "Unknown":
        steps = tuple(step for step in known.values() if step is not None)
    else:
        steps = proof_of(claim if label == "True" else negate(claim), known)
    calls = [_call(step, problem) for step in steps]
    if label == "Unknown" and not saturated:
        calls.append(Call(function="Saturated"))
    calls.append(Call(function="Answer", keywords=(("value", label),)))
    return tuple(show_call(call) for call in calls)


def _call(step: Step, problem: Problem) -> Call:
    word = show if "formal" in problem.tags else say
    rule = word(ForAll(step.rule.variable, Implies(step.rule.body, step.rule.head)))
    name = "ApplyRule" if step.direction == "ponens" else "ModusTollens"
    return Call(function=name, keywords=(("rule", rule), ("fact", word(step.premise))))


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), DeductionSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    spec = DeductionSpec(min_depth=1, max_depth=2, distractors=2)
    return tuple(
        generate(spec, seed=_EXEMPLAR_SEED, split="train", index=index)
        for index in _EXEMPLAR_INDICES
    )


TASK = Task(
    name=NAME,
    summary="first-order deduction: is a claim True, False or Unknown given facts and rules",
    toolbox=Toolbox(functions=(*deduction.FUNCTIONS, flow.REASONING, flow.choice_answer(LABELS))),
    oracle=oracle,
    resume=resume,
    support=supports,
    exemplars=exemplars_of(oracle, _exemplars()),
    generate=_generate,
)
