"""Training as data: specifications, which replies are trained, and a scalar DPO reference."""

from fcpref.core.training.reference import dpo_loss, reward_margin
from fcpref.core.training.selection import judged_replies, left_out, trained_replies
from fcpref.core.training.specs import DpoSpec, LoraSpec, RunRecord, SftSpec

__all__ = [
    "DpoSpec",
    "LoraSpec",
    "RunRecord",
    "SftSpec",
    "dpo_loss",
    "judged_replies",
    "left_out",
    "reward_margin",
    "trained_replies",
]
