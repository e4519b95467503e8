"""A report as data: sections of paragraphs, tables and figures, before any markup."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from attrs import field, frozen
from attrs.validators import min_len

if TYPE_CHECKING:
    from attrs import Attribute

Unit = Literal["share", "points", "number"]

# Beyond this the arithmetic of an axis overflows, and nobody reads the ticks.
MAGNITUDE = 1e12
_NUMBER_FIRST = re.compile(r"[<+\-\N{MINUS SIGN}]? ?\d")


@final
@frozen(kw_only=True)
class Table:
    """A table of text cells; the first cell of each row names the row.

    Attributes:
        title: what the table shows.
        columns: header cells, at least one.
        rows: one cell for each column in each row.
        note: what a reader has to know to read it, or "".

    Raises:
        ValueError: a row has another number of cells than there are columns.
    """

    title: str
    columns: tuple[str, ...] = field(validator=min_len(1))
    rows: tuple[tuple[str, ...], ...] = field()
    note: str = ""

    @rows.validator
    def _rectangular(self, _: Attribute[object], rows: tuple[tuple[str, ...], ...]) -> None:
        for row in rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of {len(row)} cells in a table of {len(self.columns)} columns"
                )

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers, to be aligned on the right; the first never does."""
        return tuple(
            index > 0
            and any(row[index] for row in self.rows)
            and all(_NUMBER_FIRST.match(row[index]) for row in self.rows if row[index])
            for index in range(len(self.columns))
        )


@final
@frozen(kw_only=True)
class Point:
    """A value in the figure's unit, with its interval where there is one.

    Raises:
        ValueError: a number is not finite or beyond 1e12, or ``low <= high`` does not hold.
    """

    value: float = field()
    low: float | None = None
    high: float | None = None

    @value.validator
    def _drawable(self, _: Attribute[float], value: float) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if not all(math.isfinite(x) and abs(x) <= MAGNITUDE for x in (value, *ends)):
            raise ValueError(f"{(value, self.low, self.high)} cannot be drawn")
        if len(ends) == 1 or ends != sorted(ends):
            raise ValueError(f"an interval needs two ends in order, not {(self.low, self.high)}")


@final
@frozen(kw_only=True)
class Series:
    """One bar or marker for each of the figure's categories; None where there is no value."""

    name: str
    points: tuple[Point | None, ...]


@frozen(kw_only=True)
class Figure:
    """What bar and line figures share; use one of those two.

    Attributes:
        title: what the figure shows.
        description: the same in a sentence, for readers who do not see it.
        categories: labels along the category axis, at least one.
        series: at least one, each with one point for each category.
        category_label: title of the category axis.
        value_label: title of the value axis.
        unit: a ``share`` is written in percent, a difference of shares in percentage ``points``
            with its sign, a ``number`` as it is.

    Raises:
        ValueError: a series has another number of points than there are categories.
    """

    title: str
    description: str
    categories: tuple[str, ...] = field(validator=min_len(1))
    series: tuple[Series, ...] = field(validator=min_len(1))
    category_label: str
    value_label: str
    unit: Unit = "share"

    @series.validator
    def _complete(self, _: Attribute[object], series: tuple[Series, ...]) -> None:
        for one in series:
            if len(one.points) != len(self.categories):
                raise ValueError(
                    f"series {one.name!r} has {len(one.points)} points "
                    f"for {len(self.categories)} categories"
                )

    @property
    def extent(self) -> tuple[float, float]:
        """The least and the greatest number to draw, with zero, where bars stand."""
        points = [point for one in self.series for point in one.points if point is not None]
        lows = [
            point.value if point.low is None else min(point.low, point.value) for point in points
        ]
        highs = [
            point.value if point.high is None else max(point.high, point.value) for point in points
        ]
        return min([0.0, *lows]), max([0.0, *highs])


@final
@frozen(kw_only=True)
class BarFigure(Figure):
    """Bars from zero, grouped by category: for models, families, verdicts."""


@final
@frozen(kw_only=True)
class LineFigure(Figure):
    """Lines over ordered categories: for difficulties, rounds."""


Item: TypeAlias = Table | BarFigure | LineFigure


@final
@frozen(kw_only=True)
class Section:
    """Paragraphs, then tables and figures, under a heading."""

    title: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


@final
@frozen(kw_only=True)
class Source:
    """An artifact that the report was made from.

    Attributes:
        stage: the stage that wrote it.
        id: its content id.
    """

    stage: str
    id: str


@final
@frozen(kw_only=True)
class Report:
    """A report: a title, sections, and the artifacts that it was made from."""

    title: str
    sections: tuple[Section, ...]
    sources: tuple[Source, ...] = ()
