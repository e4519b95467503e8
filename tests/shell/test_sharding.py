"""Models shared out among processes: what is refused, and what all processes do alike."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from attrs import evolve

from fcpref.core.training import LoraSpec, ProbeSpec, SftSpec
from fcpref.errors import TrainingError
from fcpref.shell import sharding, trained_forward
from fcpref.shell.adapters import base_of, to_train
from fcpref.shell.passes import nothing, passes
from fcpref.shell.sharding import begin, check, kind, lacking, share_bytes, whole
from fcpref.shell.trained_forward import score_trained_only
from tests.launching import told_by
from tests.tiny_model import ascii_tokenizer, save_tiny, tiny_llama

SPEC = SftSpec(dtype="float32", lora=LoraSpec(rank=2))


@pytest.fixture(params=["fsdp", "zero3"])
def shared(request, monkeypatch) -> str:
    """Tell this process what `accelerate launch` would; return which config it has."""
    for name, value in told_by(request.param).items():
        monkeypatch.setenv(name, value)
    return request.param


@pytest.fixture
def model(tmp_path):
    made = to_train(save_tiny(tmp_path, ascii_tokenizer()), SPEC)
    score_trained_only(base_of(made))
    return made


def test_models_are_whole_unless_accelerate_says_so():
    assert kind() == ""
    check(evolve(SPEC, probe=ProbeSpec(every=2)))
    begin(SimpleNamespace(distributed_type="DistributedType.MULTI_GPU"))
    assert lacking(None, 3) == 0


def test_our_configs_say_so(shared):
    assert kind() == shared
    check(SPEC)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (evolve(SPEC, probe=ProbeSpec(every=2)), "set probe.every=0 or use ddp.yaml"),
        (evolve(SPEC, lora=LoraSpec(quantised="nf4")), "weights in 4 bits"),
    ],
)
@pytest.mark.usefixtures("shared")
def test_what_needs_whole_weights_is_refused(spec, said):
    with pytest.raises(TrainingError, match=said):
        check(spec)


def test_the_first_version_of_fsdp_is_refused(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(TrainingError, match="set fsdp_version: 2"):
        check(SPEC)


def test_a_model_that_accelerate_will_not_share_out_is_refused(shared):
    with pytest.raises(TrainingError, match=f"{shared} shares a model out among GPUs"):
        begin(SimpleNamespace(distributed_type="DistributedType.MULTI_CPU"))


def test_deepspeed_of_another_stage_is_refused(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    state = SimpleNamespace(deepspeed_plugin=SimpleNamespace(zero_stage=2))
    with pytest.raises(TrainingError, match="set zero_stage: 3"):
        begin(SimpleNamespace(distributed_type="DistributedType.DEEPSPEED", state=state))


class Accelerator:
    """Of the second of two processes, the first of which has some passes."""

    device = torch.device("cpu")

    def __init__(self, others: int) -> None:
        self.others = others
        self.ends: list[bool] = []
        self.gradient_state = SimpleNamespace(_set_sync_gradients=self.ends.append)

    def gather(self, counts):
        return torch.cat([torch.tensor([self.others]), counts])

    def backward(self, loss) -> None:
        loss.backward()

    def no_sync(self, _model):
        raise AssertionError("gradients of shares are exchanged with each pass")


@pytest.mark.parametrize(("others", "own"), [(5, 2), (2, 5), (3, 3)])
def test_all_processes_take_as_many_passes(shared, model, others, own):
    runs = []
    model.register_forward_hook(lambda *_: runs.append(1))
    trainer = SimpleNamespace(
        accelerator=Accelerator(others), compute_loss_context_manager=torch.enable_grad
    )
    row = torch.tensor([[3, 4, 5, 6]])
    part = {"input_ids": row, "targets": torch.tensor([4, 5])}
    for one in passes(trainer, model, [part] * own):
        at = torch.tensor([0, 1])
        model(input_ids=one["input_ids"], trained=(at * 0, at, one["targets"]))
    assert len(runs) == max(others, own)
    # DeepSpeed takes the optimizer's step with the last pass, and with no other.
    expected = [False] * (len(runs) - 1) + [True]
    assert trainer.accelerator.ends == (expected if shared == "zero3" else [])


def test_a_pass_of_nothing_has_gradients_of_zero_everywhere(model):
    part = {"input_ids": torch.tensor([[3, 4, 5]]), "targets": torch.tensor([4, 5])}
    found = nothing(model, part)
    assert found.shape == (0,)
    found.sum().backward()
    trained = [one for one in model.parameters() if one.requires_grad]
    assert trained
    assert all(one.grad is not None and not one.grad.any() for one in trained)


def test_the_head_is_called_once_a_pass_however_many_tokens(model, monkeypatch):
    monkeypatch.setattr(trained_forward, "_CHUNK", 3)
    calls = []
    model.get_output_embeddings().register_forward_hook(lambda *_: calls.append(1))
    row = torch.arange(3, 13)[None]
    at = torch.arange(9)
    model(input_ids=row, trained=(at * 0, at, row[0, 1:])).log_probs.sum().backward()
    assert calls == [1]


def test_weights_of_one_process_are_as_they_are(model):
    named = dict(model.named_parameters())
    assert {name: one.data_ptr() for name, one in whole(named)} == {
        name: one.data_ptr() for name, one in named.items()
    }


def test_a_process_holds_a_share_and_what_is_gathered(monkeypatch):
    made = tiny_llama(ascii_tokenizer())
    every = sum(one.numel() * 4 for one in made.parameters())
    ends = 2 * made.get_input_embeddings().weight.numel() * 4
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("WORLD_SIZE", "4")
    # Of two layers, both are gathered: all there is.
    assert share_bytes(made) == every // 4 + ends + (every - ends)
    made.config.num_hidden_layers = 8
    assert share_bytes(made) == every // 4 + ends + (every - ends) // 4
    assert sharding.kind() == "fsdp"
