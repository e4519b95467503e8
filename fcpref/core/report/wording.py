"""Numbers as readers see them. Minus is U+2212, as wide as plus, so that columns line up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.report.document import BarFigure, Point, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from fcpref.core.evaluation.comparison import Difference
    from fcpref.core.evaluation.summary import Share
    from fcpref.core.report.document import Figure, Unit

MINUS = "\N{MINUS SIGN}"
SMALL_P = 0.001
EXACT_UP_TO = 10_000


def share(value: float) -> str:
    """Write a share as a percentage with one decimal: 0.4567 is "45.7%"."""
    return _minus(f"{value:.1%}")


def points(value: float) -> str:
    """Write a difference of shares as percentage points, with its sign: 0.1 is "+10.0"."""
    return _minus(f"{100 * value:+.1f}")


def signed(value: float) -> str:
    """Write a number with its sign and two decimals: "+0.42"."""
    return _minus(f"{value:+.2f}")


def mean(value: float) -> str:
    """Write a mean of counts with one decimal: "7.0"."""
    return _minus(f"{value:,.1f}")


def number(value: float) -> str:
    """Write a number with at most three significant digits after a whole part is exhausted."""
    if value == int(value) and abs(value) < EXACT_UP_TO:
        return _minus(str(int(value)))
    return _minus(f"{value:,.0f}" if abs(value) >= EXACT_UP_TO else f"{value:.3g}")


def p_value(value: float) -> str:
    """Write a p-value with three decimals, and "<0.001" below them."""
    return f"<{SMALL_P}" if value < SMALL_P else f"{value:.3f}"


def quantity(value: float, unit: Unit) -> str:
    """Write a number in a figure's unit."""
    write: dict[Unit, Callable[[float], str]]
    write = {"share": share, "points": points, "number": number}
    return write[unit](value)


def bounds(low: float, high: float, unit: Unit) -> str:
    """Write the two ends of an interval: "38.7% to 52.4%"."""
    return f"{quantity(low, unit)} to {quantity(high, unit)}"


def point_bounds(point: Point, unit: Unit) -> str:
    """Write a point's interval, or "" where it has none."""
    if point.low is None or point.high is None:
        return ""
    return bounds(point.low, point.high, unit)


def estimate(value: Share | Difference) -> Point:
    """Return an estimate and its interval as a point of a figure."""
    return Point(value=value.value, low=value.interval.low, high=value.interval.high)


def figure_table(figure: Figure) -> Table:
    """Return a figure's numbers as a table: a row for each category, a column for each series."""
    single = len(figure.series) == 1
    names = [figure.value_label] if single else [one.name for one in figure.series]
    kind = "bars" if isinstance(figure, BarFigure) else "lines"
    return Table(
        title=f"{figure.title} ({kind} as numbers)",
        columns=(figure.category_label, *names),
        rows=tuple(
            (category, *(figure_cell(one.points[index], figure.unit) for one in figure.series))
            for index, category in enumerate(figure.categories)
        ),
    )


def figure_cell(point: Point | None, unit: Unit) -> str:
    """Write a point with its interval, or "" where there is none."""
    if point is None:
        return ""
    interval = point_bounds(point, unit)
    return quantity(point.value, unit) + (f" ({interval})" if interval else "")


def _minus(text: str) -> str:
    # "-0.0" is a rounded nothing, not a loss, and "+0.0" is no gain.
    if not any(digit in text for digit in "123456789"):
        return text.lstrip("+-")
    return text.replace("-", MINUS)
