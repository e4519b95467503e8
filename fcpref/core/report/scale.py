"""A value axis: round ticks, and where a value lies."""

from __future__ import annotations

import math

from attrs import frozen

LEAST_SPAN = 1e-9


@frozen(kw_only=True)
class Scale:
    """A linear map from values to lengths in a drawing.

    Attributes:
        ticks: round values, ascending; the first and the last are the ends of the axis.
        start: where the first tick lies.
        stop: where the last tick lies; less than ``start`` for an axis that runs upwards.
    """

    ticks: tuple[float, ...]
    start: float
    stop: float

    def at(self, value: float) -> float:
        """Return where a value lies."""
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (value - low) / (high - low) * (self.stop - self.start)


def scale(extent: tuple[float, float], start: float, stop: float, steps: int = 5) -> Scale:
    """Return a scale whose ticks are multiples of 1, 2 or 5 times a power of ten.

    Args:
        extent: the least and the greatest value to show, at most 1e12 in magnitude.
        start: where the axis begins, in drawing units.
        stop: where it ends.
        steps: about how many steps between ticks.

    Source: Heckbert (1990), "Nice numbers for graph labels", Graphics Gems, 61-63.
    """
    low, high = extent
    if high - low < LEAST_SPAN:
        high = low + 1.0
    raw = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    # The slack keeps a value that is a tick up to rounding from adding one more tick.
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return Scale(
        ticks=tuple(index * step for index in range(first, last + 1)), start=start, stop=stop
    )
