"""Single marks of a drawing: words, rules, markers; each is SVG markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.report.markup import Markup, element, text
from fcpref.core.report.wording import figure_cell, quantity

if TYPE_CHECKING:
    from fcpref.core.report.document import Figure, Point
    from fcpref.core.report.scale import Scale

CHARACTER = 6.7  # a little more than the mean width of a 12-unit sans-serif character
PALETTE = 6  # colours in the style sheet
ROUNDING = 1e-6


def marker(x: float, y: float, index: int) -> Markup:
    """Draw a series' marker; its shape tells series apart where colours do not."""
    shapes = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        f"M{x - 3.7:.1f} {y - 3.7:.1f}h7.4v7.4h-7.4z",
        f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z",
        f"M{x:.1f} {y - 4.8:.1f}l4.8 8.4h-9.6z",
    )
    return path(colour("fill", index), shapes[index % len(shapes)])


def hover(category: str, series: str, point: Point, figure: Figure) -> Markup:
    """Return what shows on hovering over a point, and what a screen reader says of it."""
    return element("title", {}, text(f"{category}, {series}: {figure_cell(point, figure.unit)}"))


def tick_text(value: float, axis: Scale, figure: Figure) -> str:
    """Write a tick, without decimals where no tick of the axis needs them."""
    written = quantity(value, figure.unit)
    if figure.unit != "number" and all(
        abs(100 * tick - round(100 * tick)) < ROUNDING for tick in axis.ticks
    ):
        return written.replace(".0", "")
    return written


def words(
    content: str,
    x: float,
    y: float,
    anchor: str,
    style: str,
    turn: float = 0.0,
) -> Markup:
    """Write a line of text at a place, turned by some degrees about it."""
    attributes: dict[str, str | float] = {"class": style, "x": x, "y": y, "text-anchor": anchor}
    if turn:
        attributes["transform"] = f"rotate({turn:.0f} {x:.1f} {y:.1f})"
    return element("text", attributes, text(content))


def label(content: str, x: float, y: float, anchor: str, room: float) -> Markup:
    """Write a label, cut to the room it has; the whole of it shows on hovering."""
    most = max(2, int(room / CHARACTER))
    if len(content) <= most:
        return words(content, x, y, anchor, "label")
    cut = words(content[: most - 1] + "…", x, y, anchor, "label")
    return element("g", {}, element("title", {}, text(content)), cut)


def rule(style: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """Draw a straight line."""
    return path(style, f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")


def path(style: str, route: str) -> Markup:
    """Draw along a route in SVG's path language."""
    return element("path", {"class": style, "d": route})


def colour(use: str, index: int) -> str:
    """Return the class that gives a series its colour, as ``fill`` or as ``stroke``."""
    return f"{use}-{index % PALETTE}"
