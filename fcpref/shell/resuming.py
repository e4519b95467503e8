"""Trainers that leave checkpoints and go on from one as if they had never stopped.

The Trainer's own checkpoints lack the metrics since the last log, and are written in place.
"""

from __future__ import annotations

import dataclasses
import io
import json
import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME

from fcpref.shell import processes, sharding
from fcpref.shell.checkpoints import SECONDS, Checkpoints
from fcpref.shell.random_states import random_state, set_random_state
from fcpref.shell.training_memory import pass_tokens
from fcpref.shell.workspace import package_version

if TYPE_CHECKING:
    from pathlib import Path

    from fcpref.shell.probe_guard import ProbeGuard

_COMMON = "run.pt"
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "numpy")


def environment() -> dict[str, str]:
    """Return what the weights of a run depend on beside data, student and specification."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "fcpref": package_version(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processes": str(processes.count()),
        **({"shares": sharding.kind()} if sharding.kind() else {}),
    }


@frozen(kw_only=True)
class Start:
    """What a trainer begins with.

    Attributes:
        checkpoints: where it leaves its own, if it does.
        folder: the checkpoint that it goes on from, if any.
        tokens: of a forward pass; those of the interrupted run, whose sums have the same order.
        common: of all processes: weights, optimizer, schedule, the reference's scores.
        own: of this process: random states, metrics since the last log, and its shares of weights
            and optimizer where they are shared out.
    """

    checkpoints: Checkpoints | None
    folder: str | None
    tokens: int
    common: dict[str, Any]
    own: dict[str, Any]


def start_of(checkpoints: Checkpoints | None, model: Any) -> Start:  # noqa: ANN401
    """Return where a run starts: at its newest checkpoint, or at the beginning."""
    if checkpoints and sharding.kind() == "zero3":
        if checkpoints.every != 0 and processes.is_first():
            checkpoints.note(
                "DeepSpeed: no checkpoints are kept, and a run that is interrupted starts from the "
                "beginning; use fsdp.yaml for runs of hours"
            )
        checkpoints = None
    folder = checkpoints.newest(environment()) if checkpoints else None
    common = _read(folder / _COMMON) if folder else {}
    own = _read(folder / _own_name()) if folder else {}
    return Start(
        checkpoints=checkpoints,
        folder=str(folder) if folder else None,
        tokens=own["tokens"] if own else pass_tokens(model),
        common=common,
        own=own,
    )


class Resuming:
    """Goes before a Trainer among a class's parents; `begin` is called in place of ``train``."""

    _start: Start | None = None
    _guard: ProbeGuard | None = None

    def begin(self: Any, start: Start, guard: ProbeGuard | None = None) -> None:
        """Train, from the beginning or a checkpoint on, watched by a guard if there is one."""
        sharding.begin(self.accelerator)
        self._start, self._guard = start, guard
        if guard is not None:
            guard.begin(self, start.common)
            self.add_callback(guard)
        self.add_callback(_Saving(self, start))
        self.train(resume_from_checkpoint=start.folder)

    def references(self) -> Any:  # noqa: ANN401
        """Return what the reference says of the rows, to be kept; None where there is none."""
        return None

    def restore_window(self: Any) -> None:
        """Put back what has been measured since the last log."""
        own = self._start.own
        self._start.common.clear()  # is in place by now, and may be large
        own.pop("shares", None)
        if own:
            self._tr_loss += own["loss"].to(self._tr_loss.device)
            self._globalstep_last_logged = own["logged"]
            self._total_train_tokens = own["seen"]
            self._metrics["train"].update(
                {name: [*own["metrics"][name]] for name in own["metrics"]}
            )

    def _save_checkpoint(self: Any, *_: Any) -> None:  # noqa: ANN401
        if self.control.should_training_stop:  # what comes next is the adapter itself
            return
        own = {
            "random": random_state(),
            "tokens": self._start.tokens,
            "loss": self._tr_loss.cpu(),
            "logged": self._globalstep_last_logged,
            "seen": self._total_train_tokens,
            "metrics": {name: [*values] for name, values in self._metrics["train"].items()},
        }
        trained = self.model.named_parameters()
        weighty = {
            "weights": {name: one.detach() for name, one in trained if one.requires_grad},
            "optimizer": self.optimizer.state_dict(),
        }
        if sharding.kind():
            own["shares"], weighty = sharding.own(weighty), {}
        files = {_own_name(): _bytes(own)}
        if processes.is_first():
            files[_COMMON] = _bytes(
                {
                    **weighty,
                    "schedule": self.lr_scheduler.state_dict(),
                    "references": self.references(),
                    **(self._guard.state() if self._guard else {}),
                }
            )
            state = dataclasses.asdict(self.state)
            files[TRAINER_STATE_NAME] = json.dumps(state, indent=1).encode()
        wait = self.accelerator.wait_for_everyone
        self._start.checkpoints.write(self.state.global_step, files, environment(), wait)

    def _load_from_checkpoint(self: Any, *_: Any) -> None:  # noqa: ANN401
        if sharding.kind():  # is done with the optimizer
            return
        parameters = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, weight in self._start.common["weights"].items():
                parameters[name].copy_(weight)

    def _load_optimizer_and_scheduler(self: Any, checkpoint: str | None) -> None:
        if checkpoint is not None:
            if shares := self._start.own.get("shares"):
                sharding.restore(self.model, self.optimizer, shares["weights"], shares["optimizer"])
            else:
                self.optimizer.load_state_dict(self._start.common["optimizer"])
            self.lr_scheduler.load_state_dict(self._start.common["schedule"])

    def _load_rng_state(self: Any, checkpoint: str | None) -> None:
        if checkpoint is not None:
            set_random_state(self._start.own["random"])


class _Saving(TrainerCallback):
    """Says when a checkpoint is due, and restores what the Trainer sets back."""

    def __init__(self, trainer: Any, start: Start) -> None:  # noqa: ANN401
        self.trainer = trainer
        self.every = start.checkpoints.every if start.checkpoints else 0
        self.last = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        self.trainer.restore_window()
        self.last = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        if self.every is None:
            control.should_save = self._is_time()
        elif self.every:
            control.should_save = state.global_step % self.every == 0

    def _is_time(self) -> bool:
        due = time.monotonic() - self.last >= SECONDS
        if processes.count() > 1:
            # All save together, or they would wait for each other for ever: the first one's clock.
            accelerator = self.trainer.accelerator
            votes = torch.tensor([int(due)], device=accelerator.device)
            due = bool(accelerator.gather(votes)[0])
        if due:
            self.last = time.monotonic()
        return due


def _own_name() -> str:
    return f"process-{processes.number()}.pt"


def _bytes(values: dict[str, Any]) -> bytes:
    # In memory first: what PyTorch raises when the disk is full does not say so.
    buffer = io.BytesIO()
    torch.save(values, buffer)
    return buffer.getvalue()


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return values
