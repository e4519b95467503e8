"""Strategies for reports, and readers of what is written from them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import strategies as st

from fcpref.core.report import (
    BarFigure,
    LineFigure,
    Point,
    Report,
    Section,
    Series,
    Source,
    Table,
)

# What breaks writers: markup of both languages, cell and line ends, controls, wide characters.
NASTY = (
    "|",
    "a|b\\|c\\",
    "x\ny\r\nz",
    "</td><script>alert(1)</script>",
    "\"' onload=x",
    "<!--",
    "-->",
    "]]>",
    "&amp;",
    "`code`",
    "# head",
    "- item",
    "1. item",
    "**bold** _it_",
    "\x00\x07\x85\u2028\v\f",
    "漢字 e\u0301 🎉",
    "\ud800",
    "</style>",
    "",
    " ",
)
texts = st.one_of(st.text(max_size=12), st.sampled_from(NASTY))
numbers = st.floats(-1e12, 1e12) | st.floats(0, 1)


@st.composite
def points(draw):
    low, value, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    if draw(st.booleans()):
        return Point(value=value)
    return Point(value=value, low=low, high=high)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    row = st.lists(texts, min_size=width, max_size=width).map(tuple)
    rows = draw(st.lists(row, max_size=4).map(tuple))
    return Table(title=draw(texts), columns=draw(row), rows=rows, note=draw(texts))


@st.composite
def figures(draw):
    kind = draw(st.sampled_from([BarFigure, LineFigure]))
    categories = draw(st.lists(texts, min_size=1, max_size=4).map(tuple))
    column = st.lists(st.none() | points(), min_size=len(categories), max_size=len(categories)).map(
        tuple
    )
    series = st.builds(Series, name=texts, points=column)
    return kind(
        title=draw(texts),
        description=draw(texts),
        categories=categories,
        series=draw(st.lists(series, min_size=1, max_size=8).map(tuple)),
        category_label=draw(texts),
        value_label=draw(texts),
        unit=draw(st.sampled_from(["share", "points", "number"])),
    )


sections = st.builds(
    Section,
    title=texts,
    paragraphs=st.lists(texts, max_size=3).map(tuple),
    items=st.lists(tables() | figures(), max_size=3).map(tuple),
)
reports = st.builds(
    Report,
    title=texts,
    sections=st.lists(sections, max_size=3).map(tuple),
    sources=st.lists(st.builds(Source, stage=texts, id=texts), max_size=2).map(tuple),
)


def report_of(*items, **section):
    """Return a report of one section that holds the items."""
    return Report(title="Report", sections=(Section(title="Section", items=items, **section),))


def bars(*values, names=("model",), unit="share"):
    """Return a bar figure with a category for each value and the same values in each series."""
    drawn = tuple(Point(value=value) for value in values)
    return BarFigure(
        title="Bars",
        description="Some bars.",
        categories=tuple(f"category {index}" for index in range(len(values))),
        series=tuple(Series(name=name, points=drawn) for name in names),
        category_label="Category",
        value_label="Value",
        unit=unit,
    )


def lines(*values):
    """Return a line figure of one series; None leaves a gap."""
    drawn = tuple(None if value is None else Point(value=value) for value in values)
    return LineFigure(
        title="Lines",
        description="Some lines.",
        categories=tuple(map(str, range(len(values)))),
        series=(Series(name="model", points=drawn),),
        category_label="Depth",
        value_label="Value",
    )


class Page(HTMLParser):
    """Reads a page, and fails on a tag that does not close what is open."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open = []
        self.elements = []
        self.words = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def joined(self):
        return "".join(self.words)

    def found(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def cells(line):
    """Split a Markdown table row where GitHub does: at pipes without a backslash of their own."""
    return re.findall(r"\|((?:\\.|[^\\|])*)(?=\|)", line)
