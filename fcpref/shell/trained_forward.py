"""A model's forward pass that scores the trained tokens of packed rows, and no others."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_map

from fcpref.errors import TrainingError
from fcpref.shell.packed_rows import seen

_ALIGNED = 8
"""What attention on a GPU wants the rows of a mask to be multiples of, or it copies it."""


def score_trained_only(model: Any) -> None:  # noqa: ANN401
    """Let a model's forward, given ``trained``, score those tokens and nothing else.

    ``model(..., trained=(rows, columns, targets))`` returns their `Scored`; the vocabulary-sized
    logits of all other tokens are never computed. With ``segments`` tokens see what these say
    (see `seen`). Done before the model is wrapped.

    Args:
        model: a causal language model of transformers.

    Raises:
        TrainingError: it does more to its logits than a linear layer.
    """
    config = model.config.get_text_config()
    for name in ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier"):
        if getattr(config, name, None) is not None:
            raise TrainingError(f"{config.model_type} has {name}, which training does not know yet")
    original, head = model.forward, model.get_output_embeddings()
    project = head.forward

    def score(hidden: torch.Tensor, targets: torch.Tensor | None = None) -> Any:  # noqa: ANN401
        return project(hidden) if targets is None else scored(hidden, project, targets)

    def forward(
        *args: Any,  # noqa: ANN401
        trained: Any = None,  # noqa: ANN401
        segments: torch.Tensor | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if trained is None:
            return original(*args, **kwargs)
        rows, columns, targets = trained
        if segments is not None:
            dtype = model.get_input_embeddings().weight.dtype
            masks = _masks(config, seen(segments), kwargs["position_ids"])
            kwargs["attention_mask"] = tree_map(lambda one: _as_read(one, dtype), masks)
        hidden = model.base_model(*args, use_cache=False, **kwargs).last_hidden_state
        # One call, whatever the number of tokens: where weights are shared out among processes, a
        # call gathers them from all.
        return head(hidden[rows, columns], targets)

    head.forward = score
    model.forward = forward


def _masks(config: Any, visible: torch.Tensor, positions: torch.Tensor) -> Any:  # noqa: ANN401
    """Return what a model's layers see, where they see a window of what came before.

    A model takes masks of four dimensions as they are, so that it does not cut them itself.

    Args:
        config: of the model.
        visible: shape (B, 1, L, L), without a window.
        positions: of tokens in their own chains, shape (B, L).

    Returns:
        A mask, or one by the kind of layer where there are several.
    """
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    if window is None or "sliding_attention" not in kinds:
        return visible
    near = positions[:, None, :, None] - positions[:, None, None, :] < window
    if len(kinds) == 1:
        return visible & near
    return {"full_attention": visible, "sliding_attention": visible & near}


def _as_read(visible: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a mask as attention on its device reads it.

    Args:
        visible: true where a token is visible, shape (B, 1, L, L).
        dtype: of the model's weights, which attention computes in unless autocast is on.
    """
    if visible.device.type != "cuda":
        return visible
    autocast = torch.is_autocast_enabled("cuda")
    return added(visible, torch.get_autocast_dtype("cuda") if autocast else dtype)


def added(visible: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what a mask adds to attention's scores, in a form that a GPU's takes as it is.

    Of a mask it would make this anew in every layer, and copy it where rows do not begin at
    aligned places.

    Args:
        visible: true where a token is visible, shape (B, 1, L, L).
        dtype: of the scores.
    """
    *shape, width = visible.shape
    room = -(-width // _ALIGNED) * _ALIGNED
    zeros = torch.zeros(*shape, room, dtype=dtype, device=visible.device)
    return zeros[..., :width].masked_fill_(~visible, -torch.inf)


class Scored(NamedTuple):
    """What a model makes of N tokens; a tuple, since DDP finds no tensors in values of ours.

    Attributes:
        log_probs: natural log-probabilities, shape (N,), in float32.
        is_top1: whether the model's first choice, shape (N,).
    """

    log_probs: torch.Tensor
    is_top1: torch.Tensor


_CHUNK = 1_024


def scored(hidden: torch.Tensor, head: Any, targets: torch.Tensor) -> Scored:  # noqa: ANN401
    """Score tokens; logits are made for some at a time, and again for the backward pass.

    Args:
        hidden: shape (N, H).
        head: the layer from H to the vocabulary.
        targets: the tokens, shape (N,).
    """
    from torch.utils.checkpoint import checkpoint

    log_probs, top = [], []
    for part, wanted in zip(hidden.split(_CHUNK), targets.split(_CHUNK), strict=True):
        one, first = (
            checkpoint(_scored, part, head, wanted, use_reentrant=False)
            if len(hidden) > _CHUNK
            else _scored(part, head, wanted)
        )
        log_probs.append(one)
        top.append(first)
    return Scored(torch.cat(log_probs), torch.cat(top))


def _scored(
    hidden: torch.Tensor,
    head: Any,  # noqa: ANN401
    targets: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    logits = head(hidden).float()
    chosen = logits.gather(-1, targets[:, None]).squeeze(-1)
    return chosen - logits.logsumexp(-1), logits.argmax(-1) == targets
