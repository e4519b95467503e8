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
from accelerate.utils import is_peft_model
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trl.trainer.utils import FusedCausalLMOutput, use_adapter

from fcpref.errors import TrainingError
from fcpref.shell import processes
from fcpref.shell.packed_pairs import (
    Batch,
    PackedPair,
    Scored,
    by_budget,
    collate,
    pack,
    score_trained_only,
    table,
)
from fcpref.shell.resuming import Resuming, start_of

if TYPE_CHECKING:
    from fcpref.core.chains import Encoded
    from fcpref.core.training import DpoSpec, SftSpec
    from fcpref.shell.checkpoints import Checkpoints

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
_REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")


def run_sft(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Encoded],
    spec: SftSpec,
    on_step: OnStep,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """Run TRL's SFTTrainer; return metrics (first, last), steps, and why it stopped early."""
    start = start_of(checkpoints, model)
    dataset = datasets.Dataset.from_list([_sft_row(row) for row in rows])
    longest = max(row.length for row in rows)
    micro, accumulate = _micro_batch(_own_batch(spec.batch), longest, start.tokens)
    watch = _Watch(on_step, limit=math.inf)
    with _quiet(), _any_shape(), tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            **_common(folder, spec, micro, accumulate, len(rows)), max_length=None, packing=False
        )
        trainer = ResumingSFTTrainer(
            model=model,
            args=arguments,
            train_dataset=dataset,
            processing_class=tokenizer,
            callbacks=[watch],
        )
        _own_console(trainer)
        trainer.begin(start)
    return watch.result()


def run_dpo(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Sequence[Encoded]],
    spec: DpoSpec,
    on_step: OnStep,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """Run TRL's DPOTrainer on pre-tokenised, masked, packed pairs; see `run_sft`."""
    start = start_of(checkpoints, model)
    packed = [pack(*both) for both in rows]
    watch = _Watch(on_step, limit=spec.stop_below, beta=spec.beta)
    losses, weights = [spec.loss], [1.0]
    if spec.sft_weight:
        losses, weights = [spec.loss, "sft"], [1.0, spec.sft_weight]
    own = _own_batch(spec.batch)
    score_trained_only(model.get_base_model() if hasattr(model, "get_base_model") else model)
    with _quiet(), _any_shape(), tempfile.TemporaryDirectory() as folder:
        arguments = DPOConfig(
            **_common(folder, spec, own, 1, len(rows)),
            max_length=None,
            beta=spec.beta,
            loss_type=losses,
            loss_weights=weights,
        )
        trainer = PackedDPOTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_dict({"pair": range(len(packed))}),
            processing_class=tokenizer,
            data_collator=PackedCollator(packed, tokenizer.pad_token_id, start.tokens),
            callbacks=[watch],
            reference=start.common.get("references"),
        )
        _own_console(trainer)
        trainer.begin(start)
    return watch.result()


class ResumingSFTTrainer(Resuming, SFTTrainer):
    """TRL's SFTTrainer, with checkpoints of ours."""


class PackedCollator:
    """Makes a batch of places of pairs: packed, in parts that each fit a forward pass."""

    def __init__(self, pairs: Sequence[PackedPair], pad: int, budget: int) -> None:
        """Keep the pairs.

        Args:
            pairs: all of them.
            pad: id of the padding token.
            budget: tokens of a forward pass, padding included.
        """
        self.pairs, self.pad, self.budget = pairs, pad, budget

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the parts; reference log-probabilities go with them where the rows have them."""
        groups = by_budget([self.pairs[one["pair"]].length for one in examples], self.budget)
        return {"parts": [self._part([examples[place] for place in group]) for group in groups]}

    def _part(self, examples: Sequence[Mapping[str, Any]]) -> Batch:
        batch = collate([self.pairs[one["pair"]] for one in examples], self.pad)
        for name in _REFERENCE:
            if name in examples[0]:
                batch[name] = torch.tensor([one[name] for one in examples])
        return batch


class PackedDPOTrainer(Resuming, DPOTrainer):
    """TRL's DPOTrainer on packed pairs: its losses and metrics, our forward pass."""

    _signature_columns: Any

    def __init__(self, *, reference: Any = None, **options: Any) -> None:  # noqa: ANN401
        """Take TRL's options; score all pairs with the reference, once.

        TRL would do that too, but keeps the results on disk under a hash of all weights, which
        takes longer than a short run.

        Args:
            reference: its scores, of shape (2, pairs), where they are known.
            **options: TRL's.
        """
        super().__init__(**options)
        self.reference = self._scored_by_reference() if reference is None else reference
        rows: Any = self.train_dataset
        for column, values in zip(_REFERENCE, self.reference.tolist(), strict=True):
            rows = rows.add_column(column, values)
        self.train_dataset = rows
        self.precompute_ref_logps = True

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["pair", *_REFERENCE]

    def references(self) -> torch.Tensor:
        """Return the reference's scores, so that a run that goes on has the same ones."""
        return self.reference

    def _scored_by_reference(self) -> torch.Tensor:
        """Return the reference's log-probabilities of all pairs; alike in length together."""
        collator: Any = self.data_collator
        found = torch.zeros(len(_REFERENCE), len(collator.pairs))
        # The same groups for all, though one may have less memory free than another.
        budgets = torch.tensor([collator.budget], device=self.accelerator.device)
        least = int(self.accelerator.gather(budgets).min())
        groups = by_budget([pair.length for pair in collator.pairs], least)
        mine = groups[self.accelerator.process_index :: self.accelerator.num_processes]
        for group in mine:
            pairs = [collator.pairs[one] for one in group]
            batch = self._prepare_inputs(collate(pairs, collator.pad))
            logps = self.compute_ref_log_probs(self.model, batch)
            found[:, group] = torch.stack(logps).float().cpu()
        # Each process has filled in its own places.
        whole: torch.Tensor = self.accelerator.reduce(found.to(self.accelerator.device), "sum")
        return whole.cpu()

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:  # noqa: ANN401
        """Return the reference's log-probabilities of the chosen and of the rejected chains."""
        reference: Any = contextlib.nullcontext()
        if is_peft_model(self.model):
            unwrapped = self.accelerator.unwrap_model(self.model)
            # Of a student with an adapter TRL keeps a copy; of a new one the base is the reference.
            name = "ref" if "ref" in unwrapped.peft_config else None
            reference = use_adapter(unwrapped, adapter_name=name)
        with torch.no_grad(), reference, self.accelerator.autocast():
            log_probs = _forward(model, inputs).log_probs
        return table(log_probs, inputs, _widest(inputs)).sum(1).chunk(2)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:  # noqa: ANN401
        """Run an optimizer step's forward and backward passes, part by part."""
        del num_items_in_batch
        model.train()
        parts = self._prepare_inputs(inputs)["parts"]
        pairs = sum(len(part["input_ids"]) for part in parts)
        shares = [len(part["input_ids"]) / pairs for part in parts]
        total = torch.zeros((), device=self.args.device)
        for number, (part, share) in enumerate(zip(parts, shares, strict=True), start=1):
            # Gradients are exchanged between processes once, with the last part.
            last = number == len(parts)
            alone = contextlib.nullcontext() if last else self.accelerator.no_sync(model)
            with alone, self.compute_loss_context_manager():
                loss = self.compute_loss(model, part) * share  # type: ignore[no-untyped-call]
                loss = loss / self.current_gradient_accumulation_steps
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:  # noqa: ANN401, FBT001
        chains, width = 2 * len(inputs["input_ids"]), _widest(inputs)
        carries = table(torch.ones_like(inputs["targets"]), inputs, width)
        # TRL's view: a row a chain, of the trained tokens alone behind one that is not.
        view = {
            "input_ids": torch.zeros(chains, width + 1, dtype=torch.long, device=carries.device),
            "attention_mask": inputs["attention_mask"].diagonal(dim1=-2, dim2=-1),
            "completion_mask": torch.nn.functional.pad(carries, (1, 0)),
            **{name: inputs[name] for name in _REFERENCE},
        }

        def scores(**_: Any) -> FusedCausalLMOutput:  # noqa: ANN401
            found = _forward(model, inputs)
            log_probs = table(found.log_probs, inputs, width)
            unknown = torch.zeros_like(log_probs)
            return FusedCausalLMOutput(
                log_probs=log_probs,
                entropy=unknown,
                mean_logits=unknown,
                is_top1=table(found.is_top1, inputs, width),
            )

        # TRL gathers metrics from all processes here, but these have parts of their own.
        with _alone(self.accelerator):
            return super()._compute_loss(scores, view, return_outputs)  # type: ignore[no-untyped-call]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the metrics' means over all processes."""
        metrics = self._metrics["train"]
        for name in sorted(metrics):
            mean = torch.tensor(sum(metrics[name]) / len(metrics[name]))
            whole = self.accelerator.reduce(mean.to(self.accelerator.device), "mean")
            metrics[name] = [float(whole)]
        for name in ("entropy", "logits/chosen", "logits/rejected"):
            metrics.pop(name, None)  # are not computed
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ANN401
        """Count nothing: the parent's estimate is of padded rows."""
        del inputs
        return 0


@contextlib.contextmanager
def _alone(accelerator: Any) -> Iterator[None]:  # noqa: ANN401
    """Let gathering from all processes give what this one has."""
    names = ("gather", "gather_for_metrics")
    for name in names:
        setattr(accelerator, name, lambda values: values)
    try:
        yield
    finally:
        for name in names:
            delattr(accelerator, name)


def _forward(model: Any, batch: Mapping[str, torch.Tensor]) -> Scored:  # noqa: ANN401
    result: Scored = model(
        input_ids=batch["input_ids"],
        position_ids=batch["position_ids"],
        attention_mask=batch["attention_mask"],
        trained=(batch["rows"], batch["columns"], batch["targets"]),
    )
    return result


def _widest(batch: Mapping[str, torch.Tensor]) -> int:
    return int(batch["places"].max()) + 1


class _Watch(TrainerCallback):
    """Reports steps, keeps first and last metrics, and stops a run that goes wrong."""

    def __init__(self, on_step: OnStep, limit: float, beta: float = 1.0) -> None:
        self.on_step = on_step
        self.limit = limit
        self.beta = beta
        self.history: list[dict[str, float]] = []
        self.steps = 0
        self.stopped = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        # Of a run that goes on, what was logged before is in the state.
        self.history = [entry for entry in state.log_history if "loss" in entry]
        self.steps = state.global_step

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
        self.on_step(state.global_step, state.max_steps, numbers)
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
        self.on_step(state.global_step, state.max_steps, {})

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


def _micro_batch(batch: int, longest: int, budget: int) -> tuple[int, int]:
    """Return rows a forward pass and passes an optimizer step, by a token budget."""
    micro = max(1, min(batch, budget // longest))
    while batch % micro:
        micro -= 1
    return micro, batch // micro


def _own_batch(batch: int) -> int:
    """Return the rows of an optimizer step that are this process's."""
    if batch % processes.count():
        raise TrainingError(
            f"a batch of {batch} cannot be shared by {processes.count()} processes; set batch to a "
            "multiple of them"
        )
    return batch // processes.count()


def _own_console(trainer: Any) -> None:  # noqa: ANN401
    # Progress is shown by the caller; the trainer's own printing would break its bars.
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)


@contextlib.contextmanager
def _any_shape() -> Iterator[None]:
    """Train without cuDNN's attention.

    It plans anew for each shape of a batch, which on an H100 takes five times as long as the work,
    and runs of several processes there have ended in NaN with it.
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(enabled=before)


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
