"""Task `fol.deduction`: derive whether a claim is True, False or Unknown."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Call, Toolbox, deduction, flow, show_call
from fcpref.core.logic import And, parse
from fcpref.core.logic.chaining import as_conjunction, proof_of
from fcpref.core.logic.literals import as_literal
from fcpref.core.problems import deduction_rewriting as rewriting
from fcpref.core.problems.deduction import LABELS, generate
from fcpref.core.problems.deduction import TASK as NAME
from fcpref.core.problems.deduction_knowledge import claim_of, decide, form_of, knowledge
from fcpref.core.problems.deduction_spec import DeductionSpec
from fcpref.core.scores.deduction import supports
from fcpref.core.tasks.fol_aloud import aloud
from fcpref.core.tasks.fol_calls import Words, Writer, call
from fcpref.core.tasks.task import Rewrites, Task, exemplars_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.functions import Memory
    from fcpref.core.logic import Formula
    from fcpref.core.problems import Problem, Split

_EXEMPLAR_SEED = 24_101_889


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the shortest proof and its answer; for Unknown, every derivation and `Saturated`."""
    return _from(problem, (), saturated=False)


def resume(memory: Memory) -> tuple[str, ...]:
    """Return what is left to derive from what calls have established, and the answer."""
    derived = tuple(parse(fact.key) for fact in memory.facts)
    return _from(memory.problem, derived, saturated=memory.saturated is not None)


def forward(memory: Memory) -> tuple[str, ...]:
    """Return what follows, nearest first, in the order of the problem, until the claim is settled.

    Nothing is done for its being needed later, so each call can be told from those before it. Facts
    that are told together are taken apart first.
    """
    derived = tuple(parse(fact.key) for fact in memory.facts)
    settled = memory.saturated is not None
    return _from(memory.problem, derived, saturated=settled, ahead=False)


def _from(
    problem: Problem,
    derived: tuple[Formula, ...],
    *,
    saturated: bool,
    ahead: bool = True,
) -> tuple[str, ...]:
    if problem.claim is None:
        return ()
    claim, given = claim_of(problem), knowledge(problem)
    literals = (as_literal(formula) for formula in derived)
    known = given.saturate(one for one in literals if one is not None)
    label = decide(claim, known)
    settling = claim if label == "True" else claim.negated
    if label == "Unknown":
        steps = tuple(step for step in known.values() if step is not None)
    elif ahead:
        steps = proof_of(settling, known)
    else:
        order = list(known)
        until = order[: order.index(settling) + 1]
        steps = tuple(step for one in until if (step := known[one]) is not None)
    joined = [*given.conjunctions]
    joined += [parts for one in derived if isinstance(one, And) and (parts := as_conjunction(one))]
    writer = Writer(known, joined, Words(problem))
    calls = [] if ahead else list(writer.apart(steps))
    for step in steps:
        calls += writer.step(step)
    if label == "Unknown":
        calls += writer.apart(steps)
        if not saturated:
            calls.append(Call(function="Saturated"))
    calls.append(call("Answer", value=label))
    return tuple(show_call(one) for one in calls)


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), DeductionSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    """Return problems with all labels and kinds of calls: four of depth 1 and 2, then deeper ones.

    Recorded prompts show the first four, so others come after them.
    """
    plain = DeductionSpec(max_depth=2, distractors=2, conjunction=0, relations=0)
    joined = DeductionSpec(max_depth=1, distractors=1, conjunction=1, relations=0)
    backwards = DeductionSpec(min_depth=2, max_depth=2, distractors=2, tollens=0.5)
    related = DeductionSpec(min_depth=2, max_depth=2, distractors=1, relations=0.6)
    deep = DeductionSpec(min_depth=3, max_depth=3, distractors=2)
    deeper = DeductionSpec(min_depth=4, max_depth=4, distractors=2)
    chosen = (
        *((plain, 0), (joined, 1), (backwards, 17), (related, 6)),
        *((deep, 7), (deep, 11), (deeper, 0), (deeper, 4)),
    )
    return tuple(
        generate(spec, seed=_EXEMPLAR_SEED, split="train", index=index) for spec, index in chosen
    )


TASK = Task(
    name=NAME,
    summary="first-order deduction: is a claim True, False or Unknown given facts and rules",
    toolbox=Toolbox(functions=(*deduction.FUNCTIONS, flow.REASONING, flow.choice_answer(LABELS))),
    oracle=oracle,
    resume=resume,
    forward=forward,
    aloud=aloud,
    form=form_of,
    support=supports,
    exemplars=exemplars_of(oracle, _exemplars()),
    generate=_generate,
    test_sets=MappingProxyType(
        {
            "held-out-templates": {"templates": "held_out"},
            "held-out-vocabulary": {"vocabulary": "held_out"},
            "deep": {"min_depth": 6, "max_depth": 10},
        }
    ),
    rewrites=Rewrites(
        kinds=MappingProxyType(
            {
                "renaming": rewriting.rename,
                "reordering": rewriting.reorder,
                "paraphrase": rewriting.paraphrase,
            }
        ),
        certified=rewriting.certified,
    ),
)
