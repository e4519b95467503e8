"""The section on comparisons: what changed on the same problems, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.evaluation.paired import holm
from fcpref.core.report import wording
from fcpref.core.report.document import BarFigure, Section, Series, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.evaluation.comparison import Comparison

SIGNIFICANCE = 0.05

_COLUMNS = (
    "Comparison",
    "Problems",
    "Before",
    "After",
    "Change, points",
    "Gained, lost",
    "Test",
    "p",
    "p (Holm)",
    "Effect",
)
_CHANGE_NOTE = (
    "Change: of correct chains unless the label says right answers, with its cluster bootstrap "
    "interval over problems; a width of 0 means that every problem changed alike. "
    "Gained, lost: problems that did better, worse."
)


def changes(comparisons: Sequence[Comparison]) -> Section:
    """Return what is significant in words, a figure of the changes, and a row for each comparison.

    Holm's adjustment runs over all of them that have a test.
    """
    tests = [comparison.test for comparison in comparisons]
    adjusted = iter(holm([test.p_value for test in tests if test]))
    judged = [(c, next(adjusted) if c.test else None) for c in comparisons]
    figure = BarFigure(
        title="Change on the same problems",
        description="Difference of shares, after less before, with 95% intervals.",
        categories=tuple(map(_name, comparisons)),
        series=(
            Series(
                name="change", points=tuple(wording.estimate(c.difference) for c in comparisons)
            ),
        ),
        category_label="Comparison",
        value_label="Change, percentage points",
        unit="points",
    )
    table = Table(
        title="Paired comparisons",
        columns=_COLUMNS,
        rows=tuple(_row(comparison, p) for comparison, p in judged),
        note=_note(comparisons),
    )
    return Section(title="Before and after", paragraphs=_findings(judged), items=(figure, table))


def _findings(judged: Sequence[tuple[Comparison, float | None]]) -> tuple[str, ...]:
    groups = {
        "Better": [c for c, p in judged if _significant(p) and c.difference.value > 0],
        "Worse": [c for c, p in judged if _significant(p) and c.difference.value < 0],
        "No significant change": [
            c for c, p in judged if p is not None and not (_significant(p) and c.difference.value)
        ],
        "Not tested": [c for c, p in judged if p is None],
    }
    significance = (
        f"Significant is a p-value below {SIGNIFICANCE} after Holm's adjustment over all "
        "comparisons that have a test. Changes are in percentage points."
    )
    lists = (
        f"{name}: {', '.join(map(_brief, members))}." for name, members in groups.items() if members
    )
    return (significance, *lists)


def _significant(p: float | None) -> bool:
    return p is not None and p < SIGNIFICANCE


def _brief(comparison: Comparison) -> str:
    return f"{_name(comparison)} ({wording.points(comparison.difference.value)})"


def _name(comparison: Comparison) -> str:
    return comparison.label + (", right answers" if comparison.metric == "right" else "")


def _row(comparison: Comparison, adjusted: float | None) -> tuple[str, ...]:
    test = comparison.test
    tested = ("", "none", "", "", "")
    if test is not None and adjusted is not None:
        tested = (
            f"{test.gained}, {test.lost}",
            f"{test.test}, {test.method}",
            wording.p_value(test.p_value),
            wording.p_value(adjusted),
            wording.signed(test.effect),
        )
    interval = comparison.difference.interval
    change = wording.points(comparison.difference.value)
    return (
        _name(comparison),
        str(comparison.problems),
        wording.share(comparison.before),
        wording.share(comparison.after),
        f"{change} ({wording.bounds(interval.low, interval.high, 'points')})",
        *tested,
    )


def _note(comparisons: Sequence[Comparison]) -> str:
    effects = sorted({c.test.effect_name for c in comparisons if c.test})
    notes = [
        _CHANGE_NOTE,
        *([f"Effect: {', '.join(effects)}; positive is a gain."] if effects else []),
        *(
            f"{_name(c)}: {c.mcnemar_skipped}; {c.wilcoxon_skipped}."
            for c in comparisons
            if not c.test
        ),
    ]
    return " ".join(notes)
