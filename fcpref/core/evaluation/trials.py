"""Trials: what one chain of one model on one problem came to, and their grouping by problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import ge

from fcpref.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attrs import Attribute

VERDICTS = ("correct", "unsupported", "wrong_answer", "limit", "malformed", "no_answer")
RIGHT = frozenset({"correct", "unsupported"})

Metric = Literal["correct", "right"]


@frozen(kw_only=True)
class Trial:
    """One chain, scored.

    Attributes:
        problem: the problem's id.
        family: the problem's family.
        difficulty: the problem's difficulty (depth or number of steps), at least 0.
        sample: index among the chains of this model on this problem, at least 0.
        verdict: one of ``VERDICTS``.
        codes: failure code of each failed call, in order.
        calls: number of calls in the chain, failed ones included, at least ``len(codes)``.
        tokens: number of tokens that the model wrote, at least 0.
    """

    problem: str
    family: str
    difficulty: int = field(validator=ge(0))
    sample: int = field(validator=ge(0))
    verdict: str = field()
    codes: tuple[str, ...]
    calls: int = field()
    tokens: int = field(validator=ge(0))

    @verdict.validator
    def _known(self, _: Attribute[str], verdict: str) -> None:
        if verdict not in VERDICTS:
            raise EvaluationError(f"verdict {verdict!r} is none of {', '.join(VERDICTS)}")

    @calls.validator
    def _enough(self, _: Attribute[int], calls: int) -> None:
        if calls < len(self.codes):
            raise EvaluationError(
                f"{len(self.codes)} of {calls} calls failed in a trial of {self.problem!r}"
            )

    def succeeds(self, metric: Metric) -> bool:
        """Say whether the answer is right and, for ``correct``, supported as well."""
        return self.verdict == "correct" if metric == "correct" else self.verdict in RIGHT


@frozen(kw_only=True)
class ProblemTrials:
    """All trials of one model on one problem, by sample index; at least one."""

    trials: tuple[Trial, ...]

    @property
    def problem(self) -> str:
        """The problem's id."""
        return self.trials[0].problem

    @property
    def family(self) -> str:
        """The problem's family."""
        return self.trials[0].family

    @property
    def difficulty(self) -> int:
        """The problem's difficulty."""
        return self.trials[0].difficulty

    def outcomes(self, metric: Metric) -> tuple[float, ...]:
        """Return 1.0 for each sample that succeeds and 0.0 for each other one."""
        return tuple(float(trial.succeeds(metric)) for trial in self.trials)


def by_problem(trials: Sequence[Trial]) -> tuple[ProblemTrials, ...]:
    """Group one model's trials by problem, sorted, whatever order they come in.

    Raises:
        EvaluationError: there are none; a sample is given twice; problems have different numbers
            of samples; or a problem has two families or difficulties.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.problem, trial.sample)):
        groups.setdefault(trial.problem, []).append(trial)
    if not groups:
        raise EvaluationError("there are no trials to summarise")
    samples = len(next(iter(groups.values())))
    for problem, group in groups.items():
        if len({trial.sample for trial in group}) < len(group):
            raise EvaluationError(f"problem {problem!r} has the same sample twice")
        if len({(trial.family, trial.difficulty) for trial in group}) > 1:
            raise EvaluationError(f"problem {problem!r} has more than one family or difficulty")
        if len(group) != samples:
            raise EvaluationError(
                f"problem {problem!r} has {len(group)} samples where another has {samples}"
            )
    return tuple(ProblemTrials(trials=tuple(group)) for group in groups.values())
