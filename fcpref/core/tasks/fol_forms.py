"""Task `fol.forms`: bring a sentence to negation normal, prenex or clausal form."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Call, Toolbox, flow, forms, show_call
from fcpref.core.logic.steps import steps_to
from fcpref.core.problems import forms_rewriting as rewriting
from fcpref.core.problems.forms import (
    MAX_STEPS,
    FormsSpec,
    generate,
    sentence_of,
    target_of,
)
from fcpref.core.problems.forms import TASK as NAME
from fcpref.core.problems.forms_wording import phrasing_in, say
from fcpref.core.scores.forms import supports
from fcpref.core.tasks.task import Rewrites, Task, exemplars_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems import Problem, Split

_EXEMPLAR_SEED = 24_101_889
_EXEMPLAR_INDICES = (0, 4, 8, 6)  # each form, with 1, 2, 3 and 3 rewrites


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the rewrites of `steps_to` and the sentence that they lead to."""
    if problem.claim is None:
        return ()
    sentence = sentence_of(problem)
    steps = steps_to(target_of(problem), sentence, most=MAX_STEPS)
    if steps is None:
        return ()
    phrasing = phrasing_in(problem.tags)
    calls = [
        Call(function=_FUNCTIONS[step.name], keywords=(("part", say(step.part, phrasing)),))
        for step in steps
    ]
    final = steps[-1].result if steps else sentence
    calls.append(Call(function="Answer", keywords=(("value", say(final, phrasing)),)))
    return tuple(show_call(call) for call in calls)


_FUNCTIONS = {
    "double_negation": "DoubleNegation",
    "de_morgan": "DeMorgan",
    "implication": "Implication",
    "biconditional": "Biconditional",
    "negated_quantifier": "NegatedQuantifier",
    "pull_quantifier": "PullQuantifier",
    "distribute": "Distribute",
    "skolemise": "Skolemise",
}


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), FormsSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    return tuple(
        generate(FormsSpec(max_steps=3), seed=_EXEMPLAR_SEED, split="train", index=index)
        for index in _EXEMPLAR_INDICES
    )


TASK = Task(
    name=NAME,
    summary="normal forms: bring a sentence to negation normal, prenex or clausal form",
    toolbox=Toolbox(functions=(*forms.FUNCTIONS, flow.REASONING, forms.ANSWER)),
    oracle=oracle,
    support=supports,
    exemplars=exemplars_of(oracle, _exemplars()),
    generate=_generate,
    form=rewriting.form,
    test_sets={
        "held-out-templates": {"templates": "held_out"},
        "held-out-vocabulary": {"vocabulary": "held_out"},
        "deep": {"min_steps": 6, "max_steps": 10},
    },
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
