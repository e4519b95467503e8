"""Ways to train: rank-stabilised, DoRA and quantised adapters, and all weights."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file

from fcpref.core.training import LoraSpec
from fcpref.errors import ArtifactError, ModelError, TrainingError
from fcpref.shell import stages_training
from fcpref.shell.adapters import WEIGHTS, to_train
from fcpref.shell.engines.local import load_on
from fcpref.shell.merging import merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash
from fcpref.shell.train import train_dpo, train_sft
from fcpref.shell.whole_models import name_of
from fcpref.shell.workspace import Workspace
from tests.shell.test_resuming import Case
from tests.trained import DPO, LORA, SFT, Trained, margin, masked_logp
from tests.training_runs import training_data

FULL = evolve(SFT, lora=LoraSpec(), method="full", learning_rate=1e-3)
FULL_DPO = evolve(DPO, lora=LoraSpec(), method="full", learning_rate=2e-4)
STABLE = evolve(LORA, rank_stabilised=True)
DORA = evolve(LORA, dora=True)
BOTH = evolve(STABLE, dora=True)


def logits(model, row) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([row.ids])).logits[0]


@pytest.mark.parametrize("lora", [STABLE, DORA, BOTH], ids=["stable", "dora", "both"])
def test_a_variant_is_trained_saved_and_merged_to_the_same_model(data, tmp_path, lora) -> None:
    spec = evolve(SFT, lora=lora, dtype="float32")
    record = train_sft(data.chains, spec, data.job(tmp_path / "sft"))
    assert record.metrics["loss"][1] < record.metrics["loss"][0]
    weights = load_file(tmp_path / "sft" / WEIGHTS)
    magnitudes = [one for name, one in weights.items() if "magnitude" in name]
    assert len(magnitudes) == (7 * 2 if lora.dora else 0)
    assert {one.dtype for one in magnitudes} <= {torch.float32}
    adapter = resolve(ModelName.parse(f"adapter:{tmp_path / 'sft'}"))
    row = data.rows()[0][0]
    whole = logits(load_model(adapter, dtype="float32"), row)
    assert not torch.allclose(whole, logits(load_model(data.student, dtype="float32"), row))
    merged, _ = load_on(adapter, "float32", "cpu")
    assert torch.allclose(logits(merged, row), whole, atol=1e-5)
    folder = merge_model(Workspace(tmp_path), adapter.name, tmp_path / "merged").folder
    written = load_model(resolve(ModelName.parse(f"path:{folder}")), dtype="float32")
    # The folder is in bfloat16.
    assert torch.allclose(logits(written, row), whole, atol=0.1)


def test_a_rank_stabilised_adapter_is_scaled_by_the_root_of_its_rank(data) -> None:
    scales = {
        next(m.scaling["default"] for m in model.modules() if hasattr(m, "lora_A"))
        for model in (to_train(data.student, evolve(SFT, lora=one)) for one in (LORA, STABLE))
    }
    assert scales == {8 / 4, 8 / math.sqrt(4)}


def test_the_magnitudes_of_dora_are_trained_in_float32(data) -> None:
    model = to_train(data.student, evolve(SFT, lora=DORA, dtype="bfloat16"))
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert any("magnitude" in name for name in trained)
    assert {one.dtype for one in trained.values()} == {torch.float32}


def test_dpo_goes_on_from_a_dora_adapter_against_its_own_start(data, tmp_path) -> None:
    spec = evolve(SFT, lora=DORA, dtype="float32")
    train_sft(data.chains, spec, data.job(tmp_path / "sft"))
    start = resolve(ModelName.parse(f"adapter:{tmp_path / 'sft'}"))
    record = train_dpo(data.pairs, evolve(DPO, dtype="float32"), data.job(tmp_path / "dpo", start))
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=1e-4)
    assert record.metrics["loss"][1] < 0.9 * math.log(2)
    before, after = (load_file(tmp_path / name / WEIGHTS) for name in ("sft", "dpo"))
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert any("magnitude" in name for name in changed)
    tuned = resolve(ModelName.parse(f"adapter:{tmp_path / 'dpo'}"))
    assert margin(data, tuned) > margin(data, start)
    assert to_train(start, evolve(DPO, lora=DORA)).peft_config["default"].use_dora


@pytest.mark.parametrize("setting", ["rank_stabilised", "dora"])
def test_an_adapter_is_not_trained_as_one_of_another_kind(data, sft, tmp_path, setting) -> None:
    spec = evolve(DPO, lora=LoraSpec(**{setting: True}))
    said = rf"is an adapter without lora\.{setting} and goes on as it is; leave that out, or merge"
    with pytest.raises(TrainingError, match=said):
        train_dpo(data.pairs, spec, data.job(tmp_path / "dpo", sft.student))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
@pytest.mark.parametrize("start", ["base", "adapter"])
def test_four_bits_without_a_gpu_are_refused_in_one_sentence(data, sft, tmp_path, start) -> None:
    student = None if start == "base" else sft.student
    spec = evolve(DPO, lora=LoraSpec(quantised="nf4"))
    with pytest.raises(ModelError, match=r"needs a GPU with CUDA.*leave it out") as error:
        train_dpo(data.pairs, spec, data.job(tmp_path / "dpo", student))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_four_bits_without_bitsandbytes_say_what_to_install(monkeypatch) -> None:
    from fcpref.shell import quantising

    monkeypatch.setattr(quantising, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip install 'fcpref\[qlora\]'"):
        quantising.nf4_settings(torch.device("cuda", 0))


@pytest.fixture(scope="module")
def full(data, tmp_path_factory) -> Trained:
    out = tmp_path_factory.mktemp("runs") / "full"
    record = train_sft(data.chains, FULL, data.job(out))
    return Trained(folder=out, record=record, student=resolve(ModelName.parse(f"path:{out}")))


def test_a_whole_model_is_trained_and_left_as_a_plain_folder(data, full) -> None:
    assert full.record.metrics["loss"][1] < full.record.metrics["loss"][0]
    weights = load_file(full.folder / "model.safetensors")
    before = load_file(data.student.folder / "model.safetensors")
    assert {one.dtype for one in weights.values()} == {torch.bfloat16}
    assert weights.keys() == before.keys()
    assert not [n for n in weights if torch.equal(weights[n], before[n].to(torch.bfloat16))]
    assert full.record.adapter == file_hash(full.folder / "model.safetensors")
    assert full.record.start == ""
    row = data.rows()[0][0]
    tuned, base = (load_model(one, dtype="float32") for one in (full.student, data.student))
    assert masked_logp(tuned, row) > masked_logp(base, row)
    tokenizer = load_tokenizer(full.student)
    assert tokenizer.chat_template == data.tokenizer.chat_template
    assert [path.name for path in full.folder.parent.iterdir()] == ["full"]


def test_a_whole_model_may_be_trained_again_by_either_method(data, full, tmp_path) -> None:
    records = [
        train_dpo(data.pairs, spec, data.job(tmp_path / spec.method, full.student))
        for spec in (DPO, FULL_DPO)
    ]
    for record in records:
        assert record.student_revision == full.student.revision
        assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-3)
        assert record.metrics["rewards/margins"][1] > record.metrics["rewards/margins"][0] + 0.01
    tuned = resolve(ModelName.parse(f"path:{tmp_path / 'full'}"))
    assert margin(data, tuned) > margin(data, full.student)


def test_an_adapter_is_summed_into_the_weights_before_all_are_trained(data, sft, tmp_path) -> None:
    still = evolve(FULL_DPO, learning_rate=1e-12, epochs=1)
    record = train_dpo(data.pairs, still, data.job(tmp_path / "full", sft.student))
    assert record.start == sft.record.adapter
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=1e-4)
    row = data.rows()[0][0]
    whole = load_model(resolve(ModelName.parse(f"path:{tmp_path / 'full'}")), dtype="float32")
    adapted = load_model(sft.student, dtype="float32")
    assert masked_logp(whole, row) == pytest.approx(masked_logp(adapted, row), rel=0.02)


def test_no_second_model_is_loaded_as_the_reference(data, tmp_path, monkeypatch) -> None:
    from trl.trainer import dpo_trainer

    def refused(*_, **__):
        raise AssertionError

    monkeypatch.setattr(dpo_trainer, "create_model_from_path", refused)
    record = train_dpo(data.pairs, FULL_DPO, data.job(tmp_path / "full"))
    assert record.metrics["rewards/margins"][1] > 0.01


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_an_interrupted_run_of_a_whole_model_ends_as_one_that_was_not(data, tmp_path, kind) -> None:
    case = Case(kind, data, tmp_path, method="full", lora=LoraSpec(), learning_rate=1e-4)
    case.stop(8)
    assert case.resume() == case.whole()
    assert [note.partition(",")[0] for note in case.notes] == ["going on from step 6"]


def test_a_trained_model_is_replaced_and_another_one_is_not(data, tmp_path) -> None:
    out = tmp_path / "full"
    spec = evolve(FULL, epochs=1)
    first = train_sft(data.chains, spec, data.job(out))
    assert train_sft(data.chains, spec, data.job(out)) == first
    (out / "fcpref.json").unlink()
    with pytest.raises(ArtifactError, match="exists and is no"):
        train_sft(data.chains, spec, data.job(out))


def test_a_trained_model_is_found_again_while_its_weights_are_there(
    tmp_path_factory, monkeypatch
) -> None:
    made = training_data(tmp_path_factory, 2)
    workspace = Workspace(made.root)
    scores = workspace.find(made.rows["sft"], "scores")

    def trained(spec) -> Path:
        done = stages_training.train(workspace, "sft", [scores], made.student, spec)
        assert done is not None
        return done[1]

    spec = evolve(FULL, epochs=1)
    folder = trained(spec)
    assert folder.parent == workspace.local / "models"
    assert name_of(folder, made.student) == f"path:{folder}"
    adapter = trained(evolve(SFT, epochs=1))
    assert adapter.parent == workspace.local / "adapters"
    assert name_of(adapter, made.student) == f"adapter:{adapter}@{made.student}"
    assert name_of(adapter, f"adapter:before@{made.student}").endswith(f"@{made.student}")
    onto = stages_training.train(
        workspace,
        "dpo",
        [workspace.find(made.rows["dpo"], "pairs")],
        f"path:{folder}",
        evolve(DPO, epochs=1),
    )
    assert onto is not None
    for model, runs in ((f"path:{folder}", 1), (name_of(onto[1], f"path:{folder}"), 2)):
        merged = merge_model(workspace, model, workspace.root / f"merged-{runs}").folder
        card = (merged / "README.md").read_text()
        assert card.count("- Run: `sha256:") == runs
        assert f"- Base: `path:{Path(made.student).name}`" in card
    again: list[object] = []

    def train(*_) -> None:
        again.append(_)
        raise InterruptedError

    monkeypatch.setattr(stages_training, "train_sft", train)
    assert trained(spec) == folder
    assert not again
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InterruptedError):
        trained(spec)
