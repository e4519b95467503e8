"""Tasks: a family of problems with its functions, worked examples, oracle and support rule."""

from fcpref.core.tasks.catalog import TASKS, find_task
from fcpref.core.tasks.completion import Completion, complete, corrected
from fcpref.core.tasks.rewriting import Drop, rewritten
from fcpref.core.tasks.slips import with_slips
from fcpref.core.tasks.task import (
    POLICIES,
    REWRITES,
    Policy,
    Rewrite,
    Rewrites,
    Task,
    exemplars_of,
)

__all__ = [
    "POLICIES",
    "REWRITES",
    "TASKS",
    "Completion",
    "Drop",
    "Policy",
    "Rewrite",
    "Rewrites",
    "Task",
    "complete",
    "corrected",
    "exemplars_of",
    "find_task",
    "rewritten",
    "with_slips",
]
