"""Random models of three architectures, and the GGUF files that llama.cpp makes of them."""

from __future__ import annotations

import pytest

from fcpref.errors import ModelError
from fcpref.shell import gguf
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve

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
    names = {new: old for old, new in gguf._names(kind, SIZES["num_hidden_layers"]).items()}
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
