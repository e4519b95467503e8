"""The sections that break results down: by difficulty and family, by verdict and failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.evaluation.trials import VERDICTS
from fcpref.core.report import wording
from fcpref.core.report.document import BarFigure, LineFigure, Section, Series, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fcpref.core.evaluation.summary import Count, EvaluationSummary, Stratum


def strata(summaries: Mapping[str, EvaluationSummary]) -> Section:
    """Return figures of correct chains by difficulty and, where there are several, by family."""
    difficulties = sorted({s.label for m in summaries.values() for s in m.by_difficulty}, key=int)
    families = sorted({s.label for m in summaries.values() for s in m.by_family})
    lines = LineFigure(
        title="Correct chains by difficulty",
        description="Share of correct chains at each difficulty, a line for each model, "
        "with 95% intervals.",
        categories=tuple(difficulties),
        series=_series(summaries, difficulties, lambda summary: summary.by_difficulty),
        category_label="Difficulty",
        value_label="Correct chains",
    )
    if len(families) == 1:
        return Section(title="By difficulty", items=(lines,))
    bars = BarFigure(
        title="Correct chains by family",
        description="Share of correct chains in each family, a bar for each model, "
        "with 95% intervals.",
        categories=tuple(families),
        series=_series(summaries, families, lambda summary: summary.by_family),
        category_label="Family",
        value_label="Correct chains",
    )
    return Section(title="By difficulty and family", items=(lines, bars))


def _series(
    summaries: Mapping[str, EvaluationSummary],
    labels: Sequence[str],
    pick: Callable[[EvaluationSummary], tuple[Stratum, ...]],
) -> tuple[Series, ...]:
    found = [
        (model, {stratum.label: wording.estimate(stratum.correct) for stratum in pick(summary)})
        for model, summary in summaries.items()
    ]
    return tuple(
        Series(name=model, points=tuple(points.get(label) for label in labels))
        for model, points in found
    )


def endings(summaries: Mapping[str, EvaluationSummary]) -> Section:
    """Return tables of verdicts and of failure codes, a column for each model."""
    verdicts = _occurrences(
        "Verdicts", "Verdict", VERDICTS, {m: s.verdicts for m, s in summaries.items()}
    )
    totals: dict[str, int] = {}
    for summary in summaries.values():
        for failure in summary.failures:
            totals[failure.label] = totals.get(failure.label, 0) + failure.count
    codes = sorted(totals, key=lambda code: (-totals[code], code))
    failures = _occurrences(
        "Failed calls", "Failure code", codes, {m: s.failures for m, s in summaries.items()}
    )
    if not codes:
        return Section(title="How chains end", paragraphs=("No call failed.",), items=(verdicts,))
    return Section(title="How chains end", items=(verdicts, failures))


def _occurrences(
    title: str, name: str, labels: Sequence[str], counts: Mapping[str, Sequence[Count]]
) -> Table:
    tables = [{count.label: count.count for count in model} for model in counts.values()]
    return Table(
        title=title,
        columns=(name, *counts),
        rows=tuple(
            (
                label,
                *(_part(table.get(label, 0), sum(table.values())) for table in tables),
            )
            for label in labels
        ),
        note="Counts, and their share of the column.",
    )


def _part(count: int, total: int) -> str:
    return f"{count} ({wording.share(count / total)})" if count else "0"
