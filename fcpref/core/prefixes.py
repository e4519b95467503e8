"""What two sequences begin with together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def shared_length(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many items two sequences begin with together."""
    both = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in both if a != b), min(len(first), len(second)))
