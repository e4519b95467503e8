"""TRL's trainers, fed with rows that say which tokens carry loss."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from fcpref.errors import TrainingError

if TYPE_CHECKING:
    from fcpref.core.chains import Encoded
    from fcpref.core.training import DpoSpec, SftSpec

OnStep = Callable[[int, int, Mapping[str, float]], None]
Result = tuple[dict[str, tuple[float, float]], int, str]
_IGNORED = -100  # PyTorch's label for "no loss here"
_METRICS = (
    "loss",
    "logps/chosen",
    "logps/rejected",
    "rewards/margins",
    "rewards/accuracies",
    "mean_token_accuracy",
)
_MICRO_TOKENS_CPU = 1_024
_MICRO_TOKENS_GPU = 32_768


def run_sft(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Encoded],
    spec: SftSpec,
    on_step: OnStep,
) -> Result:
    """Run TRL's SFTTrainer; return metrics (first, last), steps, and why it stopped early."""
    dataset = datasets.Dataset.from_list([_sft_row(row) for row in rows])
    micro, accumulate = _micro_batch(spec.batch, max(row.length for row in rows))
    watch = _Watch(on_step, limit=math.inf)
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            **_common(folder, spec, micro, accumulate, len(rows)), max_length=None, packing=False
        )
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=dataset,
            processing_class=tokenizer,
            callbacks=[watch],
        )
        _own_console(trainer)
        trainer.train()
    return watch.result()


def run_dpo(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Sequence[Encoded]],
    spec: DpoSpec,
    on_step: OnStep,
) -> Result:
    """Run TRL's DPOTrainer on pre-tokenised, masked pairs; see `run_sft`."""
    dataset = datasets.Dataset.from_list([preference_row(*both) for both in rows])
    longest = max(item.length for both in rows for item in both)
    micro, accumulate = _micro_batch(spec.batch, 2 * longest)
    watch = _Watch(on_step, limit=spec.stop_below, beta=spec.beta)
    losses, weights = [spec.loss], [1.0]
    if spec.sft_weight:
        losses, weights = [spec.loss, "sft"], [1.0, spec.sft_weight]
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        arguments = DPOConfig(
            **_common(folder, spec, micro, accumulate, len(rows)),
            max_length=None,
            beta=spec.beta,
            loss_type=losses,
            loss_weights=weights,
            precompute_ref_log_probs=True,
        )
        trainer = MaskedDPOTrainer(
            model=model,
            args=arguments,
            train_dataset=dataset,
            processing_class=tokenizer,
            data_collator=MaskedCollator(pad_token_id=tokenizer.pad_token_id),
            callbacks=[watch],
        )
        _own_console(trainer)
        trainer.train()
    return watch.result()


def preference_row(chosen: Encoded, rejected: Encoded) -> dict[str, list[int]]:
    """Return a row of `MaskedDPOTrainer`; both chains must share the prompt."""
    if chosen.prompt != rejected.prompt:
        message = "a pair's chains do not share their prompt; pair within one problem"
        raise TrainingError(message)
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

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[no-untyped-call]
        # The masks stay in the dataset, so TRL's cache of reference log-probabilities sees them.
        masks = {"chosen_mask", "rejected_mask"}
        self._signature_columns = sorted({*self._signature_columns, *masks})


class _Watch(TrainerCallback):
    """Reports steps, keeps first and last metrics, and stops a run that goes wrong."""

    def __init__(self, on_step: OnStep, limit: float, beta: float = 1.0) -> None:
        self.on_step = on_step
        self.limit = limit
        self.beta = beta
        self.history: list[dict[str, float]] = []
        self.steps = 0
        self.stopped = ""

    def on_log(
        self,
        args: Any,  # noqa: ANN401, ARG002
        state: Any,  # noqa: ANN401
        control: Any,  # noqa: ANN401
        logs: Any = None,  # noqa: ANN401
        **_: Any,  # noqa: ANN401
    ) -> None:
        if not logs or "loss" not in logs:
            return
        numbers = {key: float(n) for key, n in logs.items() if isinstance(n, int | float)}
        if not math.isfinite(numbers["loss"]):
            where = f"at step {state.global_step}"
            message = f"the loss is {numbers['loss']} {where}; lower the learning rate"
            raise TrainingError(message)
        self.history.append(numbers)
        # The reward is beta times the chosen chains' log-ratio to the reference, row by row: other
        # than the window's mean log-probability, it does not depend on which rows the window drew.
        fallen = -numbers.get("rewards/chosen", 0.0) / self.beta
        if fallen > self.limit:
            self.stopped = (
                f"step {state.global_step}: chosen log-probability fell {fallen:.1f} nats a chain "
                f"below the reference's, over stop_below {self.limit:g} (likelihood displacement); "
                "lower the learning rate or raise sft_weight"
            )
            control.should_training_stop = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        self.steps = state.global_step
        self.on_step(state.global_step, state.max_steps, self.history[-1] if self.history else {})

    def result(self) -> Result:
        metrics = {
            key: (round(self.history[0][key], 4), round(self.history[-1][key], 4))
            for key in _METRICS
            if self.history and key in self.history[0] and key in self.history[-1]
        }
        return metrics, self.steps, self.stopped


def _sft_row(row: Encoded) -> dict[str, list[int]]:
    labels = [
        token if carries else _IGNORED
        for token, carries in zip(row.completion, row.mask, strict=True)
    ]
    return {
        "input_ids": [*row.prompt, *row.completion],
        "labels": [_IGNORED] * len(row.prompt) + labels,
    }


def _common(
    folder: str, spec: SftSpec | DpoSpec, micro: int, accumulate: int, rows: int
) -> dict[str, Any]:
    steps = max(1, rows * spec.epochs // spec.batch)
    return {
        "output_dir": folder,
        "learning_rate": spec.learning_rate,
        "num_train_epochs": spec.epochs,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": accumulate,
        "warmup_steps": round(steps * spec.warmup),
        "lr_scheduler_type": "linear",
        "seed": spec.seed,
        "data_seed": spec.seed,
        "bf16": False,
        "gradient_checkpointing": False,
        "logging_steps": max(1, steps // 10),
        # Otherwise the trainer logs the last finite losses in place of a NaN, and nobody notices.
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "max_grad_norm": 1.0,
        "dataloader_pin_memory": False,
    }


def _micro_batch(batch: int, longest: int) -> tuple[int, int]:
    """Return rows a forward pass and passes an optimizer step, by a token budget."""
    budget = _MICRO_TOKENS_GPU if torch.cuda.is_available() else _MICRO_TOKENS_CPU
    micro = max(1, min(batch, budget // longest))
    while batch % micro:
        micro -= 1
    return micro, batch // micro


def _own_console(trainer: Any) -> None:  # noqa: ANN401
    # Progress is shown by the caller; the trainer's own printing would break its bars.
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries' warnings and bars off the console while training runs."""
    level = transformers.logging.get_verbosity()
    previous = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    trl_logger = logging.getLogger("trl")
    trl_level = trl_logger.level
    trl_logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)
        trl_logger.setLevel(trl_level)
        datasets.enable_progress_bars()
        if previous is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = previous
