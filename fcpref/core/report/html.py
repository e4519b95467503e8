"""A report as one HTML file: styles and drawings inline, nothing fetched, no scripts."""

from __future__ import annotations

from fcpref.core.report.document import BarFigure, LineFigure, Report, Section, Source, Table
from fcpref.core.report.figures import key, svg
from fcpref.core.report.markup import Markup, element, join, text
from fcpref.core.report.style import STYLE
from fcpref.core.report.wording import figure_table

# The browser itself then refuses any request, its own for an icon included.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_HEAD = f"""<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">"""


def html(report: Report) -> str:
    """Return a report as one self-contained HTML page; any text is safe in it."""
    return page(
        report.title,
        _contents(report),
        *(_section(section, index) for index, section in enumerate(report.sections)),
        _sources(report.sources),
    )


def page(title: str, *content: Markup, style: str = "") -> str:
    """Return one self-contained HTML page.

    Args:
        title: its title and first heading.
        *content: what follows.
        style: rules beside those of all pages.
    """
    head = join(
        Markup(_HEAD),
        element("title", {}, text(title)),
        element("style", {}, Markup(STYLE + style)),
    )
    inside = join(element("h1", {}, text(title)), *content)
    main = element("main", {}, Markup("\n"), inside, Markup("\n"))
    whole = element(
        "html", {"lang": "en"}, join(element("head", {}, head), element("body", {}, main))
    )
    return f"<!DOCTYPE html>\n{whole}\n"


def _contents(report: Report) -> Markup:
    links = (
        element("li", {}, element("a", {"href": f"#section-{index}"}, text(section.title)))
        for index, section in enumerate(report.sections)
    )
    return element("nav", {"aria-label": "Sections"}, element("ul", {}, *links))


def _section(section: Section, index: int) -> Markup:
    identity = f"section-{index}"
    items = (
        _table_block(item) if isinstance(item, Table) else _figure(item, f"figure-{index}-{number}")
        for number, item in enumerate(section.items)
    )
    return element(
        "section",
        {"id": identity, "aria-labelledby": f"{identity}-title"},
        join(
            element("h2", {"id": f"{identity}-title"}, text(section.title)),
            *(element("p", {}, text(paragraph)) for paragraph in section.paragraphs),
            *items,
        ),
    )


def _table_block(table: Table) -> Markup:
    note = (element("p", {"class": "note"}, text(table.note)),) if table.note else ()
    return element("div", {"class": "data"}, join(_scrolling(_table(table)), *note))


def _table(table: Table) -> Markup:
    styles = tuple("number" if numeric else "text" for numeric in table.numeric)
    head = (
        element("th", {"scope": "col", "class": style}, text(column))
        for column, style in zip(table.columns, styles, strict=True)
    )
    rows = (
        element(
            "tr",
            {},
            element("th", {"scope": "row"}, text(row[0])),
            *(
                element("td", {"class": style}, text(cell))
                for cell, style in zip(row[1:], styles[1:], strict=True)
            ),
        )
        for row in table.rows
    )
    return element(
        "table",
        {},
        join(
            element("caption", {}, text(table.title)),
            element("thead", {}, element("tr", {}, *head)),
            element("tbody", {}, join(*rows)),
        ),
    )


def _figure(figure: BarFigure | LineFigure, identity: str) -> Markup:
    legend = (
        element("li", {}, key(figure, index), element("span", {}, text(series.name)))
        for index, series in enumerate(figure.series)
    )
    numbers = element(
        "details",
        {},
        element("summary", {}, text("Numbers")),
        _scrolling(_table(figure_table(figure))),
    )
    return element(
        "figure",
        {},
        join(
            element("figcaption", {}, text(figure.title)),
            *([element("ul", {"class": "legend"}, *legend)] if len(figure.series) > 1 else []),
            _scrolling(element("div", {"class": "plot"}, svg(figure, identity))),
            numbers,
        ),
    )


def _scrolling(content: Markup) -> Markup:
    # Focusable, so that the keyboard can scroll what a narrow screen cuts off.
    return element("div", {"class": "scroll", "tabindex": "0"}, content)


def _sources(sources: tuple[Source, ...]) -> Markup:
    if not sources:
        return Markup("")
    rows = (
        element(
            "tr",
            {},
            element("th", {"scope": "row"}, text(source.stage)),
            element("td", {}, element("code", {}, text(source.id))),
        )
        for source in sources
    )
    columns = (element("th", {"scope": "col"}, text(name)) for name in ("Stage", "Artifact"))
    table = element(
        "table",
        {},
        element("thead", {}, element("tr", {}, *columns)),
        element("tbody", {}, join(*rows)),
    )
    return element(
        "section",
        {"aria-labelledby": "sources"},
        join(element("h2", {"id": "sources"}, text("Sources")), _scrolling(table)),
    )
