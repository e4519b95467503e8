from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.errors import ModelError
from fcpref.shell import gguf
from fcpref.shell.models import load_model, load_tokenizer
from tests.model_files import logits, message_of, named, random_model, write_gguf

pytestmark = pytest.mark.usefixtures("cache")


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
        gguf.read_model(folder / "bad.gguf", "bad.gguf")
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
