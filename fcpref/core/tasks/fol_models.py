"""Task `fol.models`: is a sentence true in a small world given as a table?"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.codec import structure
from fcpref.core.functions import Call, Toolbox, flow, models, show_call
from fcpref.core.logic import Atom, Exists, ForAll, Formula, evaluate, parse, show
from fcpref.core.logic.formulas import children
from fcpref.core.problems import models_rewriting as rewriting
from fcpref.core.problems.models import LABELS, ModelsSpec, generate, world_of
from fcpref.core.problems.models import TASK as NAME
from fcpref.core.scores.models import supports
from fcpref.core.tasks.task import Rewrites, Task, exemplars_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fcpref.core.problems import Problem, Split

_EXEMPLAR_SEED = 24_101_889
_EXEMPLAR_INDICES = (0, 1, 2, 3)  # depth 1 True, 1 False, 2 True, 2 False


def oracle(problem: Problem) -> tuple[str, ...]:
    """Build the sentence, parts before wholes, each part once, and answer what comes out."""
    if problem.claim is None:
        return ()
    sentence = parse(problem.claim.formula)
    calls = [_call(part) for part in dict.fromkeys(_inner_first(sentence))]
    truth = str(evaluate(sentence, world_of(problem)))
    calls.append(Call(function="Answer", keywords=(("value", truth),)))
    return tuple(show_call(call) for call in calls)


def _inner_first(formula: Formula) -> Iterator[Formula]:
    for part in children(formula):
        yield from _inner_first(part)
    yield formula


def _call(formula: Formula) -> Call:
    name = type(formula).__name__
    if isinstance(formula, Atom):
        return Call(function="Holds", keywords=(("atom", show(formula)),))
    parts = tuple(map(show, children(formula)))
    if isinstance(formula, ForAll | Exists):
        return Call(function=name, keywords=(("variable", formula.variable), ("body", parts[0])))
    return Call(function=name, keywords=tuple(zip("ab", parts, strict=False)))


def _generate(knobs: Mapping[str, object], seed: int, split: Split, index: int) -> Problem:
    return generate(structure(dict(knobs), ModelsSpec), seed=seed, split=split, index=index)


def _exemplars() -> tuple[Problem, ...]:
    return tuple(
        generate(ModelsSpec(), seed=_EXEMPLAR_SEED, split="train", index=index)
        for index in _EXEMPLAR_INDICES
    )


TASK = Task(
    name=NAME,
    summary="model checking: is a sentence True or False in a small world given as a table",
    toolbox=Toolbox(functions=(*models.FUNCTIONS, flow.REASONING, flow.choice_answer(LABELS))),
    oracle=oracle,
    support=supports,
    exemplars=exemplars_of(oracle, _exemplars()),
    generate=_generate,
    form=rewriting.form,
    test_sets={
        "held-out-templates": {"templates": "held_out"},
        "held-out-vocabulary": {"vocabulary": "held_out"},
        "deep": {"min_quantifiers": 3, "max_quantifiers": 3, "connectives": 3},
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
