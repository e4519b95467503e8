"""Merging: a plain folder that computes what the adapter computes, and that others read."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from fcpref.core.chains import Message
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.local import LocalModel
from fcpref.shell.engines.openai import OpenAIEngine
from fcpref.shell.merging import merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from tests.merged import SPEC, card
from tests.model_files import random_model, write_gguf
from tests.shell.test_transformers_serve import PATIENCE, serving
from tests.tiny_model import CHATML


def test_the_weights_are_the_base_plus_the_update_rounded_once(trained, merged):
    base = load_file(trained["base"] / "model.safetensors")
    adapter = load_file(trained["second"][1] / "adapter_model.safetensors")
    expected = {key: weight.float() for key, weight in base.items()}
    for key, down in adapter.items():
        if key.endswith("lora_A.weight"):
            up = adapter[key.replace("lora_A", "lora_B")]
            target = key.removeprefix("base_model.model.").replace("lora_A.", "")
            expected[target] += (up.float() @ down.float()) * (SPEC.lora.alpha / SPEC.lora.rank)
    found = load_file(merged / "model.safetensors")
    assert set(found) == set(base)
    for key, weight in found.items():
        assert weight.dtype == torch.bfloat16
        torch.testing.assert_close(weight, expected[key].bfloat16(), rtol=0, atol=0, msg=key)


def test_the_folder_computes_what_the_adapter_does(trained, merged, name):
    texts = ["Add(a=1, b=2)", "Ann has 3 apples."]
    tokenizer = load_tokenizer(resolve(ModelName.parse(f"path:{merged}")))
    ids = tokenizer(texts, return_tensors="pt", padding=True).input_ids
    base = f"path:{trained['base']}"
    logits = {}
    for one in (name, f"path:{merged}", base):
        model = load_model(resolve(ModelName.parse(one)), dtype="float32", device="cpu")
        with torch.no_grad():
            logits[one] = model(input_ids=ids).logits
    off = (logits[f"path:{merged}"] - logits[name]).abs().max().item()
    change = (logits[base] - logits[name]).abs().max().item()
    assert off < 0.02 * change


def test_the_tokenizer_is_the_base_s_and_its_template_stands_where_each_reader_looks(
    trained, merged
):
    base = load_tokenizer(resolve(ModelName.parse(f"path:{trained['base']}")))
    ours = load_tokenizer(resolve(ModelName.parse(f"path:{merged}")))
    chat = [{"role": "user", "content": "Add(a=1, b=2)\n\n\t'7'"}]
    assert ours.apply_chat_template(chat) == base.apply_chat_template(chat)
    assert ours.get_vocab() == base.get_vocab()
    assert ours.special_tokens_map == base.special_tokens_map
    assert (merged / "tokenizer.json").read_bytes() == (
        trained["base"] / "tokenizer.json"
    ).read_bytes()
    settings = json.loads((merged / "tokenizer_config.json").read_text())
    assert settings["chat_template"] == CHATML == (merged / "chat_template.jinja").read_text()


def test_a_template_in_the_settings_alone_is_written_to_its_own_file_too(
    workspace, trained, tmp_path
):
    copy = tmp_path / "base"
    shutil.copytree(trained["base"], copy)
    (copy / "chat_template.jinja").unlink()
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": CHATML}))
    folder = merge_model(workspace, f"path:{copy}", tmp_path / "out").folder
    assert (folder / "chat_template.jinja").read_text() == CHATML
    assert json.loads((folder / "tokenizer_config.json").read_text())["chat_template"] == CHATML


def test_names_that_transformers_4_does_not_know_stand_beside_its_own(merged):
    # Version 4 (and vLLM on it) has no class TokenizersBackend, and iterates over
    # `extra_special_tokens.keys()`: huggingface/transformers, tokenization_utils_base.py, v4.57.
    settings = json.loads((merged / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert settings["additional_special_tokens"] == ["<|im_start|>"]
    assert "extra_special_tokens" not in settings
    config = json.loads((merged / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10_000
    assert config["torch_dtype"] == config["dtype"] == "bfloat16"
    assert "rope_scaling" not in config


def test_what_vllm_reads_is_there(merged):
    # https://docs.vllm.ai/en/latest/design/huggingface_integration/: config.json with model_type
    # and architectures, then weights and tokenizer; and serving/openai_compatible_server: a chat
    # template "in its tokenizer configuration", defaults from generation_config.json.
    config = json.loads((merged / "config.json").read_text())
    assert config["model_type"] == "llama"
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert json.loads((merged / "tokenizer_config.json").read_text())["chat_template"]
    assert json.loads((merged / "generation_config.json").read_text())["eos_token_id"] == 2
    assert [path.name for path in merged.glob("*.safetensors")] == ["model.safetensors"]


def test_what_llama_cpp_s_converter_reads_is_there(merged):
    # convert_hf_to_gguf.py of ggml-org/llama.cpp: `load_hparams`, `get_model_part_names`,
    # `TextModel.__init__`; what it imports from its package `gguf` is the real thing here.
    gguf = pytest.importorskip("gguf")
    from gguf.utility import SafetensorsLocal

    config = json.loads((merged / "config.json").read_text())
    needed = {"architectures", "num_hidden_layers", "hidden_size", "intermediate_size"}
    needed |= {"num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim"}
    needed |= {"max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_parameters"}
    assert needed <= set(config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    with SafetensorsLocal(merged / "model.safetensors") as weights:
        found = {key: weights[key].dtype for key in weights}
    assert all(names.get_name(key, try_suffixes=(".weight", ".bias")) for key in found)
    assert set(found.values()) == {"BF16"}
    vocabulary = gguf.SpecialVocab(merged, load_merges=True)
    assert vocabulary.chat_template == CHATML
    assert vocabulary.special_token_ids["eos"] == config["eos_token_id"]
    assert vocabulary.merges
    # It looks up which splits the tokenizer makes, and for that loads it by transformers.
    tokenizer = load_tokenizer(resolve(ModelName.parse(f"path:{merged}")))
    assert max(tokenizer.get_vocab().values()) < config["vocab_size"]


def test_a_real_server_gives_the_replies_that_the_model_gives_here(merged, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sampling = Sampling(reply_tokens=8)
    asked = [
        Request(job=f"{n}/0", step=0, messages=(Message(role="user", content=f"Add(a={n}, b=2)"),))
        for n in range(3)
    ]
    replies = {"served": {}, "here": {}}
    here = LocalModel(resolve(ModelName.parse(f"path:{merged}")), "float32").engine(sampling)
    here.run(asked, lambda request, reply: replies["here"].update({request.job: reply.text}))
    with serving(merged, tmp_path) as (endpoint, _):
        served = OpenAIEngine(
            endpoint=endpoint, model=str(merged), sampling=sampling, patience=PATIENCE
        )
        served.run(
            asked, lambda request, reply: replies["served"].update({request.job: reply.text})
        )
    assert len(replies["here"]) == len(asked)
    assert any(replies["here"].values())
    assert replies["served"] == replies["here"]


def test_a_model_without_an_adapter_is_written_with_its_weights(workspace, tmp_path):
    model = random_model()
    write_gguf(tmp_path / "tiny.gguf", model)
    done = merge_model(workspace, f"gguf:{tmp_path / 'tiny.gguf'}", tmp_path / "whole")
    found = load_file(done.folder / "model.safetensors")
    for key, weight in model.state_dict().items():
        if key != "lm_head.weight":  # is the embeddings
            assert torch.equal(found[key], weight.bfloat16()), key
    assert "lm_head.weight" not in found
    assert "dequantised from a GGUF file" in card(done.folder)
    assert "This model was not trained here." in card(done.folder)


def test_scaled_rotary_embeddings_are_named_as_older_readers_do(workspace, trained, tmp_path):
    config = json.loads((trained["base"] / "config.json").read_text())
    config["rope_parameters"] |= {"rope_type": "linear", "factor": 2.0}
    copy = tmp_path / "base"
    shutil.copytree(trained["base"], copy)
    (copy / "config.json").write_text(json.dumps(config))
    done = merge_model(workspace, f"path:{copy}", tmp_path / "out")
    written = json.loads((done.folder / "config.json").read_text())
    assert written["rope_scaling"] == {"rope_type": "linear", "factor": 2.0}
    resolved = resolve(ModelName.parse(f"path:{done.folder}"))
    read = load_model(resolved, dtype="float32", device="cpu").config.rope_parameters
    assert read == {"rope_theta": 10_000.0, "rope_type": "linear", "factor": 2.0}
