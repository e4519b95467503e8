"""From logits to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

_LIKELY = 1_024


def choose(
    logits: torch.Tensor, temperatures: Sequence[float], top_p: float, noise: Sequence[float]
) -> list[int]:
    """Return one token a row.

    Args:
        logits: rows x vocabulary.
        temperatures: one a row; 0 is greedy.
        top_p: the nucleus is the shortest prefix of the sorted tokens that reaches it.
        noise: one a row, uniform on [0, 1).
    """
    import torch

    chosen: list[int] = logits.argmax(-1).tolist()
    drawing = [row for row, temperature in enumerate(temperatures) if temperature > 0]
    if not drawing:
        return chosen
    index = torch.tensor(drawing, device=logits.device)
    heat = logits.new_tensor([temperatures[row] for row in drawing], dtype=torch.float32)
    uniform = logits.new_tensor([noise[row] for row in drawing], dtype=torch.float32)
    probabilities = torch.softmax(logits[index].float() / heat.unsqueeze(-1), -1)
    for row, token in zip(drawing, _draw(probabilities, uniform.unsqueeze(-1), top_p), strict=True):
        chosen[row] = token
    return chosen


def _draw(probabilities: torch.Tensor, u: torch.Tensor, top_p: float) -> list[int]:
    """Draw by the inverse of each row's cumulative distribution."""
    import torch

    last = probabilities.shape[-1] - 1
    if top_p >= 1:
        # Without a nucleus any order will do, and sorting a vocabulary is slow.
        cumulative = probabilities.cumsum(-1)
        place = torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)
        drawn: list[int] = place.clamp(max=last).squeeze(-1).tolist()
        return drawn
    # The nucleus is mostly a few tokens; only where it is not, all are sorted.
    ordered, indices = probabilities.topk(min(_LIKELY, last + 1))
    if bool((ordered.sum(-1) < top_p).any()):
        ordered, indices = probabilities.sort(-1, descending=True)
    cumulative = ordered.cumsum(-1)
    inside = cumulative - ordered < top_p
    mass = (ordered * inside).sum(-1, keepdim=True)
    place = torch.searchsorted(cumulative, u * mass, right=True)
    picked: list[int] = (
        indices.gather(-1, place.clamp(max=ordered.shape[-1] - 1)).squeeze(-1).tolist()
    )
    return picked
