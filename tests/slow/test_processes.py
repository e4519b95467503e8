"""Training by two processes on processors: the same way as one process with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fcpref.errors import TrainingError
from fcpref.shell.models import ModelName, load_model, resolve
from fcpref.shell.trl_trainers import _own_batch
from tests.training_runs import Data, training_data

if TYPE_CHECKING:
    from pathlib import Path

# On processors `accelerate launch` starts one process only, whatever it is told.
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node")
SETTINGS = (
    *("dtype=float32", "batch=4", "epochs=3", "learning_rate=5e-3", "max_tokens=2000"),
    *("lora.rank=4", "sft_weight=0.0"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 8)


def trained(data: Data, count: int) -> tuple[list[float], Path, str]:
    """Train by a number of processes; return the losses by step, the adapter, what was printed."""
    name = f"by-{count}"
    command = [
        *(sys.executable, *LAUNCH, str(count), "-m", "fcpref.cli"),
        *(
            "--artifacts",
            str(data.root),
            "train",
            "dpo",
            data.rows["dpo"],
            "--student",
            data.student,
        ),
        *(part for setting in SETTINGS for part in ("--set", setting)),
        # Other work than the first run's, so that it is not taken for done.
        *("--set", f"stop_below={20 + count}", "--name", name),
    ]
    on_cpu = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=on_cpu)
    assert done.returncode == 0, done.stderr[-2000:]
    log = (data.root / "local" / "logs" / "run.jsonl").read_text().splitlines()
    begun = max(n for n, line in enumerate(log) if json.loads(line)["event"] == "begin")
    steps = [json.loads(line) for line in log[begun:]]
    losses = [step["loss"] for step in steps if step["event"] == "step" and "loss" in step]
    return losses, data.root / "local" / "adapters" / name, done.stdout


def test_two_processes_take_the_same_way_as_one(data):
    alone, one, _ = trained(data, 1)
    together, two, printed = trained(data, 2)
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


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert _own_batch(9) == 3
    with pytest.raises(TrainingError, match="set batch to a multiple of them"):
        _own_batch(8)
