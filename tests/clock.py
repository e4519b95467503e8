"""A clock that tests move themselves."""

from __future__ import annotations

from attrs import define


@define
class Clock:
    """Seconds from 100, moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now
