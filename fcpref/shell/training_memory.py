"""How many tokens a training pass may hold."""

from __future__ import annotations

from typing import Any

from fcpref.shell import processes, sharding

_CPU_TOKENS = 1_024
"""Enough to keep a processor's cores at work, in little memory."""

_MOST_TOKENS = 65_536
_SHARE = 0.6
"""Of the free memory: the rest is for logits and fragments."""

_STATE_BYTES = 12
"""Of a trained parameter: its gradient and AdamW's two moments, in float32."""


def pass_tokens(model: Any) -> int:  # noqa: ANN401
    """Return how many tokens, padding included, a forward pass with gradients may have.

    Args:
        model: on the device where it is trained, or to be shared out among GPUs.
    """
    import torch

    device = next(model.parameters()).device
    shared = sharding.kind() and torch.cuda.is_available()
    if device.type != "cuda" and not shared:
        return _CPU_TOKENS
    free, _ = torch.cuda.mem_get_info(None if shared else device)
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    if shared:
        free -= sharding.share_bytes(model) + _STATE_BYTES * trained // processes.count()
    else:
        free -= _STATE_BYTES * trained
    return max(1, min(_MOST_TOKENS, int(_SHARE * free / token_bytes(model.config))))


def token_bytes(config: Any) -> int:  # noqa: ANN401
    """Return about how many bytes of activations a token leaves for the backward pass.

    In each layer: some eight vectors of the hidden size and four of the feed-forward size, and what
    the norms read (two) in float32.
    """
    text = config.get_text_config()
    hidden, inner = text.hidden_size, text.intermediate_size
    size = 2 if str(config.dtype).endswith("bfloat16") else 4
    per_layer = hidden * (size * 8 + 4 * 2) + inner * size * 4
    total: int = text.num_hidden_layers * per_layer
    return total
