"""Task `math.word`: generated word problems with sentences that are beside the point."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Toolbox, arithmetic, flow
from fcpref.core.problems import word_rewriting as rewriting
from fcpref.core.problems.word import TASK as NAME
from fcpref.core.problems.word import WordSpec, generate
from fcpref.core.problems.word_form import form_of
from fcpref.core.scores.arithmetic import supports
from fcpref.core.tasks.task import Rewrites, Task, exemplars_of
from fcpref.core.tasks.worked_solution import oracle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems import Problem, Split

_EXEMPLAR_SEED = 24_101_889
# Steps and place; recorded prompts show the first four, so others come after them.
_EXEMPLARS = ((2, 2), (3, 0), (5, 2), (6, 0))
_TEST_SETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "held-out-templates": MappingProxyType({"templates": "held_out"}),
        "held-out-vocabulary": MappingProxyType({"vocabulary": "held_out"}),
        "deep": MappingProxyType({"min_steps": 6, "max_steps": 8}),
    }
)


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), WordSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    rising = WordSpec(max_steps=4)  # 1, 2, 3 and 4 steps
    chosen = [(rising, index) for index in range(4)]
    chosen += [(WordSpec(min_steps=steps, max_steps=steps), at) for steps, at in _EXEMPLARS]
    return tuple(
        generate(spec, seed=_EXEMPLAR_SEED, split="train", index=index) for spec, index in chosen
    )


TASK = Task(
    name=NAME,
    summary="generated word problems of one to eight steps, with sentences that do not matter",
    toolbox=Toolbox(functions=(*arithmetic.FUNCTIONS, flow.REASONING, flow.NUMBER_ANSWER)),
    oracle=oracle,
    support=supports,
    exemplars=exemplars_of(oracle, _exemplars()),
    generate=_generate,
    form=form_of,
    test_sets=_TEST_SETS,
    rewrites=Rewrites(
        kinds=MappingProxyType({"renaming": rewriting.rename, "reordering": rewriting.reorder}),
        certified=rewriting.certified,
    ),
)
