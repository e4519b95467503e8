"""Training killed at random moments ends at the same adapter, in processes of any hash seed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attrs import frozen

from fcpref.core.training import RunRecord
from fcpref.shell.store import file_hash, read_artifact
from tests.training_runs import Data, training_data

if sys.platform == "win32":
    pytest.skip("needs SIGKILL", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3
SETTINGS = {
    "sft": ("epochs=8", "learning_rate=5e-3"),
    "dpo": ("epochs=8", "learning_rate=1e-3"),
}
COMMON = ("dtype=float32", "batch=2", "max_tokens=2000", "lora.rank=4")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 9)


@frozen(kw_only=True)
class Run:
    """A run in a copy of the artifacts."""

    data: Data
    kind: str
    root: Path

    def start(self, hash_seed: int) -> subprocess.Popen[str]:
        if not self.root.exists():
            shutil.copytree(self.data.root, self.root)
        command = [
            *(sys.executable, "-m", "fcpref.cli", "--artifacts", str(self.root), "train"),
            *(self.kind, self.data.rows[self.kind], "--student", self.data.student),
            *(part for one in (*COMMON, *SETTINGS[self.kind]) for part in ("--set", one)),
            *("--name", "out", "--checkpoint-every", "1"),
        ]
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(hash_seed)}
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )

    def end(self, hash_seed: int) -> tuple[RunRecord, str]:
        """Run to the end; return the record and what was said."""
        process = self.start(hash_seed)
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said[-2000:]
        (artifact,) = (self.root / "local" / "run").iterdir()
        (record,) = read_artifact(artifact).values(RunRecord)
        out = self.root / "local" / "adapters" / "out"
        assert record.adapter == file_hash(out / "adapter_model.safetensors")
        assert not list(self.root.glob("local/checkpoints/*"))
        return record, said

    def kept(self) -> list[int]:
        names = self.root.glob("local/checkpoints/*/*/step-*")
        return sorted(int(path.name.removeprefix("step-")) for path in names)

    def kill(self, hash_seed: int) -> bool:
        """Kill the run a random while after it has got further; tell whether in mid-write."""
        before = max(self.kept(), default=0)
        process = self.start(hash_seed)
        try:
            while max(self.kept(), default=0) <= before:
                assert process.poll() is None, process.stderr and process.stderr.read()[-2000:]
                time.sleep(0.01)
            if hash_seed % 2:
                time.sleep(random.uniform(0, 1.5))
            else:  # in the middle of the next one
                while not self.half():
                    assert process.poll() is None
        finally:
            process.kill()
            process.communicate()
        # Two, and a new one where the kill came before the oldest was removed.
        assert 1 <= len(self.kept()) <= 3
        return self.half()

    def half(self) -> bool:
        return any(self.root.glob("local/checkpoints/*/*/.writing-*"))


@pytest.fixture(scope="module", params=SETTINGS)
def whole(data, tmp_path_factory, request) -> tuple[str, RunRecord]:
    run = Run(data=data, kind=request.param, root=tmp_path_factory.mktemp("whole") / "run")
    return request.param, run.end(hash_seed=1)[0]


def test_processes_of_other_hash_seeds_make_the_same_adapter(data, whole, tmp_path):
    kind, expected = whole
    again, _ = Run(data=data, kind=kind, root=tmp_path / "again").end(hash_seed=2)
    assert again == expected


def test_kills_do_not_change_the_adapter(data, whole, tmp_path):
    kind, expected = whole
    run = Run(data=data, kind=kind, root=tmp_path / "killed")
    cut = sum(run.kill(hash_seed) for hash_seed in range(KILLS))
    last = max(run.kept())
    record, said = run.end(hash_seed=KILLS)
    assert f"going on from step {last}," in said
    assert record == expected
    assert last < record.steps
    assert cut > 0
