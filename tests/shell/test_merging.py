"""Merging: a plain folder that computes what the adapter computes, and that others read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from fcpref.cli import main
from fcpref.core.chains import Message
from fcpref.core.training import LoraSpec, SftSpec
from fcpref.errors import ArtifactError, ModelError
from fcpref.shell import stages, stages_models, stages_training
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.local import LocalModel
from fcpref.shell.engines.openai import OpenAIEngine
from fcpref.shell.merging import MARK, merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.workspace import Workspace
from tests.command_line import refused
from tests.model_files import random_model, write_gguf
from tests.shell.test_transformers_serve import PATIENCE, serving
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

# High enough for the adapter to change the model by more than bfloat16 rounds.
SPEC = SftSpec(
    epochs=2, batch=4, learning_rate=2e-2, lora=LoraSpec(rank=4, alpha=8), max_tokens=2_000
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("merging") / "artifacts")


@pytest.fixture(scope="module")
def trained(workspace, tmp_path_factory):
    """Train twice, the second time from the first adapter; return base, runs and adapters."""
    problems = stages.make_problems(workspace, "math.word", "train", 4)
    scores = stages.score(workspace, stages.oracle_chains(workspace, problems))
    base = tmp_path_factory.mktemp("base")
    save_tiny(base, byte_tokenizer([CHATML], size=400), scale=0.1)
    first = stages_training.train(workspace, "sft", [scores], f"path:{base}", SPEC, name="first")
    start = f"adapter:{first[1]}@path:{base}"
    second = stages_training.train(workspace, "sft", [scores], start, SPEC, name="second")
    test = stages.make_problems(workspace, "math.word", "test", 2)
    trials = stages_models.evaluate(workspace, f"adapter:{second[1]}@path:{base}", test)
    return {"base": base, "first": first, "second": second, "scores": scores, "trials": trials}


@pytest.fixture(scope="module")
def name(trained):
    return f"adapter:{trained['second'][1]}@path:{trained['base']}"


@pytest.fixture(scope="module")
def merged(workspace, name, tmp_path_factory):
    return merge_model(workspace, name, tmp_path_factory.mktemp("out") / "student").folder


def card(folder):
    return (folder / "README.md").read_text()


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


def test_llama_cpp_s_converter_reads_the_card(merged):
    pytest.importorskip("gguf")
    from gguf.metadata import Metadata

    read = Metadata.load(model_path=merged)
    assert read.tags == ["fcpref", "function-calling", "reasoning", "sft", "text-generation"]
    assert read.languages == ["en"]


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


def test_the_card_tells_of_every_run_and_of_the_trials(trained, merged):
    text = card(merged)
    first, second, trials = trained["first"][0], trained["second"][0], trained["trials"]
    assert text.index(first.id) < text.index(second.id)
    assert text.count(f"scores `{trained['scores'].id}`") == 2
    assert "Rows: 4 chains" in text
    assert '"learning_rate": 0.02' in text
    row = next(line for line in text.splitlines() if trials.id[7:23] in line)
    assert row.startswith("| math.word test")
    assert "| greedy | 2 | 0.0% [0.0% to 65.8%] |" in row
    assert "was not found, so none is stated above" in text
    assert "\nlicense:" not in text
    assert str(merged.parent) not in text
    assert str(trained["base"].parent) not in text


def test_trials_of_another_model_of_the_same_name_are_not_its_own(tmp_path):
    workspace = Workspace(tmp_path / "artifacts")
    test = stages.make_problems(workspace, "math.word", "test", 1)
    folders = [tmp_path / one / "model" for one in ("one", "two")]
    for seed, folder in enumerate(folders):
        save_tiny(folder, byte_tokenizer([CHATML], size=400), seed=seed)
    trials = stages_models.evaluate(workspace, f"path:{folders[0]}", test)
    texts = [
        card(merge_model(workspace, f"path:{folder}", tmp_path / folder.parent.name / "out").folder)
        for folder in folders
    ]
    assert [trials.id[7:23] in text for text in texts] == [True, False]


def test_the_card_says_what_is_not_known(name, tmp_path):
    # Another workspace knows neither runs nor trials.
    done = merge_model(Workspace(tmp_path / "artifacts"), name, tmp_path / "out")
    assert "No record of this adapter's training was found" in card(done.folder)
    assert "No trials of this model were found" in card(done.folder)


def test_a_run_whose_start_is_unknown_is_said_to_be_one(trained, name, tmp_path):
    other = Workspace(tmp_path / "artifacts")
    run = trained["second"][0]
    (other.root / "run").mkdir(parents=True)
    (other.root / "run" / run.path.name).write_bytes(run.path.read_bytes())
    text = card(merge_model(other, name, tmp_path / "out").folder)
    assert run.id in text
    assert "an adapter whose record was not found" in text


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


def test_a_licence_that_the_base_s_card_states_is_passed_on(workspace, trained, tmp_path):
    base = tmp_path / "base"
    done = merge_model(workspace, f"path:{trained['base']}", base)
    (base / "README.md").write_text("---\ntags: [a]\nlicense: mit\n---\n\nlicense: other\n")
    text = card(merge_model(workspace, f"path:{done.folder}", tmp_path / "again").folder)
    assert "\nlicense: mit\n---" in text
    assert "is under mit, and so are these weights" in text


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


def test_a_merged_folder_is_replaced_and_any_other_refused(workspace, name, trained, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    merge_model(workspace, name, out)  # an empty folder will do
    (out / "left-over").write_text("")
    merge_model(workspace, name, out)
    assert not (out / "left-over").exists()
    assert json.loads((out / MARK).read_text())["merged"].startswith("adapter:")
    for taken in (trained["base"], trained["second"][1], trained["base"] / "config.json"):
        before = sorted(taken.parent.rglob("*"))
        with pytest.raises(ArtifactError, match="exists and holds no merged model; remove it"):
            merge_model(workspace, name, taken)
        assert sorted(taken.parent.rglob("*")) == before
    with pytest.raises(ArtifactError, match="is the model itself; choose another --out"):
        merge_model(workspace, f"path:{out}", out)
    assert (out / "model.safetensors").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_quantised_weights_are_refused(workspace, trained, tmp_path):
    copy = tmp_path / "base"
    shutil.copytree(trained["base"], copy)
    config = json.loads((copy / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="has quantised weights"):
        merge_model(workspace, f"adapter:{trained['second'][1]}@path:{copy}", tmp_path / "out")


def test_weights_that_are_no_numbers_are_refused(workspace, trained, tmp_path):
    copy = tmp_path / "adapter"
    shutil.copytree(trained["second"][1], copy)
    weights = load_file(copy / "adapter_model.safetensors")
    weights = {key: weight * float("inf") for key, weight in weights.items()}
    save_file(weights, copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="is no finite number when merged"):
        merge_model(workspace, f"adapter:{copy}@path:{trained['base']}", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_adapter_on_tied_embeddings_is_refused(workspace, tmp_path):
    from peft import LoraConfig, get_peft_model

    write_gguf(tmp_path / "tiny.gguf", random_model(tied=True))
    base = resolve(ModelName.parse(f"gguf:{tmp_path / 'tiny.gguf'}"))
    config = LoraConfig(r=2, target_modules=["lm_head"], task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of just this
        adapted = get_peft_model(load_model(base, dtype="float32", device="cpu"), config)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    with pytest.raises(ModelError, match="adapts lm_head, which its base shares"):
        merge_model(workspace, f"adapter:{tmp_path / 'adapter'}@{base.name}", tmp_path / "out")


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from fcpref.cli import main
main()
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(workspace, name, tmp_path):
    out = tmp_path / "out" / "student"
    words = ["--artifacts", workspace.root, "merge", name, "--quiet", "--out", out]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "student: the model cannot be written (" in line
    assert "free space or choose another --out" in line
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_names_the_model_that_it_wrote(workspace, name):
    words = ["--artifacts", str(workspace.root), "merge", name, "--quiet"]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.stderr) == (0, "")
    folder = workspace.local / "merged" / "second"
    assert done.stdout.splitlines()[-1] == f"path:{folder}"
    told = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert told["model"] == f"path:{folder}"
    assert sorted(told["files"]) == sorted(str(path) for path in folder.iterdir())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("adapter:nowhere", "adapter:nowhere has no adapter_config.json"),
        ("path:nowhere", "path:nowhere is not a folder"),
        ("nothing", "'nothing' is not a model name"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(workspace, model, said, tmp_path):
    words = ["--artifacts", str(workspace.root), "merge", model, "--out", str(tmp_path / "o")]
    refused(CliRunner().invoke(main, words), said)
    assert not (tmp_path / "o").exists()


def test_a_base_that_is_not_there_is_one_line(workspace, trained, tmp_path):
    model = f"adapter:{trained['second'][1]}@path:{tmp_path / 'gone'}"
    words = ["--artifacts", str(workspace.root), "merge", model, "--out", str(tmp_path / "o")]
    refused(CliRunner().invoke(main, words), "gone is not a folder: check the path")
