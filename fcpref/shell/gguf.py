"""Reads a GGUF file and writes it as a model folder.

The tensors are dequantized by the `gguf` package; the header is read here because that package's
reader takes seconds for each 100,000 vocabulary entries, and transformers runs it three times.
Anything not known to convert exactly is refused.

The GGUF format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
import math
import os
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fcpref.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from tokenizers import Tokenizer

CONVERSION = "1"
"""Part of every cache key: raise it when the conversion changes what it writes."""


class _Tensor(NamedTuple):
    """One line of the tensor table; `shape` is in torch's order."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class GgufModel(NamedTuple):
    """What a GGUF file holds, as a model folder is written from it."""

    config: dict[str, Any]
    tokenizer: Tokenizer
    tokenizer_config: dict[str, Any]
    chat_template: str | None
    weights: dict[str, torch.Tensor]


_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT, _LIST = 8, 9


class _Cursor:
    """Reads little-endian values one after the other; running off the end is a `struct.error`."""

    def __init__(self, blob: memoryview) -> None:
        self.blob = blob
        self.position = 0

    def scalars(self, code: str, count: int = 1) -> tuple[Any, ...]:
        layout = f"<{count}{code}"
        values = struct.unpack_from(layout, self.blob, self.position)
        self.position += struct.calcsize(layout)
        return values

    def text(self) -> str:
        (length,) = self.scalars("Q")
        (raw,) = self.scalars("s", length)  # one value: "<5s" is five bytes
        return str(raw, "utf-8")

    def value(self, kind: int) -> Any:  # noqa: ANN401 - the file says which type it is
        if kind == _TEXT:
            return self.text()
        if kind != _LIST:
            return self.scalars(_SCALARS[kind])[0]
        (inner,), (count,) = self.scalars("I"), self.scalars("Q")
        if inner == _TEXT:
            return [self.text() for _ in range(count)]
        return self.scalars(_SCALARS[inner], count)


def _header(blob: memoryview) -> tuple[Mapping[str, Any], list[_Tensor], int]:
    """Metadata, tensor table, and where the tensors' bytes begin."""
    cursor = _Cursor(blob)
    if cursor.scalars("s", 4)[0] != b"GGUF":
        raise ValueError("it does not start with GGUF")
    version, tensor_count, value_count = (*cursor.scalars("I"), *cursor.scalars("Q", 2))
    if version not in (2, 3):
        raise ValueError(f"version {version}")
    metadata: dict[str, Any] = {}
    for _ in range(value_count):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.scalars("I")[0])
    tensors = []
    for _ in range(tensor_count):
        name = cursor.text()
        shape = cursor.scalars("Q", cursor.scalars("I")[0])[::-1]
        tensors.append(
            _Tensor(
                name=name,
                shape=shape,
                kind=cursor.scalars("I")[0],
                offset=cursor.scalars("Q")[0],
            ),
        )
    alignment = metadata.get("general.alignment", 32)
    return metadata, tensors, -(-cursor.position // alignment) * alignment


def read_model(file: Path, name: str) -> GgufModel:
    """Read a GGUF file, its tensors dequantized to bfloat16.

    Args:
        file: A llama, qwen2 or qwen3 GGUF file of any quantization.
        name: What messages call the file.

    Raises:
        ModelError: The file is damaged, or is not known to convert exactly.
    """
    import mmap

    try:
        with file.open("rb") as opened:
            blob = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
        metadata, tensors, start = _header(blob)
        return GgufModel(
            config=_config(metadata, tensors, name),
            tokenizer=_tokenizer(metadata, name),
            tokenizer_config=_tokenizer_config(metadata),
            chat_template=metadata.get("tokenizer.chat_template"),
            weights=_weights(metadata, tensors, blob[start:]),
        )
    except ModelError:
        raise
    except Exception as error:  # whatever bytes are in the file; tokenizers raises bare Exception
        detail = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ModelError(
            f"{name} is damaged or not a GGUF file that fcpref reads ({detail}): download it again"
        ) from error


_CLASSES = MappingProxyType(
    {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"},
)
_LAYER = MappingProxyType(
    {
        "attn_norm.weight": "input_layernorm.weight",
        "attn_q.weight": "self_attn.q_proj.weight",
        "attn_k.weight": "self_attn.k_proj.weight",
        "attn_v.weight": "self_attn.v_proj.weight",
        "attn_output.weight": "self_attn.o_proj.weight",
        "ffn_norm.weight": "post_attention_layernorm.weight",
        "ffn_gate.weight": "mlp.gate_proj.weight",
        "ffn_up.weight": "mlp.up_proj.weight",
        "ffn_down.weight": "mlp.down_proj.weight",
    },
)
_LAYER_EXTRA = MappingProxyType(
    {
        "llama": {},
        "qwen2": {f"attn_{x}.bias": f"self_attn.{x}_proj.bias" for x in "qkv"},
        "qwen3": {f"attn_{x}_norm.weight": f"self_attn.{x}_norm.weight" for x in "qk"},
    },
)
_WHOLE = MappingProxyType(
    {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    },
)


def _names(architecture: str, layers: int) -> dict[str, str]:
    """GGUF tensor name -> transformers parameter name."""
    layer = {**_LAYER, **_LAYER_EXTRA[architecture]}
    return dict(_WHOLE) | {
        f"blk.{i}.{old}": f"model.layers.{i}.{new}"
        for i in range(layers)
        for old, new in layer.items()
    }


def _config(metadata: Mapping[str, Any], tensors: list[_Tensor], name: str) -> dict[str, Any]:
    architecture = metadata["general.architecture"]
    present = {tensor.name for tensor in tensors}
    if architecture not in _CLASSES:
        _refuse(name, f"its architecture is {architecture!r}, not one of {', '.join(_CLASSES)}")
    if metadata.get(f"{architecture}.rope.scaling.type", "none") != "none":
        _refuse(name, "it scales its rotary embeddings")
    layers = metadata[f"{architecture}.block_count"]
    if layers > len(tensors):
        raise ValueError(f"{layers} layers in {len(tensors)} tensors")
    expected = set(_names(architecture, layers))
    if strange := sorted(present - expected):
        _refuse(name, f"it holds the tensor {strange[0]!r}")
    if missing := sorted(expected - present - {"output.weight"}):
        raise ValueError(f"no tensor {missing[0]!r}")
    key = {
        field.removeprefix(f"{architecture}."): value
        for field, value in metadata.items()
        if field.startswith(f"{architecture}.")
    }
    hidden, heads = key["embedding_length"], key["attention.head_count"]
    tokens = "tokenizer.ggml."
    return {
        "architectures": [_CLASSES[architecture]],
        "model_type": architecture,
        "vocab_size": next(t.shape[0] for t in tensors if t.name == "token_embd.weight"),
        "hidden_size": hidden,
        "intermediate_size": key["feed_forward_length"],
        "num_hidden_layers": key["block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": key.get("attention.head_count_kv", heads),
        "head_dim": key.get("attention.key_length", hidden // heads),
        "max_position_embeddings": key["context_length"],
        "rms_norm_eps": key["attention.layer_norm_rms_epsilon"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": key.get("rope.freq_base", 10000.0),
        },
        "hidden_act": "silu",
        "tie_word_embeddings": "output.weight" not in present,
        "bos_token_id": metadata.get(f"{tokens}bos_token_id"),
        "eos_token_id": metadata.get(f"{tokens}eos_token_id"),
        "pad_token_id": metadata.get(f"{tokens}padding_token_id"),
        "dtype": "bfloat16",
    }


def _refuse(name: str, why: str) -> NoReturn:
    raise ModelError(
        f"{name} cannot be converted: {why}; use the original weights as hub:ID or path:DIR"
    )


def _weights(
    metadata: Mapping[str, Any],
    tensors: list[_Tensor],
    data: memoryview,
) -> dict[str, torch.Tensor]:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import torch
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quant_shape_to_byte_shape

    architecture = metadata["general.architecture"]
    heads = metadata[f"{architecture}.attention.head_count"]
    kv_heads = metadata.get(f"{architecture}.attention.head_count_kv", heads)
    names = _names(architecture, metadata[f"{architecture}.block_count"])

    def weight(tensor: _Tensor) -> torch.Tensor:
        kind = GGMLQuantizationType(tensor.kind)
        shape = quant_shape_to_byte_shape(tensor.shape, kind)
        end = tensor.offset + math.prod(shape)
        if end > len(data):
            raise ValueError(f"it ends inside the tensor {tensor.name!r}")
        raw = np.frombuffer(data[tensor.offset : end], dtype=np.uint8).reshape(-1, shape[-1])
        value = torch.empty(tensor.shape, dtype=torch.bfloat16)
        rows = value.view(-1, tensor.shape[-1])
        for i in range(0, len(raw), _ROWS):
            part = dequantize(raw[i : i + _ROWS], kind)
            rows[i : i + _ROWS] = torch.from_numpy(np.require(part, requirements="W"))
        if architecture == "llama" and tensor.name.endswith(("attn_q.weight", "attn_k.weight")):
            # llama.cpp interleaves the two halves of each rotated head; transformers does not.
            count = heads if tensor.name.endswith("attn_q.weight") else kv_heads
            value = value.view(count, -1, 2, tensor.shape[-1]).transpose(1, 2).reshape(tensor.shape)
        return value

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        converted = pool.map(weight, tensors)
        return {names[t.name]: value for t, value in zip(tensors, converted, strict=True)}


_ROWS = 4096  # at once: whole embedding tables would take gigabytes of float32

_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CONTROL, _USER_DEFINED = 3, 4


def _tokenizer(metadata: Mapping[str, Any], name: str) -> Tokenizer:
    """The published tokenizer again: byte-level BPE with the splits that the file names."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    split = metadata.get("tokenizer.ggml.pre")
    if metadata["tokenizer.ggml.model"] != "gpt2" or split not in {"smollm", "qwen2"}:
        _refuse(name, f"its tokenizer is {metadata['tokenizer.ggml.model']!r} {split!r}")
    if metadata.get("tokenizer.ggml.add_bos_token") or metadata.get("tokenizer.ggml.add_eos_token"):
        _refuse(name, "its tokenizer adds tokens at the ends")
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    if split == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        splits = [
            Split(Regex(_QWEN2_SPLIT), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    else:
        splits = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = Sequence(splits)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = list(zip(tokens, metadata["tokenizer.ggml.token_type"], strict=True))
    for kind, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        added = [
            AddedToken(token, normalized=False, special=special) for token, k in kinds if k == kind
        ]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(added)
    return tokenizer


def _tokenizer_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    keys = {
        "bos_token": "bos_token_id",
        "eos_token": "eos_token_id",
        "pad_token": "padding_token_id",
        "unk_token": "unknown_token_id",
    }
    ids = {name: metadata.get(f"tokenizer.ggml.{key}") for name, key in keys.items()}
    tokens = metadata["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": metadata[f"{metadata['general.architecture']}.context_length"],
    } | {name: tokens[index] for name, index in ids.items() if index is not None}


def write_folder(model: GgufModel, folder: Path) -> None:
    """Write what transformers loads: configuration, safetensors, tokenizer, chat template."""
    from safetensors.torch import save_file

    (folder / "config.json").write_text(json.dumps(model.config, indent=2))
    (folder / "tokenizer_config.json").write_text(json.dumps(model.tokenizer_config, indent=2))
    model.tokenizer.save(str(folder / "tokenizer.json"))
    if model.chat_template is not None:
        (folder / "chat_template.jinja").write_text(model.chat_template, encoding="utf-8")
    save_file(model.weights, folder / "model.safetensors", metadata={"format": "pt"})
