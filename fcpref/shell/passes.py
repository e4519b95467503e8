"""An optimizer step in several passes, of which each fits in memory; what both trainers share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.shell.packed_pairs import Batch


def passes(trainer: Any, model: Any, parts: Sequence[Batch]) -> Iterator[Batch]:  # noqa: ANN401
    """Give the parts of a step one after the other, each with what its two passes need around them.

    Gradients are exchanged between processes once, with the last part.

    Args:
        trainer: TRL's.
        model: as the trainer was given it for the step.
        parts: of the step.
    """
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        alone = contextlib.nullcontext() if last else trainer.accelerator.no_sync(model)
        with alone, trainer.compute_loss_context_manager():
            yield part


def average_metrics(trainer: Any) -> None:  # noqa: ANN401
    """Put in place of what a trainer has measured since its last log the means over all processes.

    Args:
        trainer: TRL's, about to log.
    """
    metrics = trainer._metrics["train"]  # noqa: SLF001 - TRL has no other place
    for name in sorted(metrics):
        mean = torch.stack([torch.as_tensor(one) for one in metrics[name]]).double().mean()
        whole = trainer.accelerator.reduce(mean.float().to(trainer.accelerator.device), "mean")
        metrics[name] = [float(whole)]
