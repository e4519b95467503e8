"""The lockstep engine with windows, fused kernels and other architectures."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from fcpref.errors import ModelError
from fcpref.shell.engines import slots
from tests.lockstep import engine_of, openings, plain_loop, run, shaped


def test_the_output_layer_is_fed_contiguous_states(model, tokenizer) -> None:
    fed: list[bool] = []
    hook = model.lm_head.register_forward_hook(
        lambda _, given, __: fed.append(given[0].is_contiguous())
    )
    run(engine_of(model, tokenizer), openings())
    hook.remove()
    assert fed
    # But for the prefix, which is one row.
    assert all(fed[1:])


@pytest.mark.parametrize("kind", ["mistral", "qwen2", "gemma2"])
def test_windows_and_other_architectures(tokenizer, kind) -> None:
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=16,
        use_sliding_window=True,
        max_window_layers=1,
        initializer_range=0.4,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=1,
        attn_implementation="eager",
        tie_word_embeddings=False,
        # Low enough to change what is said.
        **({"attn_logit_softcapping": 0.2} if kind == "gemma2" else {}),
    )
    torch.manual_seed(1)
    other = AutoModelForCausalLM.from_config(config).eval()
    got = run(engine_of(other, tokenizer), openings())
    assert got == plain_loop(other, tokenizer, openings())
    assert len({reply.text for reply in got.values()}) > 9
    assert other.config._attn_implementation == "eager"


def kernel(query, keys, values, bias=None, *, scale, **_):
    """Stand in for a GPU's kernels: their results' strides, their padded sums."""
    found, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, keys, values, attn_mask=bias, scale=scale
    )
    rows, heads, count = sums.shape
    padded = sums.new_full((rows, heads, -(-count // 32) * 32), torch.inf)
    padded[:, :, :count] = sums
    return found.transpose(1, 2).contiguous().transpose(1, 2), padded if bias is not None else sums


def test_attention_without_fused_kernels_finds_the_same(
    model, tokenizer, expected, monkeypatch
) -> None:
    monkeypatch.setattr(slots, "_kernels_for", lambda _: "")
    assert run(engine_of(model, tokenizer), openings()) == expected


@pytest.mark.parametrize("fixed", [False, True])
def test_fused_kernels_find_the_same(model, tokenizer, expected, monkeypatch, fixed) -> None:
    used: list[int] = []
    for name in ("_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention"):
        monkeypatch.setattr(
            torch.ops.aten, name, lambda *of, **named: used.append(1) or kernel(*of, **named)
        )
    monkeypatch.setattr(slots, "_kernels_for", lambda _: "cuda")
    shaped(monkeypatch, fixed=fixed)
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert used


def test_a_model_without_attention_is_refused(tokenizer) -> None:
    config = AutoConfig.for_model("mamba", vocab_size=len(tokenizer), hidden_size=16, state_size=4)
    other = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ModelError, match="type mamba cannot be sampled here; serve it and use the"):
        engine_of(other, tokenizer)
