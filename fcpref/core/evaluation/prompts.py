"""Prompts compared: what the same model's chains come to when they are asked for otherwise."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.chains import PromptSpec
from fcpref.core.evaluation.comparison import Comparison, compare
from fcpref.core.evaluation.paired import holm
from fcpref.core.evaluation.summary import EvaluationSummary, summarise
from fcpref.core.evaluation.trials import Trial
from fcpref.core.seeds import derive
from fcpref.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SEED = 0


@frozen(kw_only=True)
class Setting:
    """What chains were sampled under; those of one setting are counted together.

    Attributes:
        task: the task's name.
        model: the model's name, or the engine's where it has none.
        sampling: how replies were drawn, in words.
        prompt: how problems were shown.
    """

    task: str
    model: str
    sampling: str
    prompt: PromptSpec


@frozen(kw_only=True)
class JudgedTrial:
    """A trial, and whether executed calls establish its answer, right or not."""

    trial: Trial
    supported: bool


@frozen(kw_only=True)
class PromptResult:
    """What the chains of one setting come to.

    Attributes:
        setting: what they were sampled under.
        summary: of the first samples of each problem, as many as every problem has. (Where
            sampling stops early, later ones are there only for problems that are not decided, and
            a share of them all would be biased.)
        chains: chains counted.
        left_out: later samples.
        supported: share of chains whose answer executed calls establish, right or not, in [0, 1].
        answered: share of chains with an answer, in [0, 1].
        comparison: with the first setting, on the same problems; None for the first, and where
            problems or numbers of samples differ.
        p_value: of its test, adjusted by Holm over all settings; None where there is no test.
    """

    setting: Setting
    summary: EvaluationSummary
    chains: int
    left_out: int
    supported: float
    answered: float
    comparison: Comparison | None = None
    p_value: float | None = None


def compare_prompts(
    judged: Mapping[Setting, Sequence[JudgedTrial]],
) -> tuple[PromptResult, ...]:
    """Summarise each setting's trials and compare them with those of the first.

    Args:
        judged: trials by setting; a sample of a problem at most once in each. Their order within
            a setting does not matter.

    Raises:
        EvaluationError: there are none, or a setting's trials do not fit together.
    """
    if not judged:
        raise EvaluationError("there are no chains to compare; give scores of sampled chains")
    results: list[PromptResult] = []
    first: list[Trial] = []
    for setting, trials in judged.items():
        counted = _first_of_each(trials)
        plain = [one.trial for one in counted]
        label = f"{setting.task} {setting.model} {setting.sampling} {setting.prompt}"
        result = PromptResult(
            setting=setting,
            summary=summarise(plain, derive(_SEED, "prompts", label)),
            chains=len(counted),
            left_out=len(trials) - len(counted),
            supported=sum(one.supported for one in counted) / len(counted),
            answered=sum(_answered(one) for one in plain) / len(counted),
        )
        first = first or plain
        if results and _keys(first) == _keys(plain):
            stream = derive(_SEED, "prompts", "against", label)
            result = evolve(result, comparison=compare(label, first, plain, stream))
        results.append(result)
    return _adjusted(results)


def _first_of_each(judged: Sequence[JudgedTrial]) -> list[JudgedTrial]:
    by_problem: dict[str, list[JudgedTrial]] = defaultdict(list)
    for one in sorted(judged, key=lambda one: one.trial.sample):
        by_problem[one.trial.problem].append(one)
    least = min(map(len, by_problem.values()), default=0)
    return [one for trials in by_problem.values() for one in trials[:least]]


def _answered(trial: Trial) -> bool:
    return trial.verdict in {"correct", "unsupported", "wrong_answer"}


def _keys(trials: Sequence[Trial]) -> set[tuple[str, int]]:
    return {(trial.problem, trial.sample) for trial in trials}


def _adjusted(results: Sequence[PromptResult]) -> tuple[PromptResult, ...]:
    tested = [one for one in results if one.comparison is not None and one.comparison.test]
    raw = [one.comparison.test.p_value for one in tested if one.comparison and one.comparison.test]
    adjusted = dict(zip((one.setting for one in tested), holm(raw), strict=True))
    return tuple(evolve(one, p_value=adjusted.get(one.setting)) for one in results)
