"""TRL's SFTTrainer on rows that say which tokens carry loss: passes are filled by tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from trl import SFTTrainer

from fcpref.shell.packed_pairs import Batch, Scored, by_budget
from fcpref.shell.passes import average_metrics, on_device, passes
from fcpref.shell.resuming import Resuming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Encoded


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

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, list[Batch]]:
        """Return the parts."""
        rows = [self.rows[one["row"]] for one in examples]
        groups = by_budget([row.length for row in rows], self.budget)
        return {"parts": [collate_rows([rows[at] for at in group], self.pad) for group in groups]}


def collate_rows(rows: Sequence[Encoded], pad: int) -> Batch:
    """Return rows as one batch, padded on the right.

    Args:
        rows: B of them.
        pad: id of the padding token.

    Returns:
        ``input_ids`` of shape (B, L); and, of all N trained tokens, ``rows`` and ``columns`` that
        they are read off, and ``targets``. Nothing sees what is on its right, so no mask is needed.
    """
    width = max(row.length for row in rows)
    ids = [[*row.prompt, *row.completion, *[pad] * (width - row.length)] for row in rows]
    trained = [
        (number, len(row.prompt) + place)
        for number, row in enumerate(rows)
        for place, carries in enumerate(row.mask)
        if carries
    ]
    return {
        "input_ids": torch.tensor(ids),
        "rows": torch.tensor([number for number, _ in trained], dtype=torch.long),
        "columns": torch.tensor([place - 1 for _, place in trained], dtype=torch.long),
        "targets": torch.tensor([ids[number][place] for number, place in trained]),
    }


class PackedSFTTrainer(Resuming, SFTTrainer):
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
