"""What one model's trials come to: shares with intervals, and tables of verdicts and failures."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.evaluation.intervals import Interval, cluster_bootstrap, cluster_means, wilson
from fcpref.core.evaluation.trials import VERDICTS, Metric, ProblemTrials, Trial, by_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.evaluation.intervals import Stream


@frozen(kw_only=True)
class Share:
    """A share of successes, in [0, 1], with its confidence interval."""

    value: float
    interval: Interval


@frozen(kw_only=True)
class Stratum:
    """The problems that share a difficulty or a family.

    Attributes:
        label: the difficulty (as text) or the family.
        problems: number of problems.
        correct: share of chains whose answer is right and supported.
        right: share of chains whose answer is right.
    """

    label: str
    problems: int
    correct: Share
    right: Share


@frozen(kw_only=True)
class Count:
    """How often a verdict or failure code occurs."""

    label: str
    count: int


@frozen(kw_only=True)
class EvaluationSummary:
    """One model's trials on one set of problems.

    Attributes:
        problems: number of problems, at least 1.
        samples: chains for each problem; 1 for greedy decoding.
        correct: share of chains whose answer is right and supported.
        right: share of chains whose answer is right, supported or not.
        by_difficulty: the same by difficulty, ascending.
        by_family: the same by family, in alphabetical order.
        verdicts: number of chains for each verdict, in the order of ``VERDICTS``, zeros included.
        failures: number of failed calls for each failure code that occurs, most frequent first.
        calls_per_chain: mean number of calls, failed ones included.
        tokens_per_chain: mean number of tokens written.
        failed_calls: share of calls that failed, in [0, 1]; 0 when there are no calls.
    """

    problems: int
    samples: int
    correct: Share
    right: Share
    by_difficulty: tuple[Stratum, ...]
    by_family: tuple[Stratum, ...]
    verdicts: tuple[Count, ...]
    failures: tuple[Count, ...]
    calls_per_chain: float
    tokens_per_chain: float
    failed_calls: float


def summarise(trials: Sequence[Trial], stream: Stream) -> EvaluationSummary:
    """Summarise one model's trials; their order does not matter.

    Args:
        trials: the same number of samples for each problem.
        stream: for the bootstrap; not touched when there is one sample a problem.

    Raises:
        EvaluationError: there are no trials, or they do not fit together.
    """
    groups = by_problem(trials)
    verdicts = Counter(trial.verdict for trial in trials)
    failures = Counter(code for trial in trials for code in trial.codes)
    calls = sum(trial.calls for trial in trials)
    families = sorted({group.family for group in groups})
    difficulties = sorted({group.difficulty for group in groups})
    return EvaluationSummary(
        problems=len(groups),
        samples=len(groups[0].trials),
        correct=share(groups, "correct", stream),
        right=share(groups, "right", stream),
        by_difficulty=tuple(
            _stratum(str(level), (g for g in groups if g.difficulty == level), stream)
            for level in difficulties
        ),
        by_family=tuple(
            _stratum(family, (g for g in groups if g.family == family), stream)
            for family in families
        ),
        verdicts=tuple(Count(label=verdict, count=verdicts[verdict]) for verdict in VERDICTS),
        failures=tuple(
            Count(label=code, count=count)
            for code, count in sorted(failures.items(), key=lambda item: (-item[1], item[0]))
        ),
        calls_per_chain=calls / len(trials),
        tokens_per_chain=sum(trial.tokens for trial in trials) / len(trials),
        failed_calls=failures.total() / calls if calls else 0.0,
    )


def share(groups: Sequence[ProblemTrials], metric: Metric, stream: Stream) -> Share:
    """Return the share of chains that succeed.

    The interval is Wilson's for one sample a problem and a cluster bootstrap for more. Where every
    problem has the same share (all solved, say) a bootstrap has width 0 and claims too much; then
    it is Wilson's with one trial a problem, which is the cautious end of what the samples are
    worth.
    """
    outcomes = [group.outcomes(metric) for group in groups]
    means = cluster_means(outcomes)
    value = math.fsum(means) / len(means)
    if len(outcomes[0]) == 1:
        interval = wilson(value * len(means), len(means))
    elif min(means) == max(means):
        interval = wilson(means[0] * len(means), len(means))
        interval = evolve(interval, method="Wilson on problems")
    else:
        interval = cluster_bootstrap(outcomes, stream)
    return Share(value=value, interval=interval)


def _stratum(label: str, members: Iterable[ProblemTrials], stream: Stream) -> Stratum:
    groups = tuple(members)
    return Stratum(
        label=label,
        problems=len(groups),
        correct=share(groups, "correct", stream),
        right=share(groups, "right", stream),
    )
