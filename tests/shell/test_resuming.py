"""A run that was interrupted goes on from its checkpoint to the same adapter and record."""

# ruff: noqa: NPY002 - the old generator is meant

from __future__ import annotations

import errno
import json
import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from attrs import evolve

from fcpref.errors import ArtifactError
from fcpref.shell import checkpoints as on_disk
from fcpref.shell import resuming
from fcpref.shell.checkpoints import Checkpoints
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.train import TrainingJob, train_dpo, train_sft
from tests.trained import DPO, SFT

if TYPE_CHECKING:
    from fcpref.core.training import RunRecord

EPOCHS = {"sft": evolve(SFT, epochs=8, batch=2), "dpo": evolve(DPO, epochs=8)}
"""24 steps, logged at every other one: checkpoints fall between two logs too."""


class Killed(Exception):  # noqa: N818
    pass


def drawn() -> tuple[float, float, float]:
    """Draw from the three random generators."""
    return random.random(), float(np.random.random()), float(torch.rand(1))


def trained(kind: str, data: Any, job: TrainingJob, **changes: Any) -> RunRecord:
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(len(job.out.name))  # what the process did before must not matter
    spec = evolve(EPOCHS[kind], **changes)
    return train_sft(data.chains, spec, job) if kind == "sft" else train_dpo(data.pairs, spec, job)


def stopping(job: TrainingJob, last: int) -> TrainingJob:
    def on_step(step: int, _total: int, metrics: Any) -> None:
        drawn()
        if step == last and not metrics:
            raise Killed

    return evolve(job, on_step=on_step)


class Case:
    """A run of one kind from one start, and where its checkpoints are."""

    def __init__(
        self,
        kind: str,
        data: Any,
        folder: Any,
        student: Any = None,
        **changes: Any,
    ) -> None:
        self.changes = changes
        self.kind, self.data, self.folder = kind, data, folder
        self.notes: list[str] = []
        self.keep = Checkpoints(folder=folder / "checkpoints", every=3, note=self.notes.append)
        self.plain = data.job(folder / "whole", student)
        self.job = evolve(self.plain, out=folder / "resumed", checkpoints=self.keep)

    def whole(self) -> RunRecord:
        return trained(self.kind, self.data, self.plain, **self.changes)

    def stop(self, last: int) -> None:
        with pytest.raises(Killed):
            trained(self.kind, self.data, stopping(self.job, last), **self.changes)

    def resume(self) -> RunRecord:
        return trained(self.kind, self.data, self.job, **self.changes)

    def steps(self) -> list[str]:
        return sorted(path.name for path in self.keep.folder.glob("*/*"))

    def path(self, name: str) -> Any:
        (found,) = self.keep.folder.glob(f"*/{name}")
        return found


@pytest.fixture
def case(data, tmp_path) -> Case:
    return Case("dpo", data, tmp_path)


@pytest.mark.parametrize("start", ["base", "adapter"])
@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_an_interrupted_run_ends_as_one_that_was_not(
    data,
    sft,
    tmp_path,
    kind,
    start,
) -> None:
    case = Case(kind, data, tmp_path, None if start == "base" else sft.student)
    for last in (2, 8, 17):  # in the first epoch before a checkpoint, at, and after one
        case.stop(last)
    weights = torch.load(case.path("step-15") / "run.pt", weights_only=True)["weights"]
    assert all(".default." in name for name in weights)
    seen: list[Any] = []
    case.job = evolve(case.job, on_step=lambda step, _, m: seen.append((step, m, drawn())))
    assert case.resume() == case.whole()
    assert [note.partition(",")[0] for note in case.notes] == [
        "going on from step 6",
        "going on from step 15",
    ]
    every: list[Any] = []
    again = evolve(case.plain, on_step=lambda step, _, m: every.append((step, m, drawn())))
    trained(kind, data, again)
    assert seen == [one for one in every if one[0] > 15]


def test_every_step_is_one_to_go_on_from(data, tmp_path) -> None:
    whole = Case("sft", data, tmp_path / "whole").whole()
    for last in range(1, 18, 4):
        case = Case("sft", data, tmp_path / str(last))
        case.job = evolve(case.job, checkpoints=evolve(case.keep, every=1))
        case.stop(last + 1)
        assert case.resume() == whole
        assert [note.partition(",")[0] for note in case.notes] == [f"going on from step {last}"]


def test_the_reference_of_a_resumed_run_is_the_policy_at_its_start(case) -> None:
    case.stop(20)
    common = torch.load(case.path("step-18") / "run.pt", weights_only=True)
    assert common["references"].shape == (2, 6)
    moved = [weight for name, weight in common["weights"].items() if "lora_B" in name]
    assert all(weight.dtype == torch.float32 and weight.abs().max() > 0 for weight in moved)
    rewards: list[float] = []
    case.job = evolve(
        case.job, on_step=lambda _s, _t, m: rewards.append(m.get("rewards/margins", 0.0))
    )
    case.resume()
    # Against the checkpoint as reference the margin would start at 0 again.
    assert max(rewards) > 0.05


def test_two_checkpoints_are_kept(case) -> None:
    case.stop(23)
    assert case.steps() == ["step-18", "step-21"]
    assert sorted(path.name for path in case.path("step-21").iterdir()) == [
        "contents.json",
        "process-0.pt",
        "run.pt",
        "trainer_state.json",
    ]


def test_none_is_written_when_they_are_off_or_the_run_is_at_its_end(case) -> None:
    off = evolve(case.keep, every=0)
    trained("dpo", case.data, evolve(case.job, checkpoints=off))
    assert not case.keep.folder.exists()
    last = evolve(case.keep, every=24)
    trained("dpo", case.data, evolve(case.job, checkpoints=last))
    assert not case.keep.folder.exists()


def test_they_are_written_by_the_clock_unless_steps_are_given(case, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(resuming.time, "monotonic", lambda: now[0])

    def on_step(step: int, _total: int, metrics: Any) -> None:
        now[0] += 0 if metrics else 50
        if step == 8:
            raise Killed

    by_clock = evolve(case.keep, every=None)
    with pytest.raises(Killed):
        trained("dpo", case.data, evolve(case.job, checkpoints=by_clock, on_step=on_step))
    assert case.steps() == ["step-3", "step-6"]


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flipped(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flipped, os.unlink])
@pytest.mark.parametrize("name", ["run.pt", "process-0.pt", "trainer_state.json", "contents.json"])
def test_what_is_damaged_is_passed_over(tmp_path, damage, name) -> None:
    notes: list[str] = []
    keep = Checkpoints(folder=tmp_path / "run", note=notes.append)
    names = ("run.pt", "process-0.pt", "trainer_state.json")
    for step in (2, 10):
        keep.write(step, {one: f"{one} of {step} ".encode() * 9 for one in names}, {"torch": "1"})
    older, newer = keep.newest({"torch": "1"}).with_name("step-2"), keep.newest({"torch": "1"})
    assert newer.name == "step-10"
    notes.clear()
    damage(newer / name)
    if damage is flipped and name == "contents.json":
        (newer / name).write_text('{"files": {}}')
    assert keep.newest({"torch": "1"}) == older
    assert notes == [f"{newer}: is damaged and not used", f"going on from step 2, {older}"]
    assert not newer.exists()


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(case) -> None:
    case.stop(8)
    cut(case.path("step-6") / "run.pt")
    half = case.path("step-3").with_name(".writing-7")
    half.mkdir()
    (half / "run.pt").write_bytes(b"half")
    assert case.resume() == case.whole()
    assert case.notes[1].startswith("going on from step 3,")
    assert not half.exists()


def test_a_checkpoint_of_other_versions_is_not_used(case, monkeypatch) -> None:
    case.stop(8)
    real = resuming.version
    monkeypatch.setattr(resuming, "version", lambda name: "0" if name == "trl" else real(name))
    assert case.resume() == case.whole()
    assert len(case.notes) == 1
    assert "are of other versions, another device" in case.notes[0]
    # and makes room for those of the run that began anew
    assert case.steps() == ["step-18", "step-21"]


@pytest.mark.parametrize("what", ["written", "synced", "renamed"])
def test_a_full_disk_leaves_the_last_good_checkpoint(case, monkeypatch, what) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real = {name: getattr(on_disk, name) for name in ("write_synced", "_sync_folder", "_finish")}

    def write(path: Any, content: bytes) -> None:
        if ".writing-6" in str(path) and path.name == "run.pt":
            path.write_bytes(content[: len(content) // 2])
            raise full
        real["write_synced"](path, content)

    def fail_at_6(name: str) -> Any:
        def failing(path: Any, *words: Any) -> None:
            if "-6" in path.name:
                raise full
            real[name](path, *words)

        return failing

    faults = {
        "written": ("write_synced", write),
        "synced": ("_sync_folder", fail_at_6("_sync_folder")),
        "renamed": ("_finish", fail_at_6("_finish")),
    }
    with monkeypatch.context() as patched:
        patched.setattr(on_disk, *faults[what])
        with pytest.raises(ArtifactError) as caught:
            case.resume()
    assert "the checkpoint of step 6 cannot be written (No space left on device)" in str(
        caught.value
    )
    assert "the one of step 3 stays; free space and run the same command again" in str(caught.value)
    assert case.steps() == ["step-3"]
    assert not (case.folder / "resumed").exists()
    assert case.resume() == case.whole()
    assert case.notes[0].startswith("going on from step 3,")


def test_a_full_disk_at_the_first_checkpoint_is_told_so(case, monkeypatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(on_disk, "write_synced", full)
    with pytest.raises(ArtifactError, match=r"step 3 cannot .* and there is none before it; free"):
        case.resume()
    assert case.steps() == []


def test_a_guard_that_stops_a_run_is_not_forgotten_by_a_resumed_one(data, sft, tmp_path) -> None:
    swapped = evolve(
        data, pairs=tuple(evolve(p, chosen=p.rejected, rejected=p.chosen) for p in data.pairs)
    )
    case = Case("dpo", swapped, tmp_path, sft.student)
    case.job = evolve(case.job, checkpoints=evolve(case.keep, every=1))
    sinking = {"loss": "apo_down", "epochs": 20, "learning_rate": 1e-2, "stop_below": 0.5}
    whole = trained("dpo", swapped, case.plain, **sinking)
    assert "likelihood displacement" in whole.stopped
    assert whole.steps > 2
    with pytest.raises(Killed):
        trained("dpo", swapped, stopping(case.job, whole.steps), **sinking)
    assert trained("dpo", swapped, case.job, **sinking) == whole


def test_a_contents_list_names_what_the_weights_depend_on(case) -> None:
    case.stop(4)
    contents = json.loads((case.path("step-3") / "contents.json").read_text())
    assert contents["environment"] == resuming.environment()
    assert {"torch", "transformers", "trl", "device", "processes"} <= set(contents["environment"])


def test_the_start_may_be_a_folder_that_the_adapter_replaces(data, sft, tmp_path) -> None:
    copies = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for path in sft.folder.iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
        copies.append(resolve(ModelName.parse(f"adapter:{tmp_path / name}@{data.student.name}")))
    case = Case("dpo", data, tmp_path, copies[0])
    case.job = evolve(case.job, out=tmp_path / "a")
    case.stop(7)
    assert case.resume() == trained("dpo", data, evolve(case.plain, student=copies[1]))
