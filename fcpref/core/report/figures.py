"""Figures as inline SVG: horizontal bars and lines, both with error whiskers.

Colours come from the page's style sheet by class, so that one drawing serves light and dark.
Lengths are in the drawing's own units, about one CSS pixel each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.report.document import BarFigure, Figure, LineFigure, Point
from fcpref.core.report.marks import (
    CHARACTER,
    colour,
    hover,
    label,
    marker,
    path,
    rule,
    tick_text,
    words,
)
from fcpref.core.report.markup import Markup, element, text
from fcpref.core.report.scale import Scale, scale
from fcpref.core.report.wording import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 720.0
BAR, BAR_GAP, GROUP_GAP = 15.0, 3.0, 16.0
TOP = 4.0
LABELS = 200.0  # the most that category labels may take of the width
VALUES = 64.0  # room for values beside the longest bar
LINE_HEIGHT = 320.0
LEAST_LABEL = 40.0
DODGE = 8.0  # series stand this far apart, so that their whiskers do not hide each other


def svg(figure: BarFigure | LineFigure, identity: str) -> Markup:
    """Draw a figure.

    Args:
        figure: what to draw.
        identity: prefix of the drawing's element ids, unique in the page.
    """
    height, marks = _bars(figure) if isinstance(figure, BarFigure) else _lines(figure)
    title, description = f"{identity}-title", f"{identity}-desc"
    return element(
        "svg",
        {
            "viewBox": f"0 0 {WIDTH:.0f} {height:.0f}",
            "role": "img",
            "aria-labelledby": f"{title} {description}",
        },
        element("title", {"id": title}, text(figure.title)),
        element("desc", {"id": description}, text(figure.description)),
        *marks,
    )


def key(figure: BarFigure | LineFigure, index: int) -> Markup:
    """Draw the sign of one series for the legend."""
    mark = (
        element("rect", {"class": colour("fill", index), "width": 12, "height": 12, "rx": 2})
        if isinstance(figure, BarFigure)
        else marker(6, 6, index)
    )
    return element("svg", {"class": "key", "viewBox": "0 0 12 12", "aria-hidden": "true"}, mark)


def _bars(figure: BarFigure) -> tuple[float, list[Markup]]:
    bars = len(figure.series) * (BAR + BAR_GAP) - BAR_GAP
    group = bars + GROUP_GAP
    longest = max(len(category) for category in figure.categories) * CHARACTER
    axis = scale(figure.extent, min(LABELS, longest) + 14, WIDTH - VALUES)
    bottom = group * len(figure.categories) + TOP
    marks = list(_bar_grid(axis, figure, bottom))
    for row, category in enumerate(figure.categories):
        top = row * group + GROUP_GAP / 2 + TOP
        marks.append(label(category, axis.start - 10, top + bars / 2 + 4, "end", LABELS))
        for index, one in enumerate(figure.series):
            point = one.points[row]
            if point is not None:
                marks.append(
                    element(
                        "g",
                        {},
                        hover(category, one.name, point, figure),
                        *_bar(point, axis, top + index * (BAR + BAR_GAP), colour("fill", index)),
                        _bar_value(quantity(point.value, figure.unit), point, axis, top, index),
                    )
                )
    marks.append(rule("axis", axis.at(0), TOP, axis.at(0), bottom))
    return bottom + 42, marks


def _bar_grid(axis: Scale, figure: Figure, bottom: float) -> Iterator[Markup]:
    for tick in axis.ticks:
        x = axis.at(tick)
        yield rule("grid", x, TOP, x, bottom)
        yield words(tick_text(tick, axis, figure), x, bottom + 16, "middle", "tick")
    yield words(figure.value_label, (axis.start + axis.stop) / 2, bottom + 37, "middle", "name")


def _bar(point: Point, axis: Scale, y: float, style: str) -> Iterator[Markup]:
    left, right = sorted((axis.at(0), axis.at(point.value)))
    yield element("rect", {"class": style, "x": left, "y": y, "width": right - left, "height": BAR})
    if point.low is not None and point.high is not None:
        low, high = axis.at(point.low), axis.at(point.high)
        caps = "".join(f"M{end:.1f} {y + 4:.1f}v{BAR - 8:.1f}" for end in (low, high))
        yield path("whisker", f"M{low:.1f} {y + BAR / 2:.1f}H{high:.1f}{caps}")


def _bar_value(written: str, point: Point, axis: Scale, top: float, index: int) -> Markup:
    # Beyond the bar and its whisker, whichever reaches further to the right.
    ends = [0.0, point.value, *([] if point.high is None else [point.high])]
    y = top + index * (BAR + BAR_GAP) + BAR / 2 + 4
    return words(written, axis.at(max(ends)) + 7, y, "start", "value")


@frozen(kw_only=True)
class _Frame:
    """Where a line drawing's columns lie: the left edge of the first, and their width."""

    left: float
    step: float

    def centre(self, column: int) -> float:
        return self.left + self.step * (column + 0.5)


def _lines(figure: LineFigure) -> tuple[float, list[Markup]]:
    axis = scale(figure.extent, LINE_HEIGHT - 52, 12)
    left = 30 + CHARACTER * max(len(tick_text(tick, axis, figure)) for tick in axis.ticks)
    frame = _Frame(left=left, step=(WIDTH - 12 - left) / len(figure.categories))
    marks = [*_line_grid(axis, figure, left), *_column_labels(figure, frame)]
    # However many series there are, they keep within half of their column.
    dodge = min(DODGE, frame.step / 2 / len(figure.series))
    for index in range(len(figure.series)):
        shift = dodge * (index - (len(figure.series) - 1) / 2)
        moved = _Frame(left=left + shift, step=frame.step)
        marks.append(_line(figure, index, axis, moved))
    return LINE_HEIGHT, marks


def _column_labels(figure: LineFigure, frame: _Frame) -> Iterator[Markup]:
    # Labels that would run into each other are thinned out, evenly.
    longest = max(len(category) for category in figure.categories) * CHARACTER
    every = int(min(longest, LABELS) / frame.step) + 1
    for column in range(0, len(figure.categories), every):
        room = max(frame.step * every, LEAST_LABEL)
        content = figure.categories[column]
        yield label(content, frame.centre(column), LINE_HEIGHT - 34, "middle", room)


def _line_grid(axis: Scale, figure: Figure, left: float) -> Iterator[Markup]:
    for tick in axis.ticks:
        y = axis.at(tick)
        yield rule("grid" if tick else "axis", left, y, WIDTH - 12, y)
        yield words(tick_text(tick, axis, figure), left - 8, y + 4, "end", "tick")
    centre = (left + WIDTH - 12) / 2
    yield words(figure.category_label, centre, LINE_HEIGHT - 8, "middle", "name")
    yield words(figure.value_label, 12, (axis.start + axis.stop) / 2, "middle", "name", turn=-90)


def _line(figure: LineFigure, index: int, axis: Scale, frame: _Frame) -> Markup:
    series = figure.series[index]
    route = whiskers = ""
    marks: list[Markup] = []
    drawing = False
    for column, point in enumerate(series.points):
        if point is not None:
            x, y = frame.centre(column), axis.at(point.value)
            route += f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}"
            whiskers += _whisker(point, axis, x)
            hint = hover(figure.categories[column], series.name, point, figure)
            marks.append(element("g", {}, hint, marker(x, y, index)))
        drawing = point is not None  # a missing value breaks the line
    stroke = colour("stroke", index)
    return element("g", {}, path(f"thin {stroke}", whiskers), path(f"line {stroke}", route), *marks)


def _whisker(point: Point, axis: Scale, x: float) -> str:
    if point.low is None or point.high is None:
        return ""
    low, high = axis.at(point.low), axis.at(point.high)
    caps = "".join(f"M{x - 3:.1f} {end:.1f}h6" for end in (low, high))
    return f"M{x:.1f} {low:.1f}V{high:.1f}{caps}"
