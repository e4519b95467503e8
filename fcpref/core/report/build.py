"""From summaries and comparisons to a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.evaluation.paired import holm
from fcpref.core.evaluation.trials import VERDICTS
from fcpref.core.report import wording
from fcpref.core.report.document import (
    BarFigure,
    LineFigure,
    Point,
    Report,
    Section,
    Series,
    Source,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fcpref.core.evaluation.comparison import Comparison, Difference
    from fcpref.core.evaluation.summary import Count, EvaluationSummary, Share, Stratum

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
) -> Report:
    """Return the report of one run.

    Args:
        profile: name of the profile that was run.
        summaries: model label -> its summary, in the order to show; at least one.
        comparisons: labelled comparisons; Holm's adjustment runs over all of them that have a test.
        counts: further tables, of pairs and of the teacher's chains for instance.
        sources: the artifacts that the report is made from.

    Raises:
        ValueError: there are no summaries.
    """
    if not summaries:
        message = "a report needs the summary of at least one model"
        raise ValueError(message)
    sections = [_results(summaries)]
    if comparisons:
        sections.append(_changes(comparisons))
    sections += [_strata(summaries), _endings(summaries)]
    if counts:
        sections.append(Section(title="Data", items=tuple(counts)))
    return Report(
        title=f"Evaluation, profile {profile}", sections=tuple(sections), sources=tuple(sources)
    )


def _results(summaries: Mapping[str, EvaluationSummary]) -> Section:
    figure = BarFigure(
        title="Correct chains and right answers",
        description="Share of correct chains and of right answers for each model, "
        f"with 95% intervals. {_reading(summaries, lambda summary: summary.correct)}",
        categories=tuple(summaries),
        series=(
            Series(name="correct", points=tuple(_point(s.correct) for s in summaries.values())),
            Series(name="right answer", points=tuple(_point(s.right) for s in summaries.values())),
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
                wording.number(summary.calls_per_chain),
                wording.number(summary.tokens_per_chain),
                wording.share(summary.failed_calls),
            )
            for label, summary in summaries.items()
        ),
        note=_interval_note(summaries),
    )
    return Section(title="Results", paragraphs=(_MEANING,), items=(figure, table))


def _changes(comparisons: Sequence[Comparison]) -> Section:
    tests = [comparison.test for comparison in comparisons]
    adjusted = iter(holm([test.p_value for test in tests if test]))
    holms = [next(adjusted) if test else None for test in tests]
    rows = [_change(comparison, p) for comparison, p in zip(comparisons, holms, strict=True)]
    figure = BarFigure(
        title="Change on the same problems",
        description="Difference of shares, after less before, with 95% intervals.",
        categories=tuple(comparison.label for comparison in comparisons),
        series=(Series(name="change", points=tuple(_point(c.difference) for c in comparisons)),),
        category_label="Comparison",
        value_label="Change of share",
    )
    table = Table(
        title="Paired comparisons",
        columns=(
            "Comparison",
            "Share",
            "Before",
            "After",
            "Change, points",
            "Gained",
            "Lost",
            "Test",
            "p",
            "p (Holm)",
            "Effect",
        ),
        rows=tuple(rows),
        note=_test_note(comparisons),
    )
    return Section(
        title="Before and after",
        paragraphs=tuple(map(_sentence, comparisons)),
        items=(figure, table),
    )


def _change(comparison: Comparison, adjusted: float | None) -> tuple[str, ...]:
    test = comparison.test
    tested = ("", "", "none", "", "", "")
    if test is not None and adjusted is not None:
        tested = (
            str(test.gained),
            str(test.lost),
            f"{test.test}, {test.method}",
            wording.p_value(test.p_value),
            wording.p_value(adjusted),
            wording.signed(test.effect),
        )
    return (
        comparison.label,
        comparison.metric,
        wording.share(comparison.before),
        wording.share(comparison.after),
        _points(comparison.difference),
        *tested,
    )


def _sentence(comparison: Comparison) -> str:
    shares = "correct chains" if comparison.metric == "correct" else "right answers"
    test = comparison.test
    result = (
        f"{test.test} p {_equals(wording.p_value(test.p_value))}, "
        f"{test.gained} problems gained and {test.lost} lost"
        if test
        else _skipped(comparison)
    )
    return (
        f"{comparison.label}: {wording.share(comparison.before)} {shares} before, "
        f"{wording.share(comparison.after)} after, {_points(comparison.difference)} points "
        f"on {comparison.problems} problems; {result}."
    )


def _strata(summaries: Mapping[str, EvaluationSummary]) -> Section:
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
    strata: Callable[[EvaluationSummary], tuple[Stratum, ...]],
) -> tuple[Series, ...]:
    found = [
        (model, {stratum.label: _point(stratum.correct) for stratum in strata(summary)})
        for model, summary in summaries.items()
    ]
    return tuple(
        Series(name=model, points=tuple(points.get(label) for label in labels))
        for model, points in found
    )


def _endings(summaries: Mapping[str, EvaluationSummary]) -> Section:
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
                label.replace("_", " "),
                *(_part(table.get(label, 0), sum(table.values())) for table in tables),
            )
            for label in labels
        ),
        note="Counts, and their share of the column.",
    )


def _part(count: int, total: int) -> str:
    return f"{count} ({wording.share(count / total)})" if count else "0"


def _reading(
    summaries: Mapping[str, EvaluationSummary], pick: Callable[[EvaluationSummary], Share]
) -> str:
    return "; ".join(f"{m}: {wording.share(pick(s).value)}" for m, s in summaries.items()) + "."


def _interval_note(summaries: Mapping[str, EvaluationSummary]) -> str:
    methods = sorted({summary.correct.interval.method for summary in summaries.values()})
    return f"Intervals of correct: {', '.join(methods)}. Failed calls: share of all calls."


def _test_note(comparisons: Sequence[Comparison]) -> str:
    effects = sorted({c.test.effect_name for c in comparisons if c.test})
    notes = [
        "Change: cluster bootstrap over problems; an interval of width 0 means that every problem "
        "changed alike.",
        *([f"Effect: {', '.join(effects)}; positive is a gain."] if effects else []),
        *(f"{c.label}: {_skipped(c)}." for c in comparisons if not c.test),
    ]
    return " ".join(notes)


def _skipped(comparison: Comparison) -> str:
    return f"no test: {comparison.mcnemar_skipped}. {comparison.wilcoxon_skipped}"


def _point(value: Share | Difference) -> Point:
    return Point(value=value.value, low=value.interval.low, high=value.interval.high)


def _interval(value: Share) -> str:
    return wording.bounds(value.interval.low, value.interval.high, "share")


def _points(difference: Difference) -> str:
    interval = difference.interval
    low, high = wording.points(interval.low), wording.points(interval.high)
    return f"{wording.points(difference.value)} ({low} to {high})"


def _equals(written: str) -> str:
    return f"< {written[1:]}" if written.startswith("<") else f"= {written}"
