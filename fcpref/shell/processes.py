"""Training by several processes, one a GPU, as `accelerate launch` starts them."""

from __future__ import annotations

import os


def number() -> int:
    """Return this process's number, from 0; the first one writes what comes out."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Tell whether this process writes what comes out."""
    return number() == 0


def take_device() -> None:
    """Make this process's GPU the one that ``cuda`` means, where there are several processes."""
    if count() == 1:
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
