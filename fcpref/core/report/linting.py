"""A check of pairs, for people: lines for a terminal, tables for a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.canon import ID_PREFIX, short
from fcpref.core.report import wording
from fcpref.core.report.document import Report, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.pairs import Finding, LintReport
    from fcpref.core.report.document import Source

NAMED = 5
"""Pairs that are named for each rule."""

_NOTHING = "nothing found"
_LENGTH_NOTE = (
    "r is the point-biserial correlation of length with the label, chosen being 1; 95% interval by "
    "Fisher's z."
)


def lint_text(report: LintReport, *, every: bool = False) -> str:
    """Return a check as lines: errors, warnings, then tables.

    Args:
        report: the check.
        every: show every finding, not only the first few of each rule.
    """
    lines = [
        f"{one.severity}: {one.rule}: {one.message}{_where(one)}" if one else f"  {more}"
        for one, more in _shown(report.findings, every=every)
    ]
    parts = ["\n".join(lines) or _NOTHING, _counted(report)]
    parts += [_table_text(table) for table in _tables(report)]
    return "\n\n".join(parts)


def lint_document(
    report: LintReport, *, name: str, sources: Sequence[Source] = (), every: bool = False
) -> Report:
    """Return a check as a document.

    Args:
        report: the check.
        name: of what was checked.
        sources: artifacts that were.
        every: as in `lint_text`.
    """
    rows = tuple(
        (one.message, one.severity, one.rule, short(one.pair) or "the whole set")
        if one
        else (more, "", "", "")
        for one, more in _shown(report.findings, every=every)
    )
    findings = Table(
        title="By rule",
        columns=("What is wrong, and what to change", "Severity", "Rule", "Pair"),
        rows=rows,
    )
    paragraphs = (_counted(report), *([] if rows else ["Nothing was found."]))
    sections = (
        Section(title="Findings", paragraphs=paragraphs, items=(findings,) if rows else ()),
        Section(title="Numbers", items=_tables(report)),
    )
    return Report(title=f"Check of {name}", sections=sections, sources=tuple(sources))


def _shown(findings: Sequence[Finding], *, every: bool) -> Iterator[tuple[Finding | None, str]]:
    """Yield findings by rule, and in place of those left out how many they are."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.severity, one.rule), []).append(one)
    for (_, rule), found in groups.items():
        named = found if every else found[:NAMED]
        for one in named:
            yield one, ""
        if left := len(found) - len(named):
            yield None, f"and {left:,} more of {rule}; --all shows all"


def _where(finding: Finding) -> str:
    if not finding.pair:
        return ""
    named = finding.pair
    return f" [{short(named) if named.startswith(ID_PREFIX) else named}]"


def _counted(report: LintReport) -> str:
    warnings = len(report.findings) - report.errors
    again = f", {report.executed:,} of them executed again" if report.executed else ""
    return f"{report.pairs:,} pairs{again}; errors: {report.errors:,}, warnings: {warnings:,}"


def _tables(report: LintReport) -> tuple[Table, ...]:
    tables = (_balance(report), _lengths(report), _tokens(report))
    return tuple(table for table in tables if table.rows)


def _balance(report: LintReport) -> Table:
    rows = tuple(
        (one.name, value, f"{count:,}", wording.share(count / report.pairs))
        for one in report.tallies
        for value, count in one.counts
    )
    return Table(title="Balance", columns=("Property", "Value", "Pairs", "Share"), rows=rows)


def _lengths(report: LintReport) -> Table:
    rows = tuple(
        (
            one.unit,
            wording.mean(one.chosen),
            wording.mean(one.rejected),
            "" if one.correlation is None else wording.signed(one.correlation),
            "" if one.interval is None else " to ".join(map(wording.signed, one.interval)),
        )
        for one in report.lengths
    )
    columns = ("Length in", "Chosen", "Rejected", "r", "95% interval")
    return Table(title="Length", columns=columns, rows=rows, note=_LENGTH_NOTE)


def _tokens(report: LintReport) -> Table:
    rows: list[tuple[str, str]] = []
    if (one := report.trained) is not None:
        rows = [
            ("tokens in all", f"{one.tokens:,}"),
            ("of them trained", f"{one.trained:,} ({wording.share(one.share)})"),
            ("share of a pair", wording.bounds(one.least, one.greatest, "share")),
            ("longest chain", f"{one.longest:,}"),
        ]
    return Table(title="Tokens", columns=("Tokens", "Number"), rows=tuple(rows))


def _table_text(table: Table) -> str:
    """Return a table as aligned lines."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, table.numeric, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([f"{table.title}:", *(f"  {line}" for line in lines)])
