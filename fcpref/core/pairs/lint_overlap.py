"""Problems that are in two splits under two ids: the same text, or the same in disguise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.problems import normalised
from fcpref.core.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from fcpref.core.problems import Problem


def same_text(
    used: Collection[str], held_out: Collection[str], problems: Mapping[str, Problem]
) -> dict[str, str]:
    """Return, for each problem whose text a held-out one has, that one's id.

    Args:
        used: ids of problems with pairs.
        held_out: ids of problems that must not be trained on.
        problems: by id; an id that is not there is passed over.
    """
    return _twins(used, held_out, problems, lambda one: normalised(one.text))


def same_form(
    used: Collection[str], held_out: Collection[str], problems: Mapping[str, Problem]
) -> dict[str, str]:
    """Return, for each problem whose canonical form a held-out one has, that one's id.

    Arguments are as in `same_text`. Tasks without a form have none of these.
    """
    return _twins(used, held_out, problems, _form)


def _form(problem: Problem) -> object:
    task = TASKS.get(problem.task)
    form = None if task is None or task.form is None else task.form(problem)
    return None if form is None else (problem.task, form)


def _twins(
    used: Iterable[str],
    held_out: Iterable[str],
    problems: Mapping[str, Problem],
    key: Callable[[Problem], object],
) -> dict[str, str]:
    others = _twins_by(held_out, problems, key)
    if not others:
        return {}
    found = {}
    for one in used:
        mark = key(problems[one]) if one in problems else None
        if mark is not None and mark in others:
            found[one] = others[mark]
    return found


def _twins_by(
    ids: Iterable[str], problems: Mapping[str, Problem], key: Callable[[Problem], object]
) -> dict[object, str]:
    found: dict[object, str] = {}
    for one in sorted(ids):
        if one in problems and (mark := key(problems[one])) is not None:
            found.setdefault(mark, one)
    return found
