"""Task `math.algebra`: equations, systems, fractions, percentages and sequences."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Toolbox, algebra, arithmetic, flow
from fcpref.core.problems import algebra_rewriting as rewriting
from fcpref.core.problems.algebra import TASK as NAME
from fcpref.core.problems.algebra import AlgebraSpec, form_of, generate
from fcpref.core.scores.algebra import supports
from fcpref.core.tasks.algebra_solution import oracle
from fcpref.core.tasks.task import Rewrites, Task, exemplars_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems import Problem, Split

_EXEMPLAR_SEED = 24_101_889
_EXEMPLAR_INDICES = (0, 4, 6, 3)  # an equation, a sequence, a system, a percentage
_TEST_SETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "held-out-templates": MappingProxyType({"templates": "held_out"}),
        # Fractions and sequences have no words to hold out.
        "held-out-vocabulary": MappingProxyType(
            {"vocabulary": "held_out", "kinds": ("linear", "system", "percent")}
        ),
        "deep": MappingProxyType(
            {
                "kinds": ("system", "fraction", "percent"),
                "min_level": 4,
                "max_level": 5,
                "unknowns": 3,
            }
        ),
    }
)
_NUMBERS = ("Add", "Subtract", "Multiply", "Divide", "Power", "Percent")


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), AlgebraSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    return tuple(
        generate(AlgebraSpec(), seed=_EXEMPLAR_SEED, split="train", index=index)
        for index in _EXEMPLAR_INDICES
    )


TASK = Task(
    name=NAME,
    summary="linear equations and systems, fractions, percentages and sequences, solved in steps",
    toolbox=Toolbox(
        functions=(
            *algebra.FUNCTIONS,
            *(one for one in arithmetic.FUNCTIONS if one.signature.name in _NUMBERS),
            flow.REASONING,
            flow.NUMBER_ANSWER,
        )
    ),
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
