"""Paired tests: has a model changed on the same problems?"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Beyond these numbers of differences scipy's `method="auto"` takes the normal approximation; the
# same choice lets readers check a p-value with the library that they have.
EXACT_PAIRS = 50
EXACT_PAIRS_WITH_TIES = 13

Test = Literal["Wilcoxon signed-rank", "McNemar"]
Method = Literal["exact", "normal approximation", "no differences"]


@frozen(kw_only=True)
class PairedTest:
    """The result of a two-sided test on pairs.

    Attributes:
        test: which test.
        method: how the p-value was found.
        pairs: number of pairs, the unchanged ones included.
        gained: pairs where ``after`` is greater.
        lost: pairs where ``before`` is greater.
        statistic: Wilcoxon: the smaller sum of ranks; McNemar: the smaller discordant count.
        p_value: in (0, 1].
        effect: in [-1, 1] (McNemar: [-0.5, 0.5]); positive where ``after`` is greater.
        effect_name: the effect size's name.
    """

    test: Test
    method: Method
    pairs: int
    gained: int
    lost: int
    statistic: float
    p_value: float
    effect: float
    effect_name: str


def wilcoxon(before: Sequence[float], after: Sequence[float]) -> PairedTest:
    """Test whether paired values differ, by Wilcoxon's signed ranks, two-sided.

    Zero differences are dropped first (Wilcoxon's own zero method, scipy's ``wilcox``), equal
    differences share their mean rank. The p-value is exact where scipy's is: up to 50 differences
    without ties, up to 13 with ties; otherwise it is the normal approximation, corrected
    for ties and, as scipy's, not for continuity. No difference at all gives p = 1 and statistic 0,
    where scipy gives NaN.

    The effect size is the matched-pairs rank-biserial correlation, (W+ - W-) / (W+ + W-): 1 when
    every difference is a gain, -1 when every one is a loss.

    Args:
        before: one finite value for each problem. Give counts of successes and not means:
            3/10 - 1/10 and 2/10 - 0 are one difference and should tie, and as floats they do not.
        after: the values of the same problems, in the same order.

    Raises:
        EvaluationError: the lengths differ, are 0, or a difference is not finite.

    Source: Wilcoxon (1945), Biometrics Bulletin 1, 80-83; Kerby (2014), Comprehensive Psychology 3,
    for the effect size.
    """
    _check_pairs(before, after)
    differences = [new - old for old, new in zip(before, after, strict=True) if new != old]
    if not all(map(math.isfinite, differences)):
        raise EvaluationError("paired values have to be finite, and so do their differences")
    ranks = _mean_ranks([abs(difference) for difference in differences])
    rises = math.fsum(r for r, d in zip(ranks, differences, strict=True) if d > 0)
    falls = math.fsum(r for r, d in zip(ranks, differences, strict=True) if d < 0)
    p_value, method = _signed_rank_p(ranks, min(rises, falls))
    gained = sum(difference > 0 for difference in differences)
    return PairedTest(
        test="Wilcoxon signed-rank",
        method=method,
        pairs=len(before),
        gained=gained,
        lost=len(differences) - gained,
        statistic=min(rises, falls),
        p_value=p_value,
        effect=(rises - falls) / (rises + falls) if differences else 0.0,
        effect_name="rank-biserial correlation",
    )


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> PairedTest:
    """Test whether paired outcomes differ, by McNemar's test, exact and two-sided.

    Under the hypothesis of no change a discordant pair is a gain or a loss with equal chance, so
    the p-value is twice the lower binomial tail, at most 1. No discordant pair gives p = 1.

    The effect size is Cohen's g with a sign: the gains' share of the discordant pairs, less a half.

    Args:
        before: one outcome for each problem.
        after: the outcomes of the same problems, in the same order.

    Raises:
        EvaluationError: the lengths differ or are 0.

    Source: McNemar (1947), Psychometrika 12, 153-157; Cohen (1988), chapter 5, for g.
    """
    _check_pairs(before, after)
    gained = sum(new and not old for old, new in zip(before, after, strict=True))
    lost = sum(old and not new for old, new in zip(before, after, strict=True))
    discordant = gained + lost
    return PairedTest(
        test="McNemar",
        method="exact" if discordant else "no differences",
        pairs=len(before),
        gained=gained,
        lost=lost,
        statistic=float(min(gained, lost)),
        p_value=_sign_p(min(gained, lost), discordant),
        effect=(gained - lost) / (2 * discordant) if discordant else 0.0,
        effect_name="Cohen's g",
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values such that the chance of any false claim among them stays at the level.

    Args:
        p_values: in [0, 1], in any order.

    Returns:
        Adjusted p-values in the order given, none below its own, at most 1.

    Raises:
        EvaluationError: a value is outside [0, 1].

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise EvaluationError(f"p-values lie between 0 and 1, and these do not: {tuple(p_values)}")
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return tuple(adjusted)


def _check_pairs(before: Sequence[object], after: Sequence[object]) -> None:
    if len(before) != len(after) or not before:
        raise EvaluationError(
            f"a paired test needs pairs, and got {len(before)} and {len(after)} values"
        )


def _mean_ranks(values: Sequence[float]) -> list[float]:
    """Rank from 1; equal values share the mean of their ranks."""
    rank_of: dict[float, float] = {}
    below = 0
    for value, count in sorted(Counter(values).items()):
        rank_of[value] = below + (count + 1) / 2
        below += count
    return [rank_of[value] for value in values]


def _signed_rank_p(ranks: Sequence[float], smaller: float) -> tuple[float, Method]:
    """Return the two-sided p-value of the smaller rank sum, and how it was found."""
    if not ranks:
        return 1.0, "no differences"
    ties = len(set(ranks)) < len(ranks)
    if len(ranks) <= (EXACT_PAIRS_WITH_TIES if ties else EXACT_PAIRS):
        return _exact_p(ranks, smaller), "exact"
    return _approximate_p(ranks, smaller), "normal approximation"


def _exact_p(ranks: Sequence[float], smaller: float) -> float:
    """Count the sign patterns whose positive ranks sum to no more than the smaller sum."""
    # Mean ranks are halves: doubled, they and their sums are whole numbers.
    doubled = [round(2 * rank) for rank in ranks]
    patterns = [1] + [0] * round(2 * smaller)  # patterns[total]: subsets of ranks with that sum
    for rank in doubled:
        for total in range(len(patterns) - 1, rank - 1, -1):
            patterns[total] += patterns[total - rank]
    return min(1.0, 2 * sum(patterns) / (1 << len(ranks)))


def _approximate_p(ranks: Sequence[float], smaller: float) -> float:
    """Refer the smaller sum to the normal distribution.

    Given the ranks, each is positive with chance one half, so the variance is a quarter of the sum
    of their squares; that is the usual formula with its correction for ties.
    """
    below = math.fsum(ranks) / 2 - smaller
    deviation = math.sqrt(math.fsum(rank * rank for rank in ranks)) / 2
    return math.erfc(below / deviation / math.sqrt(2))


def _sign_p(smaller: int, total: int) -> float:
    """Return the two-sided binomial p-value at one half, in whole numbers up to the division."""
    tail = term = 1
    for successes in range(smaller):
        term = term * (total - successes) // (successes + 1)
        tail += term
    return min(1.0, 2 * tail / (1 << total))
