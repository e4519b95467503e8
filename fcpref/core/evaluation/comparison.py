"""Before and after: two models' trials on the same problems."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.evaluation.intervals import Interval, cluster_bootstrap
from fcpref.core.evaluation.paired import PairedTest, mcnemar, wilcoxon
from fcpref.core.evaluation.trials import Metric, ProblemTrials, Trial, by_problem
from fcpref.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.evaluation.intervals import Stream

# Means of fewer samples take too few values for ranks to say more than McNemar's signs.
WILCOXON_SAMPLES = 4


@frozen(kw_only=True)
class Difference:
    """A difference of shares (after less before), in [-1, 1], with its confidence interval."""

    value: float
    interval: Interval


@frozen(kw_only=True)
class Comparison:
    """Two models on the same problems. A test that does not apply is None beside its reason.

    Attributes:
        label: what is compared, such as "base -> DPO".
        metric: which share: of ``correct`` chains, or of ``right`` answers.
        problems: number of problems, at least 1.
        samples: chains for each problem and model; 1 for greedy decoding.
        before: the share before, in [0, 1].
        after: the share after, in [0, 1].
        difference: after less before, with a cluster bootstrap interval.
        mcnemar: exact test on greedy outcomes.
        mcnemar_skipped: why there is none, or "".
        wilcoxon: test on the problems' means over samples.
        wilcoxon_skipped: why there is none, or "".
    """

    label: str
    metric: Metric
    problems: int
    samples: int
    before: float
    after: float
    difference: Difference
    mcnemar: PairedTest | None
    mcnemar_skipped: str
    wilcoxon: PairedTest | None
    wilcoxon_skipped: str

    @property
    def test(self) -> PairedTest | None:
        """The test that applies; at most one of the two does."""
        return self.mcnemar or self.wilcoxon


def compare(
    label: str,
    before: Sequence[Trial],
    after: Sequence[Trial],
    stream: Stream,
    *,
    metric: Metric = "correct",
) -> Comparison:
    """Compare two models' trials on the same problems; the trials' order does not matter.

    Args:
        label: what is compared, such as "base -> DPO".
        before: the first model's trials.
        after: the second model's trials, with as many samples a problem.
        stream: for the bootstrap.
        metric: which share to compare.

    Raises:
        EvaluationError: the problems or the numbers of samples differ, or a set of trials does
            not fit together.
    """
    old, new = by_problem(before), by_problem(after)
    _check_same(old, new)
    samples = len(old[0].trials)
    old_counts = [math.fsum(group.outcomes(metric)) for group in old]
    new_counts = [math.fsum(group.outcomes(metric)) for group in new]
    gains = [(b - a) / samples for a, b in zip(old_counts, new_counts, strict=True)]
    greedy, ranked = samples == 1, samples >= WILCOXON_SAMPLES
    return Comparison(
        label=label,
        metric=metric,
        problems=len(old),
        samples=samples,
        before=sum(old_counts) / (len(old) * samples),
        after=sum(new_counts) / (len(old) * samples),
        difference=Difference(
            value=math.fsum(gains) / len(gains),
            interval=cluster_bootstrap([(gain,) for gain in gains], stream),
        ),
        mcnemar=mcnemar([c > 0 for c in old_counts], [c > 0 for c in new_counts])
        if greedy
        else None,
        mcnemar_skipped=""
        if greedy
        else f"McNemar's test needs one outcome a problem; there are {samples}",
        # As many samples for each problem: the counts rank as the means do, and tie exactly.
        wilcoxon=wilcoxon(old_counts, new_counts) if ranked else None,
        wilcoxon_skipped=""
        if ranked
        else f"Wilcoxon's test needs means of at least {WILCOXON_SAMPLES} samples a problem; "
        f"there {'is' if greedy else 'are'} {samples}",
    )


def _check_same(old: Sequence[ProblemTrials], new: Sequence[ProblemTrials]) -> None:
    odd = {group.problem for group in old} ^ {group.problem for group in new}
    if odd:
        raise EvaluationError(
            f"{len(odd)} problems have trials on one side only, {min(odd)!r} among them: "
            "compare on the same problems"
        )
    if len(old[0].trials) != len(new[0].trials):
        raise EvaluationError(
            f"{len(old[0].trials)} samples a problem before and {len(new[0].trials)} after: "
            "compare the same number of samples"
        )
    for one, other in zip(old, new, strict=True):
        if (one.family, one.difficulty) != (other.family, other.difficulty):
            raise EvaluationError(
                f"problem {one.problem!r} has another family or difficulty after than before"
            )
