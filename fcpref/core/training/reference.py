"""The DPO loss in plain arithmetic, to check trainers against.

Source: Rafailov et al., "Direct Preference Optimization", arXiv 2305.18290, equation 7.
"""

from __future__ import annotations

import math


def reward_margin(
    chosen: float, rejected: float, reference_chosen: float, reference_rejected: float, beta: float
) -> float:
    """Return beta times the difference of the two log-ratios.

    Args:
        chosen: the policy's log-probability of the chosen chain's trained tokens, summed, in nats.
        rejected: the same of the rejected chain.
        reference_chosen: the reference's, of the chosen chain.
        reference_rejected: the reference's, of the rejected chain.
        beta: strength of the tie to the reference, above 0.
    """
    return beta * ((chosen - reference_chosen) - (rejected - reference_rejected))


def dpo_loss(
    chosen: float, rejected: float, reference_chosen: float, reference_rejected: float, beta: float
) -> float:
    """Return -log sigmoid(margin) of one pair; arguments as in `reward_margin`."""
    margin = reward_margin(chosen, rejected, reference_chosen, reference_rejected, beta)
    # log(1 + exp(-m)) without overflow for large negative m
    return max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))
