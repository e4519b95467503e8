"""Training by several processes of one host against one: the same rows, batches and steps.

Each run is a program of its own, one after the other: plain Python for one process, `accelerate
launch` for several. On a machine without GPUs several are started by `torch.distributed.run`, over
gloo and with whole models only, since Accelerate shares models out on GPUs alone; each process has
one thread there. That is for trying this out.

A step's time is the median between the ends of two, without the first two steps. The whole time
runs from when all processes have loaded the model to the end of training: reference
log-probabilities and what processes tell each other first are in it; making and encoding rows and
loading are not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, frozen

import fcpref
from benchmarks.training_rows import Setting, encoded, made_pairs, spec_of, train
from fcpref.shell import processes
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.quick import Row

CONFIGS = Path(fcpref.__file__).parent / "profiles" / "accelerate"
_LEAST_STEPS = 12
_WARM_UP = 2
_SHOWN_LINES = 200
"""Of what a run that failed has written: the launcher's own lines come last."""


@frozen(kw_only=True)
class Measured:
    """What one process of a run has measured.

    Attributes:
        device: what it trained on.
        rows: that were trained on in an epoch, by all processes.
        seconds: of the whole run.
        ends: when each step ended, in seconds from the start.
        losses: means over the windows that are logged.
        peak: bytes of GPU memory at most; 0 without one.
    """

    device: str
    rows: int
    seconds: float
    ends: list[float]
    losses: list[float]
    peak: int

    @property
    def step(self) -> float:
        """Seconds an optimizer step, the median without the first ones."""
        between = [b - a for a, b in zip(self.ends, self.ends[1:], strict=False)]
        return statistics.median(between[_WARM_UP - 1 :])


def several(name: str, setting: Setting, count: int, configs: Sequence[str]) -> list[Row]:
    """Train by one process, then by several under each config, and print what each took.

    Args:
        name: the base model's.
        setting: what on, `batch` being that of all processes together; there are as many epochs as
            make twelve steps.
        count: how many processes.
        configs: names of those in fcpref/profiles/accelerate, or files.
    """
    if count < 2:  # noqa: PLR2004
        raise SystemExit(f"{count} processes share nothing; set --processes to 2 or more")
    if setting.batch % count:
        raise SystemExit(
            f"a batch of {setting.batch} cannot be shared by {count} processes; set --batch to a "
            "multiple of them"
        )
    if setting.rows < setting.batch:
        raise SystemExit(
            f"{setting.rows} rows make no batch of {setting.batch}; raise --problems or lower "
            "--batch"
        )
    files = [_config(config) for config in configs]
    if any(file.stem != "ddp" for file in files) and not _has_gpus():
        raise SystemExit("there are no GPUs; only config ddp runs without")
    resolve(ModelName.parse(name), print)  # once, not by all processes at the same time
    asked = evolve(setting, epochs=-(-_LEAST_STEPS // (setting.rows // setting.batch)))
    alone = _run(name, asked, 1, (), _first_gpu())
    print(_told("one process", asked, alone), flush=True)
    setting = evolve(asked, rows=alone[0].rows)
    results: list[Row] = []
    for file in files:
        launch, environment = _launcher(file, count, alone[0])
        together = _run(name, asked, count, launch, environment)
        print(_told(f"{count} processes by {file.stem}", setting, together))
        ratio = alone[0].step / together[0].step
        most, share = difference(alone[0].losses, together[0].losses)
        print(
            f"{file.stem}: {ratio:.2f} times the {setting.unit} a second of one process; "
            f"losses differ by {most:.5f} at most, by {share:.2%} of its own at most",
            flush=True,
        )
        results.append(
            (
                f"{setting.shown}, {file.stem} x {count}",
                f"{setting.batch / together[0].step:.2f} {setting.unit}/s",
                f"one process {setting.batch / alone[0].step:.2f} {setting.unit}/s",
                ratio,
            )
        )
    return results


def difference(alone: Sequence[float], together: Sequence[float]) -> tuple[float, float]:
    """Return the largest difference of two runs' losses, and the largest as a share of the first's.

    Raises:
        ValueError: they have not taken the same steps.
    """
    pairs = [(one, abs(one - other)) for one, other in zip(alone, together, strict=True)]
    return max(apart for _, apart in pairs), max(apart / abs(one) for one, apart in pairs)


def _config(config: str) -> Path:
    file = CONFIGS / f"{config}.yaml"
    if not file.is_file():
        file = Path(config)
    if not file.is_file():
        known = ", ".join(sorted(one.stem for one in CONFIGS.glob("*.yaml")))
        raise SystemExit(f"{config} is no config; name one of {known}, or a file")
    return file


def _has_gpus() -> bool:
    import torch

    return torch.cuda.is_available()


def _first_gpu() -> dict[str, str]:
    """Several visible ones would share a batch even in one process."""
    return {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}


def _launcher(file: Path, count: int, alone: Measured) -> tuple[list[str], dict[str, str]]:
    if alone.device != "cpu":
        launch = ["-m", "accelerate.commands.launch", "--config_file", str(file)]
        launch += ["--num_processes", str(count), "--main_process_port", "0"]
        return launch, {}
    # `accelerate launch` starts one process only on processors, whatever it is told.
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
    return launch, {"ACCELERATE_USE_CPU": "true"}


def _run(
    name: str, setting: Setting, count: int, launch: Sequence[str], more: Mapping[str, str]
) -> list[Measured]:
    """Start this file's program; return what each process has measured, the first one first."""
    with tempfile.TemporaryDirectory() as folder:
        program = ["-m", "benchmarks.processes", name, json.dumps(asdict(setting)), folder]
        done = subprocess.run(
            [sys.executable, *launch, *program],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **more},
        )
        if done.returncode:
            print(*done.stdout.splitlines()[-_SHOWN_LINES:], sep="\n", file=sys.stderr)
            by = "one process" if count == 1 else f"{count} processes"
            raise SystemExit(f"training by {by} failed, as said above")
        files = [Path(folder, f"{number}.json") for number in range(count)]
        return [Measured(**json.loads(file.read_text())) for file in files]


def _told(who: str, setting: Setting, run: Sequence[Measured]) -> str:
    first = run[0]
    said = (
        f"{who}: {first.step:.3f} s/step, {setting.batch / first.step:.2f} {setting.unit}/s, "
        f"{len(first.ends)} steps in {first.seconds:.1f} s on {first.device}, "
        f"loss {first.losses[0]:.4f} to {first.losses[-1]:.4f}"
    )
    if any(one.peak for one in run):
        said += f", peak {' + '.join(f'{one.peak / 2**30:.2f}' for one in run)} GiB"
    return said


def main() -> None:
    """Train in this process, one of a run, and leave what it measured in a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__)
    parser.add_argument("name", help="of the model")
    parser.add_argument("setting", help="as JSON")
    parser.add_argument("folder", type=Path, help="where each process leaves its figures")
    given = parser.parse_args()
    found = measured(given.name, Setting(**json.loads(given.setting)), given.folder)
    file = given.folder / f"{processes.number()}.json"
    file.write_text(json.dumps(asdict(found)))


def measured(name: str, setting: Setting, folder: Path) -> Measured:
    """Train once, together with the other processes where there are any.

    Args:
        name: the base model's.
        setting: what on; what is left of the rows beyond whole batches is not used, since
            processes would fill up the last one with rows of their own.
        folder: where the processes wait for each other.
    """
    resolved = resolve(ModelName.parse(name), print)
    import torch

    import fcpref.shell.trl_trainers  # noqa: F401 - loading libraries is no training
    from fcpref.shell.adapters import to_train
    from fcpref.shell.models import load_tokenizer

    tokenizer = load_tokenizer(resolved)
    rows = encoded(tokenizer, resolved.name, *made_pairs(setting), setting)
    rows = rows[: len(rows) // setting.batch * setting.batch]
    model = to_train(resolved, spec_of(setting))
    there = torch.cuda.is_available()
    if not there:
        torch.set_num_threads(1)
    ends: list[float] = []
    losses: list[float] = []

    def now() -> float:
        if there:
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_step(_step: int, _total: int, metrics: Mapping[str, Any]) -> None:
        # A step is told of when it ends, and again where its window's metrics are known.
        if metrics:
            losses.append(metrics["loss"])
        else:
            ends.append(now() - start)

    if there:
        torch.cuda.reset_peak_memory_stats()
    _wait_for_all(folder)
    start = now()
    train(model, tokenizer, rows, setting, on_step)
    return Measured(
        device=torch.cuda.get_device_name() if there else "cpu",
        rows=len(rows),
        seconds=now() - start,
        ends=ends,
        losses=losses,
        peak=torch.cuda.max_memory_allocated() if there else 0,
    )


def _wait_for_all(folder: Path) -> None:
    """Wait until all processes have come here; a launcher ends them all when one fails."""
    (folder / f"{processes.number()}.ready").touch()
    while len(list(folder.glob("*.ready"))) < processes.count():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
