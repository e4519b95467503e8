"""Meaning-preserving rewrites of problems, verified before they become data.

A rewrite keeps task, split, gold answer, difficulty and canonical form; the family certifies it,
and the oracle solves it to a chain that scores correct.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.chains import Limits
from fcpref.core.problems import normalised, problem_id
from fcpref.core.seeds import derive
from fcpref.core.tasks.task import REWRITES

if TYPE_CHECKING:
    from collections.abc import Collection

    from fcpref.core.problems import Problem
    from fcpref.core.tasks.task import Rewrite, Task

TAG = "rewritten"


class Drop(StrEnum):
    """Why a problem has no rewrite."""

    NONE = "no such rewrite"
    SAME = "the same text"
    CHANGED = "another answer, split or difficulty"
    FORM = "another canonical form"
    LABEL = "not certified"
    UNSOLVED = "not solved by the oracle"


def rewritten(
    task: Task, problem: Problem, kinds: Collection[Rewrite], seed: int, copy: int
) -> Problem | Drop:
    """Rewrite a problem in all of the ways that it allows of, and verify the result.

    Args:
        task: the problem's.
        problem: the problem.
        kinds: the ways that are wanted.
        seed: of the choices.
        copy: number of the rewrite among those of this problem, from 0.

    Returns:
        The rewritten problem, with a tag ``rewritten:KIND`` for each way that was taken, or why
        there is none.
    """
    offered = task.rewrites
    if offered is None:
        return Drop.NONE
    made, taken = problem, []
    for kind in REWRITES:
        if kind not in kinds or kind not in offered.kinds:
            continue
        stream = derive(seed, "rewrite", problem_id(problem), copy, kind)
        new = offered.kinds[kind](made, stream)
        if new is not None and new.text != made.text:
            made = new
            taken.append(f"{TAG}:{kind}")
    if not taken:
        return Drop.NONE
    if normalised(made.text) == normalised(problem.text):
        return Drop.SAME
    reason = _reason(task, problem, made)
    if reason is not None:
        return reason
    before = (tag for tag in made.tags if tag not in taken)
    return evolve(made, tags=(*before, *taken))


def _reason(task: Task, before: Problem, after: Problem) -> Drop | None:
    """Return why a rewrite is not to be used, if it is not."""
    offered = task.rewrites
    if offered is None:
        return Drop.NONE
    for name in ("task", "split", "index", "difficulty", "gold"):
        if getattr(before, name) != getattr(after, name):
            return Drop.CHANGED
    if task.form is None or task.form(before) != task.form(after):
        return Drop.FORM
    if not offered.certified(after, before):
        return Drop.LABEL
    chain = task.oracle_chain(after, Limits())
    return None if task.score(chain, after).correct else Drop.UNSOLVED
