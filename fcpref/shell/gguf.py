"""Reads a GGUF file and writes it as a model folder.

The tensors are dequantized by the `gguf` package; the header is read by `gguf_header`. Anything not
known to convert exactly is refused.
"""

from __future__ import annotations

import json
import math
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fcpref.errors import ModelError
from fcpref.shell.gguf_header import read_header, refuse
from fcpref.shell.gguf_tokenizer import read_tokenizer, read_tokenizer_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from tokenizers import Tokenizer

    from fcpref.shell.gguf_header import Tensor

CONVERSION = "1"
"""Part of every cache key: raise it when the conversion changes what it writes."""


class GgufModel(NamedTuple):
    """What a GGUF file holds, as a model folder is written from it."""

    config: dict[str, Any]
    tokenizer: Tokenizer
    tokenizer_config: dict[str, Any]
    chat_template: str | None
    weights: dict[str, torch.Tensor]


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
        metadata, tensors, start = read_header(blob)
        return GgufModel(
            config=_config(metadata, tensors, name),
            tokenizer=read_tokenizer(metadata, name),
            tokenizer_config=read_tokenizer_config(metadata),
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


def _config(metadata: Mapping[str, Any], tensors: list[Tensor], name: str) -> dict[str, Any]:
    architecture = metadata["general.architecture"]
    present = {tensor.name for tensor in tensors}
    if architecture not in _CLASSES:
        refuse(name, f"its architecture is {architecture!r}, not one of {', '.join(_CLASSES)}")
    if metadata.get(f"{architecture}.rope.scaling.type", "none") != "none":
        refuse(name, "it scales its rotary embeddings")
    layers = metadata[f"{architecture}.block_count"]
    if layers > len(tensors):
        raise ValueError(f"{layers} layers in {len(tensors)} tensors")
    expected = set(_names(architecture, layers))
    if strange := sorted(present - expected):
        refuse(name, f"it holds the tensor {strange[0]!r}")
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


def _weights(
    metadata: Mapping[str, Any],
    tensors: list[Tensor],
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

    def weight(tensor: Tensor) -> torch.Tensor:
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


def write_folder(model: GgufModel, folder: Path) -> None:
    """Write what transformers loads: configuration, safetensors, tokenizer, chat template."""
    from safetensors.torch import save_file

    (folder / "config.json").write_text(json.dumps(model.config, indent=2))
    (folder / "tokenizer_config.json").write_text(json.dumps(model.tokenizer_config, indent=2))
    model.tokenizer.save(str(folder / "tokenizer.json"))
    if model.chat_template is not None:
        (folder / "chat_template.jinja").write_text(model.chat_template, encoding="utf-8")
    save_file(model.weights, folder / "model.safetensors", metadata={"format": "pt"})
