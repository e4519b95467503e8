"""Training: a run leaves an adapter and its record, the same each time, or says why not."""

from __future__ import annotations

import json
import math

import pytest
import torch
from attrs import evolve
from transformers import TrainingArguments

from fcpref.core.chains import STUDENT, render
from fcpref.core.codec import unstructure
from fcpref.core.functions import Outcome
from fcpref.core.training import LoraSpec
from fcpref.errors import ArtifactError, TrainingError
from fcpref.shell.adapters import WEIGHTS
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash
from fcpref.shell.tokens import encode_chain
from fcpref.shell.train import train_dpo, train_sft
from fcpref.shell.trl_trainers import _on_one_gpu
from tests.trained import DPO, SFT, TASK, margin, masked_logp


def test_a_supervised_run_leaves_a_record_with_the_right_counts(data, sft) -> None:
    rows = [chosen for chosen, _ in data.rows(failed=False)]
    record = sft.record
    assert unstructure(evolve(record, metrics={}, adapter="")) == {
        "kind": "sft",
        "base": f"path:{data.student.folder.name}",
        "student_revision": data.student.revision,
        "start": "",
        "data": ("sha256:1",),
        "spec": unstructure(SFT),
        "rows": len(rows),
        "left_out": 0,
        "tokens": sum(row.length for row in rows),
        "trained_tokens": sum(sum(row.mask) for row in rows),
        "steps": 4,
        "metrics": {},
        "adapter": "",
        "stopped": "",
    }
    assert record.adapter == file_hash(sft.folder / WEIGHTS)
    first, last = record.metrics["loss"]
    assert last < first


def test_an_adapter_is_saved_in_bfloat16_with_its_own_files_only(data, sft) -> None:
    from safetensors.torch import load_file

    assert sorted(path.name for path in sft.folder.iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "fcpref.json",
    ]
    assert json.loads((sft.folder / "fcpref.json").read_text()) == {"base": data.student.name}
    assert {tensor.dtype for tensor in load_file(sft.folder / WEIGHTS).values()} == {torch.bfloat16}
    assert [path.name for path in sft.folder.parent.iterdir()] == ["sft"]


def test_an_adapters_settings_do_not_depend_on_the_hash_seed(sft) -> None:
    modules = json.loads((sft.folder / "adapter_config.json").read_bytes())["target_modules"]
    assert len(modules) > 1
    assert modules == sorted(modules)


def test_an_adapter_loads_back_and_changes_the_model(data, sft) -> None:
    row = data.rows()[0][0]
    base = load_model(data.student, dtype="float32")
    tuned = load_model(sft.student, dtype="float32")
    assert masked_logp(tuned, row) > masked_logp(base, row)


def test_the_same_specification_gives_the_same_adapter(data, sft, tmp_path) -> None:
    again = train_sft(data.chains, SFT, data.job(tmp_path / "again"))
    other = train_sft(data.chains, evolve(SFT, seed=2), data.job(tmp_path / "other"))
    assert again == sft.record
    assert other.adapter != sft.record.adapter


def test_dpo_goes_on_from_the_supervised_adapter_and_grows_the_margin(data, sft, tmp_path) -> None:
    steps: list[tuple[int, int, dict[str, float]]] = []
    job = evolve(
        data.job(tmp_path / "dpo", sft.student),
        on_step=lambda step, total, metrics: steps.append((step, total, dict(metrics))),
    )
    record = train_dpo(data.pairs, DPO, job)
    assert record.start == sft.record.adapter
    assert record.base == f"path:{data.student.folder.name}"
    assert (record.rows, record.left_out, record.steps, record.stopped) == (6, 0, 12, "")
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-3)
    assert record.metrics["rewards/margins"][0] == pytest.approx(0, abs=4e-3)
    assert record.metrics["rewards/margins"][1] > record.metrics["rewards/margins"][0]
    assert [step for step, _, metrics in steps if not metrics] == list(range(1, 13))
    assert [step for step, _, metrics in steps if metrics] == list(range(1, 13))
    assert {total for _, total, _ in steps} == {12}
    tuned = resolve(ModelName.parse(f"adapter:{tmp_path / 'dpo'}"))
    assert margin(data, tuned) > margin(data, sft.student)
    assert sorted(path.name for path in (tmp_path / "dpo").iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "fcpref.json",
    ]


def test_dpo_from_a_base_takes_the_base_as_reference(data, tmp_path) -> None:
    record = train_dpo(data.pairs, evolve(DPO, epochs=1), data.job(tmp_path / "dpo"))
    assert record.start == ""
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-3)


def test_dpo_twice_gives_the_same_adapter_and_may_replace_its_start(data, sft, tmp_path) -> None:
    spec = evolve(DPO, epochs=1)
    first = train_dpo(data.pairs, spec, data.job(tmp_path / "dpo", sft.student))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sft.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    again = resolve(ModelName.parse(f"adapter:{copy}@{data.student.name}"))
    assert train_dpo(data.pairs, spec, data.job(copy, again)) == first


def test_the_guard_stops_a_run_whose_chosen_chains_lose_likelihood(data, sft, tmp_path) -> None:
    swapped = tuple(evolve(p, chosen=p.rejected, rejected=p.chosen) for p in data.pairs)
    sinking = evolve(DPO, learning_rate=5e-2, stop_below=1e-3, epochs=20, loss="apo_down")
    record = train_dpo(swapped, sinking, data.job(tmp_path / "dpo", sft.student))
    assert "likelihood displacement" in record.stopped
    assert f"step {record.steps}: " in record.stopped
    assert record.steps < 60


@pytest.mark.parametrize("train", [train_sft, train_dpo])
def test_rows_over_the_token_limit_are_left_out_or_refused(data, sft, tmp_path, train) -> None:
    items = data.chains if train is train_sft else data.pairs
    spec = SFT if train is train_sft else DPO
    lengths = sorted(
        c.length if train is train_sft else max(c.length, r.length) for c, r in data.rows()
    )
    some = evolve(spec, max_tokens=lengths[2], epochs=1)
    record = train(items, some, data.job(tmp_path / "some", sft.student))
    assert (record.rows, record.left_out) == (3, 3)
    with pytest.raises(TrainingError, match="fits 9 tokens; raise max_tokens"):
        train(items, evolve(spec, max_tokens=9), data.job(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("rate", "epochs", "what"), [(1e39, 1, "weights are not"), (1e38, 6, "the loss is")]
)
def test_a_run_that_is_no_longer_finite_is_an_error(data, tmp_path, rate, epochs, what) -> None:
    wild = evolve(SFT, learning_rate=rate, epochs=epochs, batch=8)
    with pytest.raises(TrainingError, match=f"{what}.*lower"):
        train_sft(data.chains, wild, data.job(tmp_path / "wild"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_replaced(data, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is no adapter folder"):
        train_sft(data.chains, SFT, data.job(tmp_path))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_chain_of_an_unknown_problem_is_refused(data, tmp_path) -> None:
    stray = evolve(data.chains[0], problem="sha256:0123456789abcdef")
    with pytest.raises(TrainingError, match="problem 0123456789abcdef is not among those given"):
        train_sft([stray], SFT, data.job(tmp_path / "out"))


@pytest.mark.parametrize("start", ["base", "adapter"])
def test_an_adapter_above_the_last_layer_is_refused(data, sft, tmp_path, start) -> None:
    student = None if start == "base" else sft.student
    spec = evolve(SFT, lora=LoraSpec(first_layer=2))
    with pytest.raises(TrainingError, match=r"first_layer 2 is beyond the model's 2 layers.*lower"):
        train_sft(data.chains, spec, data.job(tmp_path / "out", student))


def test_failed_calls_carry_no_loss_in_a_supervised_run(data, tmp_path) -> None:
    chain = data.pairs[0].rejected
    record = train_sft([chain], evolve(SFT, epochs=1), data.job(tmp_path / "sft"))
    slip = evolve(
        chain, turns=(evolve(chain.turns[0], outcome=Outcome(text="x")), *chain.turns[1:])
    )
    with_slip = train_sft([slip], evolve(SFT, epochs=1), data.job(tmp_path / "with"))
    assert record.trained_tokens < with_slip.trained_tokens


def test_of_a_chain_that_the_oracle_went_on_with_its_replies_alone_are_trained(
    data, tmp_path
) -> None:
    one = evolve(SFT, epochs=1)
    chain = evolve(data.chains[0], completed_from=1)
    assert len(chain.turns) > 1
    found = [
        train_sft([chain], spec, data.job(tmp_path / name)).trained_tokens
        for name, spec in (("all", one), ("onward", evolve(one, onward=True)))
    ]
    # What a byte tokenizer makes of the first reply, and the mark that ends its turn.
    problem = data.problems[chain.problem]
    opening = render(STUDENT, TASK.toolbox, problem)
    row = encode_chain(data.tokenizer, opening, chain, [True] + [False] * (len(chain.turns) - 1))
    assert found[0] - found[1] == sum(row.mask) > 0


def test_a_chain_is_trained_behind_the_functions_that_it_was_offered(data, tmp_path) -> None:
    chain = data.chains[0]
    spec = evolve(SFT, epochs=1, max_tokens=9_000)
    full = train_sft([chain], spec, data.job(tmp_path / "full"))
    withheld = evolve(chain, without=("Reasoning",))
    narrowed = train_sft([withheld], spec, data.job(tmp_path / "narrowed"))
    offered = len(data.tokenizer("Reasoning(thought) ")["input_ids"])
    assert narrowed.trained_tokens == full.trained_tokens
    assert full.tokens - narrowed.tokens == offered


@pytest.mark.parametrize(("seen", "taken"), [(0, 0), (1, 1), (8, 1)])
def test_a_process_trains_on_one_gpu(tmp_path, seen, taken) -> None:
    arguments = TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, per_device_train_batch_size=3
    )
    arguments._n_gpu = seen
    _on_one_gpu(arguments)
    assert arguments.n_gpu == taken
    assert arguments.train_batch_size == 3
