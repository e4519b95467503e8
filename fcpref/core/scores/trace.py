"""Which calls an established fact rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fcpref.core.functions import Memory


def trace(key: str, memory: Memory) -> tuple[int, ...]:
    """Return the indices of the calls that a fact rests on, in order; empty when it is given."""
    calls: set[int] = set()
    wanted = [(key, memory.steps)]
    while wanted:
        name, before = wanted.pop()
        fact = next((f for f in memory.facts if f.key == name and f.call < before), None)
        if fact is not None and fact.call not in calls:
            calls.add(fact.call)
            wanted.extend((use, fact.call) for use in fact.uses)
    return tuple(sorted(calls))
