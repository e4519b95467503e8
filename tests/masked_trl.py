"""TRL's own forward passes on padded rows with our masks: what packed ones must agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

if TYPE_CHECKING:
    from fcpref.core.chains import Encoded


def supervised_row(row: Encoded) -> dict[str, list[int]]:
    """Return a row of TRL's SFTTrainer."""
    labels = [
        token if carries else -100 for token, carries in zip(row.completion, row.mask, strict=True)
    ]
    return {
        "input_ids": [*row.prompt, *row.completion],
        "labels": [-100] * len(row.prompt) + labels,
    }


def preference_row(chosen: Encoded, rejected: Encoded) -> dict[str, list[int]]:
    """Return a row of `MaskedDPOTrainer`; both chains must share the prompt."""
    return {
        "prompt_ids": list(chosen.prompt),
        "chosen_ids": list(chosen.completion),
        "rejected_ids": list(rejected.completion),
        "chosen_mask": [int(carries) for carries in chosen.mask],
        "rejected_mask": [int(carries) for carries in rejected.mask],
    }


class MaskedCollator(DataCollatorForPreference):
    """TRL's collator, with the completion mask taken from the rows."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate, then mask function results out of the completion."""
        output: dict[str, Any] = super().torch_call(examples)
        mask = torch.zeros_like(output["completion_mask"])
        masks = [e["chosen_mask"] for e in examples] + [e["rejected_mask"] for e in examples]
        for index, own in enumerate(masks):
            start = len(examples[index % len(examples)]["prompt_ids"])
            mask[index, start : start + len(own)] = torch.tensor(own)
        output["completion_mask"] = mask
        return output


class MaskedDPOTrainer(DPOTrainer):
    """TRL's DPOTrainer for rows that are tokenised and masked already."""

    _signature_columns: Any

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[no-untyped-call]
        # The masks stay in the dataset, so TRL's cache of reference log-probabilities sees them.
        masks = {"chosen_mask", "rejected_mask"}
        self._signature_columns = sorted({*self._signature_columns, *masks})
