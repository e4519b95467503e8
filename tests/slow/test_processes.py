"""Training by two processes on processors: the same way as one process with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fcpref.core.training import RunRecord
from fcpref.errors import TrainingError
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash, read_artifact
from fcpref.shell.trl_trainers import _own_batch
from tests.training_runs import Data, training_data

if TYPE_CHECKING:
    from pathlib import Path

# On processors `accelerate launch` starts one process only, whatever it is told.
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node")
SETTINGS = ("dtype=float32", "batch=4", "epochs=3", "learning_rate=5e-3", "lora.rank=4")
OWN_SETTINGS = {"dpo": ("sft_weight=0.0",), "sft": ()}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 8)


def trained(data: Data, count: int, *more: str, kind: str = "dpo") -> tuple[list[float], Path, str]:
    """Train by a number of processes; return the losses by step, the adapter, what was printed."""
    name = f"{kind}-by-{count}{'-more' if more else ''}"
    settings = (*SETTINGS, *OWN_SETTINGS[kind], *more)
    command = [
        *(sys.executable, *LAUNCH, str(count), "-m", "fcpref.cli"),
        *(
            "--artifacts",
            str(data.root),
            "train",
            kind,
            data.rows[kind],
            "--student",
            data.student,
        ),
        *(part for setting in settings for part in ("--set", setting)),
        # Other work than the first run's, so that it is not taken for done.
        *("--set", f"max_tokens={2_000 + count}", "--name", name),
    ]
    on_cpu = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=on_cpu, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = (data.root / "local" / "logs" / "run.jsonl").read_text().splitlines()
    begun = max(n for n, line in enumerate(log) if json.loads(line)["event"] == "begin")
    steps = [json.loads(line) for line in log[begun:]]
    losses = [step["loss"] for step in steps if step["event"] == "step" and "loss" in step]
    return losses, data.root / "local" / "adapters" / name, done.stdout


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_two_processes_take_the_same_way_as_one(data, kind):
    alone, one, _ = trained(data, 1, kind=kind)
    together, two, printed = trained(data, 2, kind=kind)
    # Whole batches only: of a last one in part, each process would get rows of its own again.
    assert len(alone) == 6
    assert together == pytest.approx(alone, abs=1e-3)
    assert max(alone) - min(alone) > 0.05
    assert printed.count("adapter:") == 1
    weights = [
        load_model(resolve(ModelName.parse(f"adapter:{folder}")), dtype="float32").state_dict()
        for folder in (one, two)
    ]
    for name, tensor in weights[0].items():
        # They are saved in bfloat16.
        assert weights[1][name].allclose(tensor, atol=5e-3), name


def recorded(data: Data, count: int, *more: str) -> RunRecord:
    """Train by a number of processes; return the record."""
    _, folder, _ = trained(data, count, *more)
    digest = file_hash(folder / "adapter_model.safetensors")
    paths = data.root.glob("local/run/*.jsonl")
    every = [record for path in paths for record in read_artifact(path).values(RunRecord)]
    (found,) = {
        record.adapter: record
        for record in every
        if record.adapter == digest and record.spec["max_tokens"] == 2_000 + count and record.probes
    }.values()
    return found


# Three problems are shared unevenly, and one by two processes leaves the second without any.
@pytest.mark.parametrize("count", [3, 1])
def test_two_processes_share_probes_and_decide_alike(data, count):
    probe = ("probe.every=2", f"probe.count={count}", "probe.fall=1", f"seed={count}")
    alone, together = (recorded(data, processes, *probe) for processes in (1, 2))
    assert [one.step for one in together.probes] == [0, 2, 4, 6]
    assert all(one.chains == count for one in together.probes)
    # Of the same weights; later ones differ by the order of sums.
    assert together.probes[0] == alone.probes[0]
    assert together.probes[0].calls >= count


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert _own_batch(9) == 3
    with pytest.raises(TrainingError, match="set batch to a multiple of them"):
        _own_batch(8)
