"""Support rule of forms: the answer was reached by rewrites, and is in the form asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.functions.forms import reached
from fcpref.core.logic import parse
from fcpref.core.logic.steps import FORMS
from fcpref.core.problems.forms import target_of
from fcpref.core.scores.trace import trace

if TYPE_CHECKING:
    from fcpref.core.functions import Memory


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the rewrites that lead from the given sentence to the answered one."""
    if memory.problem.claim is None or not memory.final:
        return None
    answered = parse(memory.final)
    key = reached(answered, memory)
    if key is None or not FORMS[target_of(memory.problem)](answered):
        return None
    return trace(key, memory)
