"""Length bias: what the length of a chain tells of its label.

A set whose chosen chains are longer teaches length first (Park et al., "Disentangling Length from
Quality in Direct Preference Optimization", arXiv 2403.19159).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from fcpref.core.pairs.findings import SAMPLE, LengthBias, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.pairs.findings import Finding

MAX_RATIO = 3.0
MAX_CORRELATION = 0.3
_LEAST_CHAINS = 4
_Z = NormalDist().inv_cdf(0.975)


def length_bias(chosen: Sequence[int], rejected: Sequence[int], unit: str) -> LengthBias:
    """Measure lengths of the chosen and of the rejected chains.

    Args:
        chosen: a length for each pair, at least one.
        rejected: the same of the rejected chains.
        unit: what they are counted in.
    """
    found = _correlation(chosen, rejected)
    return LengthBias(
        unit=unit,
        pairs=len(chosen),
        chosen=sum(chosen) / len(chosen),
        rejected=sum(rejected) / len(rejected),
        correlation=found,
        interval=None if found is None else _interval(found, len(chosen) + len(rejected)),
    )


def biased(bias: LengthBias) -> Iterator[Finding]:
    """Yield what is wrong with the lengths of a set, if anything."""
    chosen, rejected = bias.chosen, bias.rejected
    ratio = max(chosen, rejected) / max(min(chosen, rejected), 1e-9)
    if ratio > MAX_RATIO:
        longer, shorter = ("rejected", "chosen") if rejected > chosen else ("chosen", "rejected")
        text = (
            f"{longer} chains have {_times(ratio)} the {bias.unit} of {shorter} ones; balance "
            "lengths"
        )
        yield warning("length_bias", "", text)
        return
    if bias.correlation is None or bias.interval is None or bias.pairs < SAMPLE:
        return
    low, high = bias.interval
    if abs(bias.correlation) >= MAX_CORRELATION and not low <= 0 <= high:
        side = "chosen" if bias.correlation > 0 else "rejected"
        text = (
            f"length in {bias.unit} tells the label: r = {bias.correlation:.2f} (95% {low:.2f} to "
            f"{high:.2f}), {side} chains are longer; cap pairs by length or add pairs the other way"
        )
        yield warning("length_bias", "", text)


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 1e6 else "all"  # noqa: PLR2004 - nothing on one side


def _correlation(chosen: Sequence[int], rejected: Sequence[int]) -> float | None:
    # In whole numbers, so that equal lengths are seen to be equal and the order does not matter.
    n, first, second = len(chosen), sum(chosen), sum(rejected)
    squares = sum(x * x for x in chosen) + sum(x * x for x in rejected)
    spread = 2 * n * squares - (first + second) ** 2
    if spread <= 0:
        return None
    return max(-1.0, min(1.0, (first - second) / math.sqrt(spread)))


def _interval(correlation: float, chains: int) -> tuple[float, float] | None:
    if chains < _LEAST_CHAINS:
        return None
    if abs(correlation) == 1:
        return correlation, correlation
    middle, half = math.atanh(correlation), _Z / math.sqrt(chains - 3)
    return math.tanh(middle - half), math.tanh(middle + half)
