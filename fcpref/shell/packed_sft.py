"""TRL's SFTTrainer on rows that say which tokens carry loss: passes are filled by tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from trl import SFTTrainer

from fcpref.shell.balancing import Balancing
from fcpref.shell.layouts import lay_out
from fcpref.shell.packed_rows import Batch, alone, collate
from fcpref.shell.passes import average_metrics, on_device, passes
from fcpref.shell.resuming import Resuming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Encoded
    from fcpref.shell.trained_forward import Scored


class RowCollator:
    """Makes a batch of places of rows, in parts that each fit a forward pass."""

    def __init__(self, rows: Sequence[Encoded], pad: int, budget: int) -> None:
        """Keep the rows.

        Args:
            rows: all of them.
            pad: id of the padding token.
            budget: tokens of a forward pass, padding included.
        """
        self.rows, self.pad, self.budget = rows, pad, budget

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [row.length for row in self.rows]

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, list[Batch]]:
        """Return the parts."""
        rows = [alone(self.rows[one["row"]]) for one in examples]
        parts = lay_out([row.length for row in rows], self.budget)
        return {
            "parts": [
                collate([[rows[at] for at in line] for line in part.lines], self.pad, part.width)
                for part in parts
            ]
        }


class PackedSFTTrainer(Balancing, Resuming, SFTTrainer):
    """TRL's SFTTrainer: its loss and schedule, our batches and forward passes."""

    _signature_columns: Any

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["row"]

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:  # noqa: ANN401
        """Run an optimizer step's passes; the loss is the mean over its trained tokens."""
        del num_items_in_batch
        model.train()
        parts: Any = on_device(self, inputs)["parts"]
        count = float(sum(len(part["targets"]) for part in parts))
        own = torch.tensor(count, device=self.args.device)
        # Processes' gradients are averaged, so each divides by the mean of what they train on. A
        # clone, since the one given is reduced in place.
        tokens = self.accelerator.reduce(own.clone(), "mean")
        total = torch.zeros((), device=self.args.device)
        right = torch.zeros((), device=self.args.device)
        for part in passes(self, model, parts):
            found: Scored = model(
                input_ids=part["input_ids"],
                trained=(part["rows"], part["columns"], part["targets"]),
                **{name: part[name] for name in ("position_ids", "segments") if name in part},
            )
            loss = -found.log_probs.sum() / tokens
            self.accelerator.backward(loss)
            total += loss.detach()
            right += found.is_top1.sum()
        self._metrics["train"]["mean_token_accuracy"].append(right / own)
        return total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the metrics' means over all processes."""
        average_metrics(self)
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ANN401
        """Count nothing: the parent's estimate is of padded rows."""
        del inputs
        return 0
