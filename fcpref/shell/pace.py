"""How fast work goes, by what was done in the last minutes, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 120.0
_STEP = 1.0
_MINUTE, _HOUR = 60, 3600


class Pace:
    """The rate of something that is counted up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start at 0, now.

        Args:
            clock: seconds, from any start.
        """
        self._clock = clock
        self._points = deque([(clock(), 0.0)])

    def to(self, done: float) -> None:
        """Take in how much is done."""
        now = self._clock()
        start, _ = self._points[-1]
        if now - start < _STEP:
            # What comes at once was done before, by a run that this one goes on from.
            self._points[-1] = (start, done)
        else:
            self._points.append((now, done))
        while len(self._points) > 1 and self._points[1][0] <= now - WINDOW:
            self._points.popleft()

    @property
    def rate(self) -> float:
        """Units a second over the last `WINDOW` seconds; 0 while nothing is known."""
        (start, before), (_, done) = self._points[0], self._points[-1]
        passed = self._clock() - start
        return (done - before) / passed if passed >= _STEP else 0.0

    def seconds_left(self, units: float) -> float | None:
        """Return how long so many units will take; None while that is not known."""
        if units <= 0:
            return 0.0
        rate = self.rate
        return units / rate if rate > 0 else None


def duration(seconds: float) -> str:
    """Write seconds for people: "45 s", "12 min", "2 h 05 min"."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    minutes = round(seconds / _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"
