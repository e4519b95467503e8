"""Confidence intervals: Wilson's for a share, a cluster bootstrap for a mean."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from fcpref.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attrs import Attribute

LEVEL = 0.95
RESAMPLES = 2000


class Stream(Protocol):
    """A source of uniform numbers, such as `fcpref.core.seeds.derive` returns."""

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        ...


@frozen(kw_only=True)
class Interval:
    """A two-sided confidence interval, in the unit of what it is about.

    Attributes:
        low: lower end.
        high: upper end, at least ``low``.
        level: nominal coverage, in (0, 1).
        method: how it was found, in words.
    """

    low: float
    high: float = field()
    level: float
    method: str

    @high.validator
    def _ordered(self, _: Attribute[float], high: float) -> None:
        if not (math.isfinite(self.low) and math.isfinite(high) and self.low <= high):
            raise EvaluationError(f"an interval cannot run from {self.low} to {high}")


def wilson(successes: float, total: int, *, level: float = LEVEL) -> Interval:
    """Return Wilson's score interval for a share.

    Unlike the normal interval it stays inside [0, 1] and has a width at 0 and at ``total``.

    Args:
        successes: in [0, total]; need not be whole.
        total: number of independent trials, at least 1.
        level: nominal coverage, in (0, 1).

    Raises:
        EvaluationError: an argument is outside its range.

    Source: Wilson (1927), JASA 22, 209-212; without continuity correction.
    """
    _check_level(level)
    if total < 1 or not 0 <= successes <= total:
        raise EvaluationError(
            f"{successes} of {total} is not a share: give 0 to total of at least 1 trial"
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    spread = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # The ends meet 0, 1 and the share itself exactly; rounding must not push them past it.
    low = min(max(0.0, centre - spread), share)
    high = max(min(1.0, centre + spread), share)
    return Interval(low=low, high=high, level=level, method="Wilson")


def cluster_bootstrap(
    clusters: Sequence[Sequence[float]],
    stream: Stream,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the percentile bootstrap interval of the mean of the clusters' means.

    Whole clusters are drawn with replacement, as the samples of one problem are not independent.
    Every cluster counts the same. For a mean difference, give each problem's difference
    (or its differences) as its cluster.

    Args:
        clusters: one sequence of finite values for each problem, none empty.
        stream: where the draws come from; it is advanced ``len(clusters) * resamples`` times.
        level: nominal coverage, in (0, 1).
        resamples: number of bootstrap replicates, at least 1.

    Returns:
        The interval. Clusters with equal means give one of width 0: resampling sees no variation,
        which is no proof that there is none.

    Raises:
        EvaluationError: no cluster, an empty one, a value that is not finite, or an argument
            outside its range.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, sections 8.3 and 13.3.
    """
    _check_level(level)
    if resamples < 1:
        raise EvaluationError(f"{resamples} resamples give no interval: ask for at least 1")
    means = cluster_means(clusters)
    size = len(means)
    replicates = sorted(
        math.fsum([means[int(stream.random() * size)] for _ in range(size)]) / size
        for _ in range(resamples)
    )
    tail = (1 - level) / 2
    return Interval(
        low=_quantile(replicates, tail),
        high=_quantile(replicates, 1 - tail),
        level=level,
        method="cluster bootstrap",
    )


def cluster_means(clusters: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return each cluster's mean.

    Raises:
        EvaluationError: no cluster, an empty one, or a value that is not finite.
    """
    if not clusters or not all(clusters):
        raise EvaluationError("a mean needs at least one problem and at least one sample of each")
    means = tuple(math.fsum(cluster) / len(cluster) for cluster in clusters)
    if not all(map(math.isfinite, means)):
        raise EvaluationError("a mean needs finite values")
    return means


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Interpolate linearly between order statistics (Hyndman and Fan's type 7)."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _check_level(level: float) -> None:
    # The second half also turns away a level so near 1 that its normal quantile is infinite.
    if not (level > 0 and (1 + level) / 2 < 1):
        raise EvaluationError(f"a confidence level of {level} is not between 0 and 1")
