"""A report as GitHub-flavoured Markdown: aligned tables, figures as tables with bars."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from fcpref.core.report.document import BarFigure, LineFigure, Report, Section, Table
from fcpref.core.report.wording import figure_table, point_bounds, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR_WIDTH = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPECIAL = re.compile(
    r"[\\`*|\[\]~#]|<(?=[A-Za-z!?/])|&(?=[#\w]+;)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
)
_BLOCK_START = re.compile(r"^(?:[-+=>]|\d+(?=[.)]))")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f\ud800-\udfff]")


def markdown(report: Report) -> str:
    """Return a report as Markdown; any text is safe in it, and comes out on one line."""
    blocks = [f"# {escape(report.title)}"]
    for section in report.sections:
        blocks += filter(None, _section(section))
    if report.sources:
        lines = [
            f"- {_start(source.stage)}: {escape(source.id)}".rstrip() for source in report.sources
        ]
        blocks += ["## Sources", "\n".join(lines)]
    return "\n\n".join(block.rstrip() for block in blocks) + "\n"


def escape(content: str) -> str:
    """Escape any text for use within a line of Markdown, a table's cell included."""
    seen = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", content)
    return _SPECIAL.sub(r"\\\g<0>", " ".join(seen.split()))


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    for paragraph in section.paragraphs:
        yield _start(paragraph)
    for item in section.items:
        yield f"### {escape(item.title)}"
        table = item if isinstance(item, Table) else _figure(item)
        yield _table(table)
        yield _start(table.note)


def _start(content: str) -> str:
    """Escape a text that begins a block, where some characters mean more than within a line."""
    return _BLOCK_START.sub(_escape_start, escape(content))


def _escape_start(match: re.Match[str]) -> str:
    # A number's dot is what makes a list, and a digit cannot be escaped.
    start = match.group()
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def _table(table: Table) -> str:
    cells = [[escape(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(3, *(_width(row[i]) for row in cells)) for i in range(len(table.columns))]
    head, *body = (
        _row(
            [
                _pad(cell, width, right=right)
                for cell, width, right in zip(row, widths, table.numeric, strict=True)
            ]
        )
        for row in cells
    )
    rule = _row(
        [
            "-" * (width - 1) + ":" if right else "-" * width
            for width, right in zip(widths, table.numeric, strict=True)
        ]
    )
    return "\n".join([head, rule, *body])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _pad(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(cell: str) -> int:
    """Return how many columns of a terminal a text takes: wide characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in cell
    )


def _figure(figure: BarFigure | LineFigure) -> Table:
    low, high = figure.extent
    # Bars of text start at the left edge: they cannot show a loss, or lines that cross.
    if isinstance(figure, LineFigure) or low < 0 or high == 0:
        return figure_table(figure)
    single = len(figure.series) == 1
    rows = tuple(
        (
            category,
            *(() if single else (series.name,)),
            quantity(point.value, figure.unit) if point else "",
            point_bounds(point, figure.unit) if point else "",
            _bar(point.value / high) if point else "",
        )
        for index, category in enumerate(figure.categories)
        for series in figure.series
        for point in [series.points[index]]
    )
    columns = (figure.category_label, *(() if single else ("Series",)), figure.value_label)
    return Table(title=figure.title, columns=(*columns, "Interval", ""), rows=rows)


def _bar(share: float) -> str:
    eighths = round(share * BAR_WIDTH * 8)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")
