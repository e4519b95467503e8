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


_WORTH_IT = 0.9
"""Of the tokens with padding, that rows one behind the other must save a tenth of.

Attention is slower there: each row's tokens are told apart from the others' by a mask.
"""
_ALIGNED = 8
"""What widths are multiples of there, or attention copies the mask in every layer."""


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
        """Return the parts: a row each by itself, or one behind the other if that saves enough."""
        rows = [self.rows[one["row"]] for one in examples]
        lengths = [row.length for row in rows]
        padded = by_budget(lengths, self.budget)
        width = -(-max(lengths) // _ALIGNED) * _ALIGNED
        filled = fill(lengths, width)
        tokens = sum(len(group) * max(lengths[at] for at in group) for group in padded)
        if len(filled) * width > _WORTH_IT * tokens:
            return {
                "parts": [collate_rows([rows[at] for at in group], self.pad) for group in padded]
            }
        most = max(1, self.budget // width)
        parts = [filled[start : start + most] for start in range(0, len(filled), most)]
        return {
            "parts": [
                collate_filled([[rows[at] for at in line] for line in part], self.pad, width)
                for part in parts
            ]
        }


def fill(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Return places of rows, grouped into lines that hold them one behind the other.

    The longest row comes first, each in the first line that has room for it (first-fit decreasing).

    Args:
        lengths: tokens of each row, at most `width`.
        width: tokens of a line.
    """
    lines: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        line = next((at for at, left in enumerate(room) if left >= lengths[place]), len(lines))
        if line == len(lines):
            lines.append([])
            room.append(width)
        lines[line].append(place)
        room[line] -= lengths[place]
    return lines


def collate_rows(rows: Sequence[Encoded], pad: int) -> Batch:
    """Return rows as one batch, padded on the right.

    Args:
        rows: B of them.
        pad: id of the padding token.

    Returns:
        ``input_ids`` of shape (B, L); and, of all N trained tokens, ``rows`` and ``columns`` that
        they are read off, and ``targets``. Nothing sees what is on its right, so no mask is needed.
    """
    batch = collate_filled([[row] for row in rows], pad, max(row.length for row in rows))
    return {name: batch[name] for name in ("input_ids", "rows", "columns", "targets")}


def collate_filled(lines: Sequence[Sequence[Encoded]], pad: int, width: int) -> Batch:
    """Return lines of rows, one behind the other, as one batch, padded on the right.

    Args:
        lines: B of them.
        pad: id of the padding token.
        width: L, tokens of a line.

    Returns:
        As `collate_rows`; and ``position_ids`` of tokens in their own rows and ``segments``, the
        number of each token's row in its line, both of shape (B, L).
    """
    flat: dict[str, list[list[int]]] = {
        name: [] for name in ("input_ids", "position_ids", "segments")
    }
    trained: dict[str, list[int]] = {name: [] for name in ("rows", "columns", "targets")}
    for number, line in enumerate(lines):
        ids: list[int] = []
        positions: list[int] = []
        segments: list[int] = []
        for segment, row in enumerate(line):
            start = len(ids) + len(row.prompt)
            ids += (*row.prompt, *row.completion)
            positions += range(row.length)
            segments += [segment] * row.length
            places = [start + at for at, carries in enumerate(row.mask) if carries]
            trained["rows"] += [number] * len(places)
            trained["columns"] += [place - 1 for place in places]
            trained["targets"] += [ids[place] for place in places]
        rest = width - len(ids)
        flat["input_ids"].append([*ids, *[pad] * rest])
        flat["position_ids"].append([*positions, *range(rest)])
        flat["segments"].append([*segments, *[len(line)] * rest])
    return {
        **{name: torch.tensor(one) for name, one in flat.items()},
        **{name: torch.tensor(one, dtype=torch.long) for name, one in trained.items()},
    }


def seen(segments: torch.Tensor) -> torch.Tensor:
    """Return what tokens see: those before them of the same row, and themselves.

    Args:
        segments: shape (B, L).

    Returns:
        Shape (B, 1, L, L), true where the token of the last dimension is seen.
    """
    width = segments.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool, device=segments.device).tril()
    return (causal & (segments[:, :, None] == segments[:, None, :]))[:, None]


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
            told = {}
            if "segments" in part:
                told = {
                    "position_ids": part["position_ids"],
                    "attention_mask": seen(part["segments"]),
                }
            found: Scored = model(
                input_ids=part["input_ids"],
                trained=(part["rows"], part["columns"], part["targets"]),
                **told,
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
