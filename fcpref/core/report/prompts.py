"""Prompts compared, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.report import wording
from fcpref.core.report.document import Report, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import PromptSpec
    from fcpref.core.evaluation.prompts import PromptResult, Setting

_NUMBERS = (
    *("problems", "chains", "correct", "interval", "right", "supported", "answered"),
    *("failed calls", "calls a chain", "tokens a chain", "difference", "interval of it", "p"),
)
_NOTE = (
    "Correct: right and supported by executed calls. Supported: calls establish the answer, right "
    "or not. Intervals are 95%; differences are to the first row, in percentage points, paired by "
    "problem; p-values are adjusted by Holm."
)


def prompt_report(results: Sequence[PromptResult]) -> Report:
    """Return a report of one table: a row for each setting, in the order given."""
    settings = _columns([one.setting for one in results])
    # What all rows share is said once, above the table.
    columns = {name: cells for name, cells in settings.items() if len({*cells}) > 1}
    shared = [
        f"{name}: {cells[0]}"
        for name, cells in settings.items()
        if {*cells} - {""} and name not in columns
    ]
    table = Table(
        title="Chains by prompt",
        columns=("prompt", *columns, *_NUMBERS),
        rows=tuple(
            (
                describe(one.setting.prompt),
                *(cells[at] for cells in columns.values()),
                *_numbers(one),
            )
            for at, one in enumerate(results)
        ),
        note=_NOTE,
    )
    paragraphs = [f"{'; '.join(shared)}."] if shared else []
    if left_out := sum(one.left_out for one in results):
        paragraphs.append(
            f"Chains left out: {left_out}, samples that not every problem of their row has."
        )
    section = Section(title="Results", paragraphs=tuple(paragraphs), items=(table,))
    return Report(title="Prompts compared", sections=(section,))


def describe(prompt: PromptSpec) -> str:
    """Say in words what a prompt shows: "help, 4 examples (spread), without Reasoning"."""
    parts = [prompt.detail, f"{prompt.shots} example{'s' * (prompt.shots != 1)}"]
    if prompt.picked:
        parts[-1] += f" ({', '.join(map(str, prompt.picked))})"
    elif prompt.shots:
        seed = f" {prompt.seed}" if prompt.exemplars == "random" else ""
        parts[-1] += f" ({prompt.exemplars}{seed})"
    parts.append(prompt.grammar)
    if prompt.without:
        parts.append(f"without {' '.join(prompt.without)}")
    return ", ".join(parts)


def _columns(settings: Sequence[Setting]) -> dict[str, list[str]]:
    return {
        "task": [one.task for one in settings],
        "model": [one.model for one in settings],
        "sampling": [one.sampling for one in settings],
    }


def _numbers(result: PromptResult) -> tuple[str, ...]:
    summary = result.summary
    interval = summary.correct.interval
    gain = gain_interval = p_value = ""
    if result.comparison is not None:
        difference = result.comparison.difference
        gain = wording.points(difference.value)
        gain_interval = wording.bounds(difference.interval.low, difference.interval.high, "points")
    if result.p_value is not None:
        p_value = wording.p_value(result.p_value)
    return (
        str(summary.problems),
        str(result.chains),
        wording.share(summary.correct.value),
        wording.bounds(interval.low, interval.high, "share"),
        wording.share(summary.right.value),
        wording.share(result.supported),
        wording.share(result.answered),
        wording.share(summary.failed_calls),
        wording.mean(summary.calls_per_chain),
        wording.mean(summary.tokens_per_chain),
        gain,
        gain_interval,
        p_value,
    )
