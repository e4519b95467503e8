"""Support rule of deduction: the claim or its negation was derived, or nothing more follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic import negate, parse, show
from fcpref.core.scores.trace import trace

if TYPE_CHECKING:
    from fcpref.core.functions import Memory


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the deriving calls; for Unknown all of them, and that of `Saturated`."""
    asked = memory.problem.claim
    if asked is None:
        return None
    claim = parse(asked.formula)
    derived = {fact.key for fact in memory.facts}
    established = {"True": show(claim), "False": show(negate(claim))}
    if memory.answer in established:
        key = established[memory.answer]
        return trace(key, memory) if key in derived else None
    if memory.saturated is None or derived & set(established.values()):
        return None
    return tuple(sorted({*(fact.call for fact in memory.facts), memory.saturated}))
