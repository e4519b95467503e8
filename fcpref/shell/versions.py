"""Versions of libraries that the results of calls depend on, such as z3's."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.problems import Problem


def installed(name: str) -> str:
    """Return the version of a distribution, or ``not installed``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def versions_of(problems: Iterable[Problem]) -> dict[str, str]:
    """Return the versions of the libraries that the results of calls on problems depend on.

    They stand in the header of whatever is made by executing such calls; for most tasks there are
    none.
    """
    tasks = {problem.task for problem in problems}
    names = {name for task in tasks for name in find_task(task).libraries}
    return {name: installed(name) for name in sorted(names)}


def redone(versions: Mapping[str, str]) -> dict[str, object]:
    """Return what makes a piece of work another one under other versions."""
    return {"versions": dict(versions)} if versions else {}
