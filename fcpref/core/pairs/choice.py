"""Which of several correct chains is the best, and which incorrect one the hardest to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import replies_of
from fcpref.core.prefixes import shared_length
from fcpref.core.scores import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.scores import ScoredChain

_CLOSEST = (
    Verdict.UNSUPPORTED,
    Verdict.WRONG_ANSWER,
    Verdict.LIMIT,
    Verdict.NO_ANSWER,
    Verdict.MALFORMED,
)


def best_first(item: ScoredChain) -> tuple[int, int]:
    """Sort chains of one problem: fewest failed calls, then fewest calls."""
    return sum(code is not None for code in item.score.codes), len(item.chain.turns)


def hardest(chosen: ScoredChain, rejected: Sequence[ScoredChain]) -> ScoredChain:
    """Return the incorrect chain that is hardest to tell from a correct one of the same problem.

    It shares the longest beginning; of several, it came closest to a correct end: a right answer
    without support before a wrong one, before none. Of several still, the first.

    Args:
        chosen: the correct chain.
        rejected: the incorrect ones, at least one.
    """
    begun = replies_of(chosen.chain)

    def rank(item: ScoredChain) -> tuple[int, int]:
        return -shared_length(begun, replies_of(item.chain)), _CLOSEST.index(item.score.verdict)

    return min(rejected, key=rank)
