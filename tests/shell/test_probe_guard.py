"""Probes of a run: what they find, that they change nothing, when they end it, what they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from attrs import evolve

from fcpref.core.chains import STUDENT, Limits
from fcpref.core.scores import Score, Verdict
from fcpref.core.training import (
    DpoSpec,
    LoraSpec,
    Probe,
    ProbeSpec,
    generated_probe,
    probe_of,
)
from fcpref.errors import TrainingError
from fcpref.shell.adapters import WEIGHTS
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.probe_guard import ProbeGuard, _sampled
from fcpref.shell.probing import Probing
from fcpref.shell.resolving import resolve
from fcpref.shell.train import TrainingJob, train_dpo
from tests.rote_student import Rote, rote_student
from tests.shell.test_resuming import Case, Killed, drawn, stopping, trained
from tests.trained import TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fcpref.core.training import RunRecord

LIMITS = Limits(calls=6, tokens=80, reply_tokens=24)
PROBE = ProbeSpec(every=4, count=6, limits=LIMITS, collapse=1, fall=1)
COLLAPSING = DpoSpec(
    learning_rate=3e-3,
    epochs=4,
    batch=4,
    max_tokens=4_000,
    lora=LoraSpec(rank=8, alpha=16),
    sft_weight=0.0,
    stop_below=1e6,
)
"""Without the term that keeps the chosen chains' likelihood up, and at too high a rate."""


def probing(problems: Mapping[str, Any], found: list[Probe], count: int = 6) -> Probing:
    chosen = generated_probe(evolve(PROBE, count=count), TASK.name, problems)
    return Probing(problems=chosen, prompt=STUDENT, on_probe=found.append)


@pytest.fixture(scope="module")
def rote(tmp_path_factory) -> Rote:
    return rote_student(tmp_path_factory.mktemp("rote"))


def collapsed(rote: Rote, out: Path, probe: ProbeSpec) -> tuple[RunRecord, list[Probe]]:
    found: list[Probe] = []
    job = TrainingJob(
        student=rote.student,
        problems=rote.problems,
        data=("sha256:1",),
        out=out,
        probing=probing(rote.problems, found),
    )
    record = train_dpo(rote.pairs, evolve(COLLAPSING, probe=probe), job)
    assert record.probes == tuple(found)
    return record, found


@pytest.fixture(scope="module")
def unguarded(rote, tmp_path_factory) -> tuple[RunRecord, Path]:
    out = tmp_path_factory.mktemp("unguarded") / "dpo"
    return collapsed(rote, out, evolve(PROBE, every=8, keep="last"))[0], out


def test_without_a_guard_preference_training_ends_in_one_call_guesses(unguarded) -> None:
    record, _ = unguarded
    first, *_, last = record.probes
    assert (record.stopped, record.steps, record.kept) == ("", 16, 16)
    assert first.one_call <= 2
    assert first.calls >= 10
    # As the pilot's run did: 1.0 calls a chain.
    assert (last.step, last.answered, last.one_call, last.calls) == (16, 6, 6, 6)
    assert record.metrics["rewards/margins"][1] > 1


def test_the_guard_ends_a_run_that_collapses_to_guesses(rote, tmp_path) -> None:
    record, found = collapsed(rote, tmp_path / "dpo", evolve(PROBE, collapse=0.5))
    assert record.stopped == (
        f"step {record.steps}: in {found[-1].one_call} of 6 probe chains no call but Answer works, "
        f"{found[0].one_call} at the start, a rise over probe.collapse 0.5 (collapse to guesses); "
        "lower the learning rate or raise sft_weight"
    )
    assert record.steps < 16
    assert record.steps % 4 == 0
    # Nothing is correct by rote, so the start is as good as any, and its adapter changes nothing.
    assert record.kept == 0
    tuned = load_model(resolve(ModelName.parse(f"adapter:{tmp_path / 'dpo'}")), dtype="float32")
    moved = [one for name, one in tuned.named_parameters() if "lora_B" in name]
    assert moved
    assert not any(one.any() for one in moved)


def test_a_student_is_sampled_with_its_adapter(rote, unguarded, tmp_path) -> None:
    before, out = unguarded
    student = resolve(ModelName.parse(f"adapter:{out}@{rote.student.name}"))
    record, found = collapsed(
        evolve(rote, student=student), tmp_path / "dpo", evolve(PROBE, every=100)
    )
    assert found[0] == evolve(before.probes[-1], step=0)
    assert [one.step for one in record.probes] == [0, 16]


@pytest.mark.parametrize("start", ["base", "adapter"])
@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_probes_do_not_change_what_is_trained(data, sft, tmp_path, kind, start) -> None:
    seen: dict[str, list[Any]] = {}
    records = {}
    found: list[Probe] = []
    for name in ("plain", "probed"):
        job = data.job(tmp_path / name, None if start == "base" else sft.student)
        steps = seen.setdefault(name, [])
        job = evolve(job, on_step=lambda *one, to=steps: to.append((*one, drawn())))
        probe = ProbeSpec()
        if name == "probed":
            job = evolve(job, probing=probing(data.problems, found, 2))
            probe = evolve(PROBE, every=1, count=2, keep="last")
        records[name] = trained(kind, data, job, epochs=2, probe=probe)
    assert [one.step for one in found] == list(range(7))
    assert all(one.calls > 0 for one in found)
    assert seen["probed"] == seen["plain"]
    assert records["probed"].adapter == records["plain"].adapter
    assert records["probed"].metrics == records["plain"].metrics


def broken(model: Any) -> None:
    with _sampled(model) as sampled:
        assert not any(one.training for one in sampled.modules())
        drawn()
        raise TrainingError("of the engine")


def test_modes_and_random_states_are_put_back_even_after_an_error(data) -> None:
    model: Any = load_model(data.student, dtype="float32", trainable=True)
    model.model.layers[0].eval()
    before = [one.training for one in model.modules()]
    assert len({*before}) == 2
    torch.manual_seed(3)
    expected = drawn()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    with pytest.raises(TrainingError):
        broken(model)
    assert [one.training for one in model.modules()] == before
    assert torch.equal(torch.get_rng_state(), state)
    assert drawn()[2] == expected[2]


def scripted(
    monkeypatch: pytest.MonkeyPatch, correct: Callable[[int], int]
) -> dict[int, dict[str, torch.Tensor]]:
    """Let probes find so many correct chains of eight; return the weights that they saw."""
    weights: dict[int, dict[str, torch.Tensor]] = {}
    right = Score(verdict=Verdict.CORRECT, evidence=(0,), codes=(None, None))
    wrong = evolve(right, verdict=Verdict.WRONG_ANSWER, evidence=())

    def solved(self: ProbeGuard, step: int) -> Probe:
        weights[step] = {
            name.replace(".default", ""): one.detach().to(torch.bfloat16, copy=True)
            for name, one in self._model.named_parameters()
            if one.requires_grad
        }
        good = correct(step)
        return probe_of(step, [right] * good + [wrong] * (8 - good))

    monkeypatch.setattr(ProbeGuard, "_solved", solved)
    return weights


def saved(folder: Path, file: str = WEIGHTS) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / file)


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


BY_STEP = {0: 1, 3: 2, 6: 5, 9: 4, 12: 5, 15: 3, 18: 5, 21: 4, 24: 5}


@pytest.mark.parametrize(
    ("by_step", "kept"),
    [
        (BY_STEP, 6),
        ({**BY_STEP, 24: 6}, 24),
        ({**BY_STEP, 0: 5}, 0),
    ],
)
@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_the_adapter_has_the_weights_of_the_best_probe(
    data, sft, tmp_path, monkeypatch, kind, by_step, kept
) -> None:
    weights = scripted(monkeypatch, by_step.__getitem__)
    job = evolve(data.job(tmp_path / "out", sft.student), probing=probing(data.problems, [], 2))
    record = trained(kind, data, job, probe=evolve(PROBE, every=3))
    assert {one.step: one.correct for one in record.probes} == by_step
    assert (record.kept, record.steps, record.stopped) == (kept, 24, "")
    written = saved(tmp_path / "out")
    assert [step for step in weights if same(weights[step], written)] == [kept]


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_model_trained_as_a_whole_has_the_weights_of_the_best_probe(
    data, tmp_path, monkeypatch, kind
) -> None:
    weights = scripted(monkeypatch, BY_STEP.__getitem__)
    job = evolve(data.job(tmp_path / "out"), probing=probing(data.problems, [], 2))
    whole = {"method": "full", "lora": LoraSpec(), "learning_rate": 1e-3}
    record = trained(kind, data, job, probe=evolve(PROBE, every=3), **whole)
    assert (record.kept, record.steps, record.stopped) == (6, 24, "")
    written = saved(tmp_path / "out", "model.safetensors")
    assert [step for step in weights if same(weights[step], written)] == [6]


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_probes_do_not_change_a_model_that_is_trained_as_a_whole(data, tmp_path, kind) -> None:
    whole = {"method": "full", "lora": LoraSpec(), "learning_rate": 1e-3, "epochs": 1}
    found: list[Probe] = []
    plain = trained(kind, data, data.job(tmp_path / "plain"), **whole)
    job = evolve(data.job(tmp_path / "probed"), probing=probing(data.problems, found, 2))
    probe = evolve(PROBE, every=1, count=2, keep="last")
    assert trained(kind, data, job, probe=probe, **whole).adapter == plain.adapter
    assert [one.step for one in found] == list(range(plain.steps + 1))
    assert all(one.calls > 0 for one in found)


def test_a_student_that_was_better_twice_in_a_row_is_not_trained_on(
    data, sft, tmp_path, monkeypatch
) -> None:
    scripted(monkeypatch, {**BY_STEP, 6: 6, 9: 3, 12: 4, 15: 3, 18: 3}.__getitem__)
    job = evolve(data.job(tmp_path / "out", sft.student), probing=probing(data.problems, [], 2))
    record = trained("dpo", data, job, probe=evolve(PROBE, every=3, fall=0.25))
    assert record.stopped.startswith("step 18: 3 of 8 probe chains are correct, 6 at step 6")
    assert (record.kept, record.steps) == (6, 18)


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_an_interrupted_run_remembers_its_best_probe(
    data, sft, tmp_path, monkeypatch, kind
) -> None:
    weights = scripted(monkeypatch, BY_STEP.__getitem__)
    case = Case(kind, data, tmp_path, sft.student)
    found: list[Probe] = []
    probe = evolve(PROBE, every=3)
    case.plain = evolve(case.plain, probing=probing(data.problems, [], 2))
    case.job = evolve(case.job, probing=probing(data.problems, found, 2))
    whole = trained(kind, data, case.plain, probe=probe)
    with pytest.raises(Killed):
        trained(kind, data, stopping(case.job, 17), probe=probe)
    found.clear()
    assert trained(kind, data, case.job, probe=probe) == whole
    assert [one.step for one in found] == [18, 21, 24]
    assert whole.kept == 6
    assert same(saved(tmp_path / "resumed"), weights[6])


def test_a_probe_is_no_part_of_a_run_without_one(data, tmp_path) -> None:
    record = trained("sft", data, data.job(tmp_path / "out"), epochs=1)
    assert (record.probes, record.kept) == ((), None)
