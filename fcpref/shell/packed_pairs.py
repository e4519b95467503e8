"""Preference pairs as tensors: what both chains begin with is one prefix, encoded once.

A packed row is ``prefix, chosen, rejected``. Each branch sees the prefix and itself, at the
positions that it has in its own chain, so the log-probabilities are those of two separate rows.
A branch opens with its own copy of the last shared token, which its first token is read off.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from attrs import frozen

from fcpref.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.core.chains import Encoded

Batch = dict[str, torch.Tensor]


@frozen(kw_only=True)
class PackedPair:
    """A pair as one row.

    Attributes:
        ids: tokens of prefix, chosen branch and rejected branch.
        segments: of each token: 0 the prefix, 1 chosen, 2 rejected.
        positions: of each token in its own chain.
        predictors: of the chosen and of the rejected chain, the places in the row from which the
            trained tokens are read off.
        targets: those tokens.
    """

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    positions: tuple[int, ...]
    predictors: tuple[tuple[int, ...], tuple[int, ...]]
    targets: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.ids)


def pack(chosen: Encoded, rejected: Encoded) -> PackedPair:
    """Pack a pair; both chains must share the prompt.

    Raises:
        TrainingError: they do not.
    """
    if chosen.prompt != rejected.prompt:
        message = "a pair's chains do not share their prompt; pair within one problem"
        raise TrainingError(message)
    chains = [_tokens(chosen), _tokens(rejected)]
    # Where a token carries loss in one chain only, the prefix must end before it.
    shared = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(*chains, strict=False)))
    ids = [token for token, _ in chains[0][: shared - 1]]
    segments, positions = [0] * len(ids), list(range(len(ids)))
    predictors, targets = [], []
    for segment, chain in enumerate(chains, start=1):
        start = len(ids)
        branch = [token for token, _ in chain[shared - 1 :]]
        ids += branch
        segments += [segment] * len(branch)
        positions += range(shared - 1, len(chain))
        trained = [place for place, (_, carries) in enumerate(chain) if carries]
        predictors.append(
            tuple(place - 1 if place < shared else start + place - shared for place in trained)
        )
        targets.append(tuple(chain[place][0] for place in trained))
    return PackedPair(
        ids=tuple(ids),
        segments=tuple(segments),
        positions=tuple(positions),
        predictors=(predictors[0], predictors[1]),
        targets=(targets[0], targets[1]),
    )


def collate(rows: Sequence[PackedPair], pad: int) -> Batch:
    """Return packed pairs as one batch.

    Args:
        rows: the pairs, B of them.
        pad: id of the padding token.

    Returns:
        ``input_ids`` and ``position_ids`` of shape (B, L); ``attention_mask`` of shape
        (B, 1, L, L), true where a token is seen; and, of all N trained tokens of the chosen chains
        and then of the rejected ones, ``rows`` and ``columns`` that they are read off, ``targets``,
        and the place of each in a table of 2 B chains (``chains``, ``places``).
    """
    width = max(row.length for row in rows)

    def padded(values: Iterator[tuple[int, ...]], fill: int) -> torch.Tensor:
        return torch.tensor([[*one, *[fill] * (width - len(one))] for one in values])

    segments = padded((row.segments for row in rows), -1)
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    same = segments[:, :, None] == segments[:, None, :]
    seen = causal & (same | (segments[:, None, :] == 0))
    flat: dict[str, list[int]] = {
        name: [] for name in ("rows", "columns", "targets", "chains", "places")
    }
    for side in (0, 1):
        for number, row in enumerate(rows):
            count = len(row.targets[side])
            flat["rows"] += [number] * count
            flat["columns"] += row.predictors[side]
            flat["targets"] += row.targets[side]
            flat["chains"] += [side * len(rows) + number] * count
            flat["places"] += range(count)
    return {
        "input_ids": padded((row.ids for row in rows), pad),
        "position_ids": padded((row.positions for row in rows), 0),
        "attention_mask": seen[:, None],
        **{name: torch.tensor(one, dtype=torch.long) for name, one in flat.items()},
    }


def by_budget(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return places of rows grouped for batches: alike in length, within a budget of tokens.

    Args:
        lengths: tokens of each row.
        budget: tokens of a batch, padding included; a longer row is a batch of its own.
    """
    groups: list[list[int]] = []
    widest = 0
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        if groups and widest * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(place)
        else:
            groups.append([place])
            widest = lengths[place]
    return groups


def _tokens(chain: Encoded) -> list[tuple[int, bool]]:
    prompt = [(token, False) for token in chain.prompt]
    return [*prompt, *zip(chain.completion, chain.mask, strict=True)]


def score_trained_only(model: Any) -> None:  # noqa: ANN401
    """Let a model's forward, given ``trained``, score those tokens and nothing else.

    ``model(..., trained=(rows, columns, targets))`` returns their `Scored`; the vocabulary-sized
    logits of all other tokens are never computed. Done before the model is wrapped.

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

    def forward(*args: Any, trained: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
        if trained is None:
            return original(*args, **kwargs)
        rows, columns, targets = trained
        if (seen := kwargs.get("attention_mask")) is not None:
            kwargs["attention_mask"] = _masks(config, seen, kwargs["position_ids"])
        hidden = model.base_model(*args, use_cache=False, **kwargs).last_hidden_state
        # One call, whatever the number of tokens: where weights are shared out among processes, a
        # call gathers them from all.
        return head(hidden[rows, columns], targets)

    head.forward = score
    model.forward = forward


def _masks(config: Any, seen: torch.Tensor, positions: torch.Tensor) -> Any:  # noqa: ANN401
    """Return what a model's layers see, where they see a window of what came before.

    A model takes masks of four dimensions as they are, so that it does not cut them itself.

    Args:
        config: of the model.
        seen: shape (B, 1, L, L), without a window.
        positions: of tokens in their own chains, shape (B, L).

    Returns:
        A mask, or one by the kind of layer where there are several.
    """
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    if window is None or "sliding_attention" not in kinds:
        return seen
    near = positions[:, None, :, None] - positions[:, None, None, :] < window
    if len(kinds) == 1:
        return seen & near
    return {"full_attention": seen, "sliding_attention": seen & near}


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


def table(values: torch.Tensor, batch: Mapping[str, torch.Tensor], width: int) -> torch.Tensor:
    """Lay out by chain what was computed of N trained tokens: shape (2 B, width), else zeros."""
    chains = 2 * len(batch["input_ids"])
    out = values.new_zeros(chains, width)
    return out.index_put((batch["chains"], batch["places"]), values)
