"""Random streams: each one derived from a root and the labels that say what it is for."""

from __future__ import annotations

from random import Random

from fcpref.core.canon import content_id, short

__all__ = ["Random", "derive", "derive_seed"]


def derive_seed(root: int, *labels: str | int) -> int:
    """Return a 64-bit seed that depends on the root and on every label, in order."""
    return int(short(content_id([root, *labels])), 16)


def derive(root: int, *labels: str | int) -> Random:
    """Return a stream for one purpose; streams of different labels share nothing.

    Args:
        root: the run's root seed.
        labels: task, split, index, purpose. Neighbouring indices give unrelated streams, which
            ``Random(seed + index)`` does not.
    """
    return Random(derive_seed(root, *labels))
