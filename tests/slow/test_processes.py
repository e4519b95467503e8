"""Training by two processes on processors: the same way as one process with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from shutil import copytree
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from safetensors.torch import load_file

from fcpref.core.training import RunRecord
from fcpref.errors import TrainingError
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash, read_artifact
from fcpref.shell.trl_trainers import _own_batch
from tests.launching import told_by
from tests.training_runs import Data, training_data

if TYPE_CHECKING:
    from pathlib import Path

# On processors `accelerate launch` starts one process only, whatever it is told.
SHARED = "tests.sharded_cli"
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node")
# Of three rows of an adapter, one process has two and the other one.
SETTINGS = ("dtype=float32", "batch=4", "epochs=3", "learning_rate=5e-3", "lora.rank=3")
FULL = ("method=full", "learning_rate=1e-3")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 8)


def command(
    data: Data, count: int, *more: str, name: str, kind: str, shared: str = ""
) -> list[str]:
    """Return what starts training; a model is shared out as the config of that name says."""
    # Other work than the first run's, so that it is not taken for done.
    other = f"max_tokens={2_000 + count + 10 * len(shared)}"
    chosen = dict(one.split("=") for one in (*SETTINGS, other, *more))
    if chosen.get("method") == "full":
        del chosen["lora.rank"]
    return [
        *(sys.executable, *LAUNCH, str(count), "-m", SHARED if shared else "fcpref.cli"),
        *(
            "--artifacts",
            str(data.root),
            "train",
            kind,
            data.rows[kind],
            "--student",
            data.student,
        ),
        *(part for one in chosen.items() for part in ("--set", "=".join(one))),
        *("--name", name),
    ]


def environment(shared: str = "") -> dict[str, str]:
    how = told_by(shared) if shared else {"ACCELERATE_USE_CPU": "true"}
    return {**os.environ, **how, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}


def trained(
    data: Data, count: int, *more: str, kind: str = "dpo", shared: str = ""
) -> tuple[list[float], Path, str]:
    """Train by a number of processes; return the losses by step, the adapter, what was printed."""
    name = "-".join((kind, "by", str(count), shared, *(one.replace("=", "-") for one in more)))
    done = subprocess.run(
        command(data, count, *more, name=name, kind=kind, shared=shared),
        capture_output=True,
        text=True,
        check=False,
        env=environment(shared),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = (data.root / "local" / "logs" / "run.jsonl").read_text().splitlines()
    begun = max(n for n, line in enumerate(log) if json.loads(line)["event"] == "begin")
    steps = [json.loads(line) for line in log[begun:]]
    losses = [step["loss"] for step in steps if step["event"] == "step" and "loss" in step]
    folder = "models" if "method=full" in more else "adapters"
    return losses, data.root / "local" / folder / name, done.stdout


@pytest.fixture(scope="module")
def by_one(data, tmp_path_factory) -> dict[tuple[str, ...], tuple[list[float], Path, str]]:
    """What one process makes, by kind and settings; two run at a time."""

    def make(run: tuple[str, ...]) -> tuple[list[float], Path, str]:
        root = tmp_path_factory.mktemp("one") / "artifacts"
        copytree(data.root, root)
        return trained(evolve(data, root=root), 1, *run[1:], kind=run[0])

    runs = (("sft",), ("dpo",), ("dpo", *FULL))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(runs, pool.map(make, runs), strict=True))


@pytest.fixture(scope="module")
def by_shares(data):
    """What two processes make, by kind and config."""
    return cache(lambda kind, shared: trained(data, 2, kind=kind, shared=shared))


@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.parametrize(
    "shared",
    [
        "",
        "fsdp",
        pytest.param(
            "zero3", marks=pytest.mark.skipif(not find_spec("deepspeed"), reason="no DeepSpeed")
        ),
    ],
)
def test_two_processes_take_the_same_way_as_one(by_one, by_shares, kind, shared):
    alone, one, _ = by_one[(kind,)]
    together, two, printed = by_shares(kind, shared)
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


# Beside it is a copy for the reference, which has no gradients to be exchanged.
def test_two_processes_go_on_from_an_adapter_as_one(data, by_one):
    onward = evolve(data, student=f"adapter:{by_one['sft',][1]}")
    (alone, *_), (together, *_) = (trained(onward, count, "seed=5") for count in (1, 2))
    assert together == pytest.approx(alone, abs=1e-3)
    assert max(alone) - min(alone) > 0.05


# The reference is the whole model too.
def test_shares_of_all_weights_are_trained_and_put_together(data, by_one):
    alone, one, _ = by_one["dpo", *FULL]
    together, two, _ = trained(data, 2, *FULL, shared="fsdp")
    assert together == pytest.approx(alone, abs=1e-3)
    assert max(alone) - min(alone) > 0.05
    weights = [load_file(folder / "model.safetensors") for folder in (one, two)]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert weights[1][name].allclose(tensor, atol=5e-3), name


# Of nine pairs each is a pass of the reference, so one process has five of them and the other four.
def test_a_process_with_fewer_passes_of_the_reference_waits_for_the_other(tmp_path_factory):
    data = training_data(tmp_path_factory, 9)
    few = ("batch=2", "epochs=1")
    alone, _, _ = trained(data, 1, *few)
    together, _, _ = trained(data, 2, *few, shared="fsdp")
    # The last pair is half a batch.
    assert len(alone) == len(together) == 5
    assert together[:4] == pytest.approx(alone[:4], abs=1e-3)


def test_shares_go_on_from_a_checkpoint_to_the_same_adapter(data, by_shares):
    _, whole, _ = by_shares("sft", "fsdp")
    again = [
        *command(data, 2, "max_tokens=3000", name="cut", kind="sft", shared="fsdp"),
        *("--checkpoint-every", "1"),
    ]
    first = subprocess.Popen(again, env=environment("fsdp"), stderr=subprocess.DEVNULL)
    try:
        while not list(data.root.glob("local/checkpoints/*/*/step-3")):
            assert first.poll() is None
            time.sleep(0.01)
    finally:
        first.terminate()
        first.wait(timeout=60)
    second = subprocess.run(
        again, capture_output=True, text=True, check=True, env=environment("fsdp"), timeout=120
    )
    assert "going on from step" in second.stderr
    cut = data.root / "local" / "adapters" / "cut"
    assert file_hash(cut / "adapter_model.safetensors") == file_hash(
        whole / "adapter_model.safetensors"
    )
    assert not list(data.root.glob("local/checkpoints/*"))


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
