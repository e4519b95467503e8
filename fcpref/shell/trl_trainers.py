"""TRL's trainers, fed with rows that say which tokens carry loss."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from transformers import TrainerCallback
from trl import DPOConfig, GRPOConfig, SFTConfig

from fcpref.errors import TrainingError
from fcpref.shell import processes, sharding
from fcpref.shell.adapters import base_of
from fcpref.shell.grpo_trainer import OnlineTrainer, Rollouts, summary
from fcpref.shell.packed_rows import pack
from fcpref.shell.packed_sft import PackedSFTTrainer, RowCollator
from fcpref.shell.packed_trainer import PackedCollator, PackedDPOTrainer
from fcpref.shell.preference_losses import loss_settings
from fcpref.shell.quantising import adapters_in_float32
from fcpref.shell.resuming import start_of
from fcpref.shell.surroundings import any_shape, mixed, quiet
from fcpref.shell.trained_forward import score_trained_only

if TYPE_CHECKING:
    from fcpref.core.chains import Encoded
    from fcpref.core.training import DpoSpec, GrpoSpec, SftSpec
    from fcpref.shell.checkpoints import Checkpoints
    from fcpref.shell.probe_guard import ProbeGuard

OnStep = Callable[[int, int, Mapping[str, float]], None]
Result = tuple[dict[str, tuple[float, float]], int, str]
_METRICS = (
    "loss",
    "logps/chosen",
    "logps/rejected",
    "rewards/margins",
    "rewards/accuracies",
    "mean_token_accuracy",
)


def run_sft(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Encoded],
    spec: SftSpec,
    on_step: OnStep,
    checkpoints: Checkpoints | None = None,
    guard: ProbeGuard | None = None,
) -> Result:
    """Run TRL's SFTTrainer; return metrics (first, last), steps, and why it stopped early."""
    start = start_of(checkpoints, model)
    watch = _Watch(on_step, limit=math.inf)
    own = _own_batch(spec.batch)
    score_trained_only(base_of(model))
    with quiet(), any_shape(), mixed(model), tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            **_common(folder, spec, own, len(rows)), max_length=None, packing=False
        )
        _on_one_gpu(arguments)
        trainer = PackedSFTTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_dict({"row": range(len(rows))}),
            processing_class=tokenizer,
            data_collator=RowCollator(rows, tokenizer.pad_token_id, start.tokens),
            callbacks=[watch],
        )
        _own_console(trainer)
        adapters_in_float32(trainer.model)
        trainer.begin(start, guard)
    return watch.result()


def run_dpo(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[Sequence[Encoded]],
    spec: DpoSpec,
    on_step: OnStep,
    checkpoints: Checkpoints | None = None,
    guard: ProbeGuard | None = None,
) -> Result:
    """Run TRL's DPOTrainer on pre-tokenised, masked, packed pairs; see `run_sft`."""
    start = start_of(checkpoints, model)
    packed = [pack(*both) for both in rows]
    watch = _Watch(on_step, limit=spec.stop_below, beta=spec.beta)
    own = _own_batch(spec.batch)
    score_trained_only(base_of(model))
    with quiet(), any_shape(), mixed(model), tempfile.TemporaryDirectory() as folder:
        arguments = DPOConfig(
            **_common(folder, spec, own, len(rows)),
            **loss_settings(spec),
            max_length=None,
            # Without adapters TRL would load a second model as the reference.
            precompute_ref_log_probs=not hasattr(model, "peft_config"),
        )
        _on_one_gpu(arguments)
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
        trainer.begin(start, guard)
    return watch.result()


def run_grpo(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    order: Sequence[str],
    rollouts: Rollouts,
    spec: GrpoSpec,
    on_step: OnStep,
    checkpoints: Checkpoints | None = None,
) -> tuple[Result, list[dict[str, float]]]:
    """Run TRL's GRPOTrainer on problems in a given order; return also what each step logged."""
    start = start_of(checkpoints, model)
    watch = _Watch(on_step, limit=math.inf)
    rows = max(1, min(spec.batch, start.tokens // spec.max_tokens))
    while spec.batch % rows:
        rows -= 1
    steps = spec.steps or len(order) // spec.problems * spec.iterations
    with quiet(), any_shape(), tempfile.TemporaryDirectory() as folder:
        common = _common(folder, spec, rows, len(order))
        common |= {
            "num_train_epochs": 1,
            "max_steps": steps,
            "warmup_steps": round(steps * spec.warmup),
            "gradient_accumulation_steps": spec.batch // rows,
            "logging_steps": 1,
        }
        arguments = GRPOConfig(
            **common,
            num_generations=spec.samples,
            num_iterations=spec.iterations,
            max_completion_length=spec.max_tokens,
            temperature=spec.temperature,
            beta=spec.beta,
            epsilon=spec.epsilon,
            epsilon_high=spec.epsilon_high,
            loss_type=spec.loss,
            importance_sampling_level="sequence" if spec.loss == "luspo" else "token",
            scale_rewards=spec.scale,
            shuffle_dataset=False,
            disable_dropout=True,
        )
        _on_one_gpu(arguments)
        trainer = OnlineTrainer(
            model=model,
            reward_funcs=rollouts.worth,
            args=arguments,
            train_dataset=datasets.Dataset.from_dict({"prompt": [*order]}),
            processing_class=tokenizer,
            callbacks=[watch],
            rollout_func=rollouts,
        )
        _own_console(trainer)
        adapters_in_float32(trainer.model)
        trainer.begin(start)
    _, done, stopped = watch.result()
    return (summary(watch.history), done, stopped), watch.history


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


def _common(
    folder: str, spec: SftSpec | DpoSpec | GrpoSpec, batch: int, rows: int
) -> dict[str, Any]:
    steps = max(1, rows * spec.epochs // spec.batch)
    return {
        "output_dir": folder,
        "learning_rate": spec.learning_rate,
        "num_train_epochs": spec.epochs,
        "per_device_train_batch_size": batch,
        "warmup_steps": round(steps * spec.warmup),
        "lr_scheduler_type": "linear",
        "seed": spec.seed,
        "data_seed": spec.seed,
        "bf16": _in_bfloat16(spec),
        "gradient_checkpointing": False,
        "logging_steps": max(1, steps // 10),
        # Otherwise the trainer logs the last finite losses in place of a NaN, and nobody notices.
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available() and not sharding.kind(),
        # All adapters are used in every pass; looking for others takes a walk through the graph.
        "ddp_find_unused_parameters": False,
        # No model has buffers that training changes; each pass would begin by sending them to all.
        "ddp_broadcast_buffers": False,
        "max_grad_norm": 1.0,
        "dataloader_pin_memory": False,
    }


def _on_one_gpu(arguments: Any) -> None:  # noqa: ANN401
    """Keep a process to one GPU, where the Trainer would cut each pass up for all that it sees."""
    arguments._n_gpu = min(1, arguments.n_gpu)  # noqa: SLF001 - as the Trainer itself sets it


def _in_bfloat16(spec: SftSpec | DpoSpec | GrpoSpec) -> bool:
    """Tell whether float32 weights are rounded for a pass; frozen ones are what `dtype` says.

    DeepSpeed wants all of one dtype, and keeps float32 of those that are trained.
    """
    rounded = spec.method == "full" or sharding.kind() == "zero3"
    return rounded and spec.dtype != "float32" and torch.cuda.is_available()


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
