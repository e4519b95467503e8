"""The tasks, one line each."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.tasks import (
    fol_deduction,
    fol_folio,
    fol_forms,
    fol_models,
    math_algebra,
    math_gsm8k,
    math_word,
)
from fcpref.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.tasks.task import Task

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            fol_deduction.TASK,
            fol_models.TASK,
            fol_forms.TASK,
            fol_folio.TASK,
            math_word.TASK,
            math_algebra.TASK,
            math_gsm8k.TASK,
        )
    }
)


def find_task(name: str) -> Task:
    """Return a task by name.

    Raises:
        UsageError: there is no such task; the message lists those there are.
    """
    if name not in TASKS:
        message = f"unknown task {name!r}; there are {', '.join(TASKS)}"
        raise UsageError(message)
    return TASKS[name]
