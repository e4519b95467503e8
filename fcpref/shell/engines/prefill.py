"""From prompts to caches that all rows grow together, a token a forward pass.

What all prompts begin with is encoded once, and equal prompts once each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch  # noqa: TC004 - never structured, and heavy

_CPU_PREFILL = 4_096
_GPU_PREFILL = 65_536


@define
class State:
    """The caches of all rows, equally long; padding sits inside and is masked."""

    cache: Any
    mask: torch.Tensor
    position: torch.Tensor
    logits: torch.Tensor

    def keep(self, rows: list[int]) -> None:
        """Drop all other rows."""
        import torch

        index = torch.tensor(rows, device=self.mask.device)
        self.cache.batch_select_indices(index)
        self.mask, self.position = self.mask[index], self.position[index]
        self.logits = self.logits[index]

    def feed(self, model: Any, tokens: torch.Tensor) -> None:  # noqa: ANN401
        """Give each row one token."""
        import torch

        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
        out = model(
            input_ids=tokens.unsqueeze(1),
            attention_mask=self.mask,
            position_ids=self.position.unsqueeze(1),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.position = self.position + 1
        self.cache, self.logits = out.past_key_values, out.logits[:, -1]


def prefill(model: Any, prompts: Sequence[list[int]]) -> State:  # noqa: ANN401
    """Encode prompts: what all share once, equal ones once, the rest left-padded, in slices.

    Args:
        model: a causal LM in evaluation mode.
        prompts: token ids of each row, at least one token each.

    Returns:
        The rows' caches and the logits of their next tokens, in the order of the prompts.
    """
    import torch
    from transformers import DynamicCache

    from fcpref.shell.engines.kv_cache import make_room

    device = model.device
    unique = sorted({tuple(prompt) for prompt in prompts}, key=len)
    # At least one token stays for each prompt, so that its own logits come out.
    shared = _shared_length(unique)
    prefix = torch.tensor([unique[0][:shared]], device=device)
    base = DynamicCache(config=model.config)
    if shared:
        model(input_ids=prefix, past_key_values=base, use_cache=True, logits_to_keep=1)
    longest = max(len(prompt) for prompt in unique) - shared
    budget = _GPU_PREFILL if device.type == "cuda" else _CPU_PREFILL
    size = max(1, budget // (longest + shared // 4 + 1))
    parts = [
        _encode_slice(model, base, unique[at : at + size], shared, longest)
        for at in range(0, len(unique), size)
    ]
    cache = parts[0].cache
    for part in parts[1:]:
        for layer, other in zip(cache.layers, part.cache.layers, strict=True):
            layer.keys = torch.cat([layer.keys, other.keys])
            layer.values = torch.cat([layer.values, other.values])
    place = {prompt: index for index, prompt in enumerate(unique)}
    state = State(
        cache=cache,
        mask=torch.cat([part.mask for part in parts]),
        position=torch.cat([part.position for part in parts]),
        logits=torch.cat([part.logits for part in parts]),
    )
    order = [place[tuple(prompt)] for prompt in prompts]
    if order != list(range(len(unique))):
        state.keep(order)
    make_room(state.cache)
    return state


def _encode_slice(
    model: Any,  # noqa: ANN401
    base: Any,  # noqa: ANN401
    prompts: Sequence[tuple[int, ...]],
    shared: int,
    longest: int,
) -> State:
    import copy

    import torch

    device = model.device
    cache = copy.deepcopy(base)
    if shared:
        cache.batch_repeat_interleave(len(prompts))
    pads = [longest - (len(prompt) - shared) for prompt in prompts]
    ids = torch.tensor(
        [[0] * pad + list(prompt[shared:]) for pad, prompt in zip(pads, prompts, strict=True)],
        device=device,
    )
    pad = torch.tensor(pads, device=device).unsqueeze(1)
    steps = torch.arange(longest, device=device).unsqueeze(0)
    own = (steps >= pad).long()
    mask = torch.cat([own.new_ones(len(prompts), shared), own], 1)
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(shared + steps - pad).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    position = torch.tensor([len(prompt) for prompt in prompts], device=device)
    return State(cache=out.past_key_values, mask=mask, position=position, logits=out.logits[:, -1])


def _shared_length(prompts: Sequence[tuple[int, ...]]) -> int:
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    for index in range(limit):
        if first[index] != last[index]:
            return index
    return limit
