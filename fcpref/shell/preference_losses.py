"""A specification's preference loss, as TRL's settings name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcpref.core.training import DpoSpec


def loss_settings(spec: DpoSpec) -> dict[str, Any]:
    """Return the fields of TRL's DPOConfig that say what is minimised.

    Args:
        spec: names the loss; its SFT term is TRL's loss ``sft``, with a weight.
    """
    terms = {spec.loss: 1.0} | ({"sft": spec.sft_weight} if spec.sft_weight else {})
    return {
        "beta": spec.beta,
        "loss_type": list(terms),
        "loss_weights": list(terms.values()),
        "label_smoothing": spec.label_smoothing,
        "discopop_tau": spec.discopop_tau,
        "f_divergence_type": spec.divergence,
        "f_alpha_divergence_coef": spec.divergence_alpha,
    }
