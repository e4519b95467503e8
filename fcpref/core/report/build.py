"""From summaries and comparisons to a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.report import wording
from fcpref.core.report.breakdowns import endings, strata
from fcpref.core.report.changes import changes
from fcpref.core.report.document import (
    BarFigure,
    Report,
    Section,
    Series,
    Source,
    Table,
)
from fcpref.core.report.recipes import recipes_section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.evaluation.comparison import Comparison
    from fcpref.core.evaluation.summary import EvaluationSummary, Share
    from fcpref.core.report.recipes import RecipeResult

_MEANING = (
    "A chain is correct when its answer is right and the executed calls support it. "
    "Right answers also count those without support. Intervals are 95% confidence intervals."
)


def build_report(
    *,
    profile: str,
    summaries: Mapping[str, EvaluationSummary],
    comparisons: Sequence[Comparison] = (),
    counts: Sequence[Table] = (),
    sources: Sequence[Source] = (),
    recipes: Sequence[RecipeResult] = (),
) -> Report:
    """Return the report of one run.

    Args:
        profile: name of the profile that was run.
        summaries: model label -> its summary, in the order to show; at least one.
        comparisons: labelled comparisons; Holm's adjustment runs over all of them that have a test.
        counts: further tables, of pairs and of the teacher's chains for instance.
        sources: the artifacts that the report is made from.
        recipes: to put side by side; their labels are among the summaries'.

    Raises:
        ValueError: there are no summaries.
    """
    if not summaries:
        raise ValueError("a report needs the summary of at least one model")
    sections = [_results(summaries)]
    if recipes:
        sections.insert(0, recipes_section(recipes, summaries))
    if comparisons:
        sections.append(changes(comparisons))
    sections += [strata(summaries), endings(summaries)]
    if counts:
        sections.append(Section(title="Data", items=tuple(counts)))
    return Report(
        title=f"Evaluation, profile {profile}", sections=tuple(sections), sources=tuple(sources)
    )


def _results(summaries: Mapping[str, EvaluationSummary]) -> Section:
    figure = BarFigure(
        title="Correct chains and right answers",
        description="Share of correct chains and of right answers for each model, "
        f"with 95% intervals. {_reading(summaries)}",
        categories=tuple(summaries),
        series=(
            Series(
                name="correct",
                points=tuple(wording.estimate(s.correct) for s in summaries.values()),
            ),
            Series(
                name="right answer",
                points=tuple(wording.estimate(s.right) for s in summaries.values()),
            ),
        ),
        category_label="Model",
        value_label="Share of chains",
    )
    table = Table(
        title="Models",
        columns=(
            "Model",
            "Problems",
            "Samples",
            "Correct",
            "95% interval",
            "Right answers",
            "Calls a chain",
            "Tokens a chain",
            "Failed calls",
        ),
        rows=tuple(
            (
                label,
                str(summary.problems),
                str(summary.samples),
                wording.share(summary.correct.value),
                _interval(summary.correct),
                wording.share(summary.right.value),
                wording.mean(summary.calls_per_chain),
                wording.mean(summary.tokens_per_chain),
                wording.share(summary.failed_calls),
            )
            for label, summary in summaries.items()
        ),
        note=_interval_note(summaries),
    )
    return Section(title="Results", paragraphs=(_MEANING,), items=(figure, table))


def _reading(summaries: Mapping[str, EvaluationSummary]) -> str:
    return "; ".join(f"{m}: {wording.share(s.correct.value)}" for m, s in summaries.items()) + "."


def _interval_note(summaries: Mapping[str, EvaluationSummary]) -> str:
    methods = sorted({summary.correct.interval.method for summary in summaries.values()})
    return f"Intervals of correct: {', '.join(methods)}. Failed calls: share of all calls."


def _interval(value: Share) -> str:
    return wording.bounds(value.interval.low, value.interval.high, "share")
