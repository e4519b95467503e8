"""Training by several processes, one a GPU, as `accelerate launch` starts them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def sharded() -> bool:
    """Tell whether weights will lie in parts on several GPUs (FSDP, ZeRO-3)."""
    return any(
        os.environ.get(f"ACCELERATE_USE_{way}", "").lower() == "true"
        for way in ("FSDP", "DEEPSPEED")
    )


def whole(parameters: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    """Return named parameters whole, on the CPU; every process must ask.

    Args:
        parameters: names and tensors, which FSDP may have left in parts on several GPUs.
    """
    found = {}
    for name, parameter in parameters:
        if hasattr(parameter, "full_tensor"):
            tensor = parameter.full_tensor()
        elif hasattr(parameter, "ds_id"):
            import deepspeed  # type: ignore[import-not-found, unused-ignore]

            with deepspeed.zero.GatheredParameters([parameter]):
                tensor = parameter.data.clone()
        else:
            tensor = parameter.data
        found[name] = tensor.detach().cpu()
    return found
