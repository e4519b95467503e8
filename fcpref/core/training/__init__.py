"""Training as data: recipes, specifications, which replies are trained, a scalar DPO reference."""

from fcpref.core.training.recipes import (
    DEFAULT_RECIPE,
    RECIPES,
    ChainSource,
    Recipe,
    Step,
    StepKind,
    find_recipe,
    steps_text,
)
from fcpref.core.training.reference import dpo_loss, reward_margin
from fcpref.core.training.selection import judged_replies, left_out, trained_replies
from fcpref.core.training.specs import DpoSpec, LoraSpec, RunRecord, SftSpec

__all__ = [
    "DEFAULT_RECIPE",
    "RECIPES",
    "ChainSource",
    "DpoSpec",
    "LoraSpec",
    "Recipe",
    "RunRecord",
    "SftSpec",
    "Step",
    "StepKind",
    "dpo_loss",
    "find_recipe",
    "judged_replies",
    "left_out",
    "reward_margin",
    "steps_text",
    "trained_replies",
]
