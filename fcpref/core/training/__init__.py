"""Training as data: specifications, rewards, which replies are trained, a scalar DPO reference."""

from fcpref.core.training.online import ONLINE_LOSSES, GrpoSpec, Reward, drawing_order, reward
from fcpref.core.training.reference import dpo_loss, reward_margin
from fcpref.core.training.selection import judged_replies, trained_replies
from fcpref.core.training.specs import DpoSpec, LoraSpec, RunRecord, SftSpec

__all__ = [
    "ONLINE_LOSSES",
    "DpoSpec",
    "GrpoSpec",
    "LoraSpec",
    "Reward",
    "RunRecord",
    "SftSpec",
    "dpo_loss",
    "drawing_order",
    "judged_replies",
    "reward",
    "reward_margin",
    "trained_replies",
]
