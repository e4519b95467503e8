"""The problems of a probe: of the dev split, and none that is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.pairs.lint_overlap import same_form, same_text
from fcpref.core.problems import normalised, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.core.problems import Problem
    from fcpref.core.training.probes import ProbeSpec

_TRIES_A_PROBLEM = 20


def generated_probe(
    spec: ProbeSpec, task: str, trained: Mapping[str, Problem]
) -> tuple[Problem, ...]:
    """Return new problems of the dev split; none is one that is trained on, or one in disguise.

    Args:
        spec: how many, and what the generator is told.
        task: the task's name.
        trained: the problems that are trained on, by id.

    Raises:
        UsageError: the task has no generator or no such knob, or there are too few problems.
    """
    found = find_task(task)
    if found.generate is None:
        raise UsageError(
            f"{task} has no generator: set probe.problems to the id of problems of its dev split"
        )
    kept: dict[str, Problem] = {}
    for start in range(0, _TRIES_A_PROBLEM * spec.count, spec.count):
        try:
            some = [
                found.generate(spec.knobs, spec.seed, "dev", index)
                for index in range(start, start + spec.count)
            ]
        except CodecError as error:
            raise UsageError(f"{task}: probe.knobs cannot be used: {error}") from None
        twins = twins_of(some, trained)
        for problem in some:
            if problem_id(problem) not in twins:
                kept.setdefault(normalised(problem.text), problem)
        if len(kept) >= spec.count:
            return tuple(kept.values())[: spec.count]
    raise UsageError(
        f"{task}: only {len(kept)} probe problems found that are not trained on; set probe.count "
        "lower or loosen probe.knobs"
    )


def checked_probe(
    spec: ProbeSpec, given: Sequence[Problem], trained: Mapping[str, Problem]
) -> tuple[Problem, ...]:
    """Return the first of given problems.

    Args:
        spec: how many.
        given: the problems.
        trained: as of `generated_probe`.

    Raises:
        UsageError: there are too few, or one is of the test split or is trained on.
    """
    chosen = tuple(given)[: spec.count]
    if len(chosen) < spec.count:
        raise UsageError(
            f"probe.problems has {len(chosen)} problems, {spec.count} are wanted; set probe.count "
            "lower"
        )
    if any(problem.split == "test" for problem in chosen):
        raise UsageError(
            "probe.problems has problems of the test split, which would choose the weights that "
            "are tested on it; give problems of the dev split"
        )
    if twins := twins_of(chosen, trained):
        raise UsageError(
            f"probe.problems has {len(twins)} problems that are trained on, maybe in other words; "
            "give others"
        )
    return chosen


def twins_of(problems: Iterable[Problem], trained: Mapping[str, Problem]) -> set[str]:
    """Return the ids of problems that are trained on as they are, in other words or disguised."""
    own = {problem_id(problem): problem for problem in problems}
    every = {**trained, **own}
    same = (same_text(own, trained, every), same_form(own, trained, every))
    return {one for found in same for one in found}
