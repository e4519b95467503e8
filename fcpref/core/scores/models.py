"""Support rule of models: the last sentence built is the asked one, up to bound names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.functions.models import is_sentence
from fcpref.core.logic import alpha_equivalent, parse
from fcpref.core.scores.trace import trace

if TYPE_CHECKING:
    from fcpref.core.functions import Memory


def supports(memory: Memory) -> tuple[int, ...] | None:
    """Return the calls that build the asked sentence, when it is what the answer is about.

    The answer is about the last expression without free variables, so building several sentences
    and guessing between them supports nothing.
    """
    asked = memory.problem.claim
    sentences = [fact.key for fact in memory.facts if is_sentence(fact.key, memory.problem)]
    if asked is None or not sentences:
        return None
    built = sentences[-1]
    return trace(built, memory) if alpha_equivalent(parse(built), parse(asked.formula)) else None
