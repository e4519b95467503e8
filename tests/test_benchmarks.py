"""What `python -m benchmarks` makes of what training by several processes has measured."""

from __future__ import annotations

import pytest
from attrs import evolve

from benchmarks import processes
from benchmarks.processes import Measured, _run, difference, several
from benchmarks.training_rows import Setting, encoded, made_pairs
from tests.tiny_model import byte_tokenizer

MEASURED = Measured(
    device="cpu", rows=8, seconds=60.0, ends=[30.0, 39.0, 41.0, 44.0, 48.0], losses=[], peak=0
)


def test_a_step_takes_the_median_time_without_the_first_two():
    assert MEASURED.step == 3.0
    assert evolve(MEASURED, ends=[0.0, 0.0, *MEASURED.ends[2:]]).step == 4.0


def test_losses_are_compared_window_by_window_with_one_process_s():
    assert difference([2.0, 1.0, -4.0], [2.0, 1.1, -4.2]) == pytest.approx((0.2, 0.1))
    with pytest.raises(ValueError, match="shorter"):
        difference([2.0, 1.0], [2.0])


def test_the_same_chains_are_rows_of_sft_and_the_chosen_side_of_pairs():
    texts = [problem.text for problem in made_pairs(Setting(rows=3))[1].values()]
    tokenizer = byte_tokenizer(texts, size=500)
    rows = {}
    for kind in ("chain", "step", "sft"):
        setting = Setting(rows=3, kind=kind, depth=1)
        rows[kind] = encoded(tokenizer, "tiny", *made_pairs(setting), setting)
    assert rows["sft"] == [chosen for chosen, _ in rows["chain"]]
    assert len(rows["sft"]) == 3
    for whole, call in zip(rows["chain"], rows["step"], strict=True):
        assert 0 < sum(call[0].mask) < sum(whole[0].mask)


def test_a_run_that_fails_says_why(capsys):
    with pytest.raises(SystemExit, match="failed"):
        _run("path:/of/no/model", Setting(), 1, (), {})
    assert "path:/of/no/model is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "count", "config", "told"),
    [
        (Setting(batch=8), 3, "ddp", "cannot be shared by 3 processes"),
        (Setting(batch=8), 1, "ddp", "set --processes to 2 or more"),
        (Setting(rows=4, batch=8), 2, "ddp", "make no batch of 8"),
        (Setting(batch=8), 2, "ddq", "name one of ddp, fsdp, zero3, or a file"),
    ],
)
def test_what_cannot_be_measured_is_refused(setting, count, config, told):
    with pytest.raises(SystemExit, match=told):
        several("path:/of/no/model", setting, count, [config])


def test_models_are_shared_out_on_gpus_alone(monkeypatch):
    monkeypatch.setattr(processes, "_has_gpus", lambda: False)
    with pytest.raises(SystemExit, match="only config ddp runs without"):
        several("path:/of/no/model", Setting(batch=8, rows=8), 2, ["ddp", "fsdp"])
