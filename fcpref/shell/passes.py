"""An optimizer step in several passes, of which each fits in memory; what both trainers share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import send_to_device

from fcpref.shell import sharding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.shell.packed_rows import Batch


def on_device(trainer: Any, values: Any) -> Any:  # noqa: ANN401
    """Return tensors, of dictionaries and lists too, where a trainer computes.

    Its own way would round log-probabilities of the reference under DeepSpeed.
    """
    return send_to_device(values, trainer.args.device)


def passes(trainer: Any, model: Any, parts: Sequence[Batch]) -> Iterator[Batch]:  # noqa: ANN401
    """Give the parts of a step one after the other, each with what its two passes need around them.

    Gradients are exchanged between processes once, with the last part. Those of a model that is
    shared out are with each, so that no process holds whole ones, and a process with fewer parts
    than another computes as often as that by passes of nothing.

    Args:
        trainer: TRL's.
        model: as the trainer was given it for the step.
        parts: of the step.
    """
    shared = sharding.kind()
    for _ in range(sharding.lacking(trainer.accelerator, len(parts))):
        _step_ends(trainer, now=False)
        with trainer.compute_loss_context_manager():
            trainer.accelerator.backward(nothing(model, parts[0]).sum())
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        _step_ends(trainer, now=last)
        at_once = last or shared
        alone = contextlib.nullcontext() if at_once else trainer.accelerator.no_sync(model)
        with alone, trainer.compute_loss_context_manager():
            yield part


def nothing(model: Any, part: Batch) -> torch.Tensor:  # noqa: ANN401
    """Return the log-probabilities of no tokens, for which all layers are computed.

    Args:
        model: whose forward takes ``trained``.
        part: of a step, for its device and a token.
    """
    none = part["targets"][:0]
    log_probs: torch.Tensor = model(
        input_ids=part["input_ids"][:1, :1], trained=(none, none, none)
    ).log_probs
    return log_probs


def _step_ends(trainer: Any, *, now: bool) -> None:  # noqa: ANN401
    """Say whether the next backward pass is a step's last, after which DeepSpeed takes the step."""
    if sharding.kind() == "zero3":
        trainer.accelerator.gradient_state._set_sync_gradients(now)  # noqa: SLF001


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
