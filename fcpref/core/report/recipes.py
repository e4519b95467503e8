"""The section that puts recipes side by side: results beside what they cost, and their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.core.report import wording
from fcpref.core.report.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fcpref.core.evaluation.summary import EvaluationSummary, Stratum

_MOST_COLUMNS = 7
"""For difficulties: fol.deduction's are up to 10, math.gsm8k's up to 15."""

_NOTE = (
    "Correct: share of problems solved by greedy decoding, with its 95% interval; sampled: share "
    "of sampled chains; by depth: of greedy ones. Rows, steps and seconds have a number for each "
    "training run from the base on, first to last; ? is a run that was not done here. Seconds "
    "are of training alone, without sampling and evaluation."
)


@frozen(kw_only=True)
class RunCost:
    """What one training run took.

    Attributes:
        rows: chains or pairs trained on.
        steps: optimizer steps.
        seconds: wall clock, all attempts together; None when it was not done here.
        device: where it ran; "" when that is not known.
    """

    rows: int
    steps: int
    seconds: float | None = None
    device: Literal["", "CPU", "GPU"] = ""


@frozen(kw_only=True)
class RecipeResult:
    """A recipe and what it came to.

    Attributes:
        recipe: its name.
        label: of its trials.
        steps: its steps in words.
        source: where it comes from.
        runs: training from the base on, first to last.
        notes: what else there is to say.
    """

    recipe: str
    label: str
    steps: str
    source: str
    runs: tuple[RunCost, ...] = ()
    notes: tuple[str, ...] = ()


def recipes_section(
    results: Sequence[RecipeResult], summaries: Mapping[str, EvaluationSummary]
) -> Section:
    """Return recipes side by side, the models that none came to (the base) first.

    Args:
        results: in the order to show.
        summaries: label -> summary, of greedy trials; of sampled ones behind "LABEL (sampled)".
    """
    labels = [*dict.fromkeys(one.label for one in results)]
    known = {*labels, *(f"{label} (sampled)" for label in labels)}
    first = next((label for label in summaries if label not in known), None)
    shown = [first, *labels] if first is not None else labels
    depths = _columns({one.label for label in shown for one in summaries[label].by_difficulty})
    runs = {one.label: one.runs for one in results}
    table = Table(
        title="Recipes side by side",
        columns=(
            "Recipe",
            "Correct",
            "Sampled",
            *depths,
            "Training rows",
            "Steps",
            "Seconds of training",
        ),
        rows=tuple(
            (label, *_solved(label, summaries, depths.values()), *_cost(runs.get(label, ())))
            for label in shown
        ),
        note=_NOTE,
    )
    return Section(title="Recipes", items=(table, sources_table(results)))


def sources_table(results: Sequence[RecipeResult]) -> Table:
    """Return the recipes' steps and where they come from."""
    notes = [f"{one.recipe}: {note}." for one in results for note in one.notes]
    return Table(
        title="Where the recipes come from",
        columns=("Recipe", "Steps", "Source"),
        rows=tuple((one.recipe, one.steps, one.source) for one in results),
        note=" ".join(notes),
    )


def _columns(difficulties: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the difficulties of each column, the highest ones together where there are many."""
    alone = sorted(difficulties, key=int)
    rest: list[str] = []
    if len(alone) > _MOST_COLUMNS:
        alone, rest = alone[: _MOST_COLUMNS - 1], alone[_MOST_COLUMNS - 1 :]
    columns: dict[str, tuple[str, ...]] = {f"Depth {one}": (one,) for one in alone}
    if rest:
        columns[f"Depth {rest[0]} to {rest[-1]}"] = tuple(rest)
    return columns


def _solved(
    label: str,
    summaries: Mapping[str, EvaluationSummary],
    depths: Iterable[Collection[str]],
) -> tuple[str, ...]:
    greedy, sampled = summaries[label], summaries.get(f"{label} (sampled)")
    interval = greedy.correct.interval
    ends = wording.bounds(interval.low, interval.high, "share")
    return (
        f"{wording.share(greedy.correct.value)} ({ends})",
        wording.share(sampled.correct.value) if sampled else "",
        *(_pooled([one for one in greedy.by_difficulty if one.label in some]) for some in depths),
    )


def _pooled(strata: Sequence[Stratum]) -> str:
    """Return the share of correct chains, of models with as many chains a problem everywhere."""
    problems = sum(one.problems for one in strata)
    if not problems:
        return ""
    return wording.share(sum(one.correct.value * one.problems for one in strata) / problems)


def _cost(runs: Sequence[RunCost]) -> tuple[str, str, str]:
    if not runs:
        return "0", "0", "0"
    return (
        " + ".join(f"{one.rows:,}" for one in runs),
        " + ".join(f"{one.steps:,}" for one in runs),
        " + ".join(map(_seconds, runs)),
    )


def _seconds(run: RunCost) -> str:
    if run.seconds is None:
        return "?"
    return f"{run.seconds:,.0f}{f' ({run.device})' if run.device else ''}"
