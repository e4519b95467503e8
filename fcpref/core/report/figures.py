"""Figures as inline SVG: horizontal bars and lines, both with error whiskers.

Colours come from the page's style sheet by class, so that one drawing serves light and dark.
Lengths are in the drawing's own units, about one CSS pixel each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.report.document import BarFigure, Figure, LineFigure, Point
from fcpref.core.report.markup import Markup, element, text
from fcpref.core.report.scale import Scale, scale
from fcpref.core.report.wording import point_bounds, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 720.0
CHARACTER = 6.7  # a little more than the mean width of a 12-unit sans-serif character
PALETTE = 6
BAR, BAR_GAP, GROUP_GAP = 15.0, 3.0, 16.0
LABELS = 200.0  # the most that category labels may take of the width
LINE_HEIGHT = 320.0
DODGE = 5.0  # series stand this far apart, so that their whiskers do not hide each other


def svg(figure: BarFigure | LineFigure, identity: str) -> Markup:
    """Draw a figure.

    Args:
        figure: what to draw.
        identity: prefix of the drawing's element ids, unique in the page.
    """
    drawing = _bars(figure) if isinstance(figure, BarFigure) else _lines(figure)
    title, description = f"{identity}-title", f"{identity}-desc"
    return element(
        "svg",
        {
            "viewBox": f"0 0 {WIDTH:.0f} {drawing.height:.0f}",
            "role": "img",
            "aria-labelledby": f"{title} {description}",
        },
        element("title", {"id": title}, text(figure.title)),
        element("desc", {"id": description}, text(figure.description)),
        *drawing.marks,
    )


def key(figure: BarFigure | LineFigure, index: int) -> Markup:
    """Draw the sign of one series for the legend."""
    mark = (
        element("rect", {"class": _colour("fill", index), "width": 12, "height": 12, "rx": 2})
        if isinstance(figure, BarFigure)
        else _marker(6, 6, index)
    )
    return element("svg", {"class": "key", "viewBox": "0 0 12 12", "aria-hidden": "true"}, mark)


@frozen(kw_only=True)
class _Drawing:
    height: float
    marks: tuple[Markup, ...]


def _bars(figure: BarFigure) -> _Drawing:
    count = len(figure.series)
    group = count * (BAR + BAR_GAP) - BAR_GAP + GROUP_GAP
    longest = max(len(category) for category in figure.categories)
    left = min(LABELS, longest * CHARACTER) + 14
    axis = scale(figure.extent, left, WIDTH - 64)
    bottom = group * len(figure.categories) + 4
    marks = [*_grid_of_bars(axis, figure, bottom)]
    for row, category in enumerate(figure.categories):
        top = row * group + GROUP_GAP / 2 + 4
        middle = top + (group - GROUP_GAP) / 2
        marks.append(_label(category, left - 10, middle + 4, "end", LABELS))
        for index, one in enumerate(figure.series):
            point = one.points[row]
            if point is not None:
                y = top + index * (BAR + BAR_GAP)
                hint = _hint(category, one.name, point, figure)
                marks.append(_bar(point, axis, y, index, figure, hint))
    marks.append(_rule("axis", axis.at(0), 4, axis.at(0), bottom))
    return _Drawing(height=bottom + 42, marks=tuple(marks))


def _grid_of_bars(axis: Scale, figure: Figure, bottom: float) -> Iterator[Markup]:
    for tick in axis.ticks:
        yield _rule("grid", axis.at(tick), 4, axis.at(tick), bottom)
        yield _words(_tick(tick, axis, figure), axis.at(tick), bottom + 16, "middle", "tick")
    yield _words(figure.value_label, (axis.start + axis.stop) / 2, bottom + 36, "middle", "name")


def _bar(  # noqa: PLR0913 - geometry and content of one mark
    point: Point, axis: Scale, y: float, index: int, figure: Figure, hint: Markup
) -> Markup:
    ends = sorted((axis.at(0), axis.at(point.value)))
    middle = y + BAR / 2
    shape = {
        "class": _colour("fill", index),
        "x": ends[0],
        "y": y,
        "width": ends[1] - ends[0],
        "height": BAR,
    }
    marks = [hint, element("rect", shape)]
    reach = ends[1]
    if point.low is not None and point.high is not None:
        low, high = axis.at(point.low), axis.at(point.high)
        marks.append(
            _path("whisker", f"M{low:.1f} {middle:.1f}H{high:.1f}{_cap(low, y)}{_cap(high, y)}")
        )
        reach = max(reach, high)
    value = quantity(point.value, figure.unit)
    marks.append(_words(value, reach + 7, middle + 4, "start", "value"))
    return element("g", {}, *marks)


def _cap(x: float, y: float) -> str:
    return f"M{x:.1f} {y + 4:.1f}V{y + BAR - 4:.1f}"


def _lines(figure: LineFigure) -> _Drawing:
    top, bottom = 12.0, LINE_HEIGHT - 52
    axis = scale(figure.extent, bottom, top)
    left = 30 + CHARACTER * max(len(_tick(tick, axis, figure)) for tick in axis.ticks)
    step = (WIDTH - left - 12) / len(figure.categories)
    marks = [*_grid_of_lines(axis, figure, left)]
    # Labels that would run into each other are thinned out, evenly.
    longest = max(len(category) for category in figure.categories)
    every = max(1, min(len(figure.categories), round(longest * CHARACTER / step + 0.5)))
    for column in range(0, len(figure.categories), every):
        x = left + step * (column + 0.5)
        room = max(step * every, 40)
        marks.append(_label(figure.categories[column], x, bottom + 18, "middle", room))
    for index in range(len(figure.series)):
        shift = DODGE * (index - (len(figure.series) - 1) / 2)
        marks.append(_line(figure, index, axis, left + step / 2 + shift, step))
    return _Drawing(height=LINE_HEIGHT, marks=tuple(marks))


def _grid_of_lines(axis: Scale, figure: Figure, left: float) -> Iterator[Markup]:
    for tick in axis.ticks:
        y = axis.at(tick)
        yield _rule("axis" if tick == 0 else "grid", left, y, WIDTH - 12, y)
        yield _words(_tick(tick, axis, figure), left - 8, y + 4, "end", "tick")
    centre = (left + WIDTH - 12) / 2
    yield _words(figure.category_label, centre, LINE_HEIGHT - 8, "middle", "name")
    middle = (axis.start + axis.stop) / 2
    turned = {"transform": f"rotate(-90 12 {middle:.0f})"}
    yield _words(figure.value_label, 12, middle, "middle", "name", turned)


def _line(figure: LineFigure, index: int, axis: Scale, x: float, step: float) -> Markup:
    series = figure.series[index]
    path, whiskers = "", ""
    marks: list[Markup] = []
    previous: Point | None = None
    for column, point in enumerate(series.points):
        if point is not None:
            here, y = x + column * step, axis.at(point.value)
            path += f"{'L' if previous else 'M'}{here:.1f} {y:.1f}"
            if point.low is not None and point.high is not None:
                low, high = axis.at(point.low), axis.at(point.high)
                whiskers += f"M{here:.1f} {low:.1f}V{high:.1f}"
                whiskers += "".join(f"M{here - 3:.1f} {end:.1f}h6" for end in (low, high))
            hint = _hint(figure.categories[column], series.name, point, figure)
            marks.append(element("g", {}, hint, _marker(here, y, index)))
        previous = point
    return element(
        "g",
        {},
        _path(f"thin {_colour('stroke', index)}", whiskers),
        _path(f"line {_colour('stroke', index)}", path),
        *marks,
    )


def _marker(x: float, y: float, index: int) -> Markup:
    """Draw a mark whose shape tells series apart where colours do not."""
    shapes = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        f"M{x - 3.7:.1f} {y - 3.7:.1f}h7.4v7.4h-7.4z",
        f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z",
        f"M{x:.1f} {y - 4.8:.1f}l4.8 8.4h-9.6z",
    )
    return _path(_colour("fill", index), shapes[index % len(shapes)])


def _hint(category: str, series: str, point: Point, figure: Figure) -> Markup:
    interval = point_bounds(point, figure.unit)
    value = quantity(point.value, figure.unit) + (f" ({interval})" if interval else "")
    return element("title", {}, text(f"{category}, {series}: {value}"))


def _tick(tick: float, axis: Scale, figure: Figure) -> str:
    written = quantity(tick, figure.unit)
    whole = all(abs(100 * other - round(100 * other)) < 1e-6 for other in axis.ticks)  # noqa: PLR2004
    return written.replace(".0%", "%") if whole else written


def _label(content: str, x: float, y: float, anchor: str, room: float) -> Markup:
    """Write a label, cut to the room it has; the whole of it shows on hovering."""
    most = max(2, int(room / CHARACTER))
    if len(content) <= most:
        return _words(content, x, y, anchor, "label")
    cut = _words(content[: most - 1] + "…", x, y, anchor, "label")
    return element("g", {}, element("title", {}, text(content)), cut)


def _words(  # noqa: PLR0913 - place, content and style of one mark
    content: str, x: float, y: float, anchor: str, style: str, more: dict[str, str] | None = None
) -> Markup:
    place = {"class": style, "x": x, "y": y, "text-anchor": anchor}
    return element("text", {**place, **(more or {})}, text(content))


def _rule(style: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return _path(style, f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")


def _path(style: str, route: str) -> Markup:
    return element("path", {"class": style, "d": route})


def _colour(use: str, index: int) -> str:
    return f"{use}-{index % PALETTE}"
