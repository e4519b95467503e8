"""QLoRA, where there are a GPU and bitsandbytes."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file

from fcpref.shell.adapters import WEIGHTS, to_train
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.train import train_dpo, train_sft
from tests.shell.test_resuming import Case
from tests.trained import DPO, LORA, SFT, margin

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or find_spec("bitsandbytes") is None,
    reason="needs CUDA and bitsandbytes",
)
QUANTISED = evolve(LORA, quantised="nf4")


def test_linear_layers_but_the_head_are_in_four_bits_and_adapters_in_float32(data) -> None:
    from bitsandbytes.nn import Linear4bit

    model = to_train(data.student, evolve(SFT, lora=QUANTISED))
    layers = [one for one in model.modules() if isinstance(one, Linear4bit)]
    assert len(layers) == 7 * 2
    assert {one.weight.quant_type for one in layers} == {"nf4"}
    assert {one.weight.quant_state.nested for one in layers} == {True}
    assert {one.compute_dtype for one in layers} == {torch.bfloat16}
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


@pytest.mark.parametrize("dora", [False, True])
def test_a_quantised_student_is_trained_twice_and_its_adapter_fits_whole_weights(
    data, tmp_path, dora
) -> None:
    lora = evolve(QUANTISED, dora=dora)
    first = train_sft(data.chains, evolve(SFT, lora=lora), data.job(tmp_path / "sft"))
    assert first.metrics["loss"][1] < first.metrics["loss"][0]
    start = resolve(ModelName.parse(f"adapter:{tmp_path / 'sft'}"))
    record = train_dpo(data.pairs, evolve(DPO, lora=lora), data.job(tmp_path / "dpo", start))
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-2)
    tuned = resolve(ModelName.parse(f"adapter:{tmp_path / 'dpo'}"))
    assert margin(data, tuned) > margin(data, start)
    names = load_file(tmp_path / "dpo" / WEIGHTS)
    assert any("magnitude" in name for name in names) == dora


def test_an_interrupted_quantised_run_ends_as_one_that_was_not(data, tmp_path) -> None:
    case = Case("dpo", data, tmp_path, lora=QUANTISED)
    case.stop(8)
    common = torch.load(case.path("step-6") / "run.pt", weights_only=True)
    # TRL rounds the adapters of quantised models, which small steps would not survive.
    assert {one.dtype for one in common["weights"].values()} == {torch.float32}
    assert case.resume() == case.whole()
