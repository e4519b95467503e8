"""Training as data: recipes, specifications, rewards, trained replies, a scalar DPO reference."""

from fcpref.core.training.online import ONLINE_LOSSES, GrpoSpec, Reward, drawing_order, reward
from fcpref.core.training.probe_problems import checked_probe, generated_probe
from fcpref.core.training.probes import (
    Probe,
    ProbeSpec,
    best_of,
    described,
    helped,
    outcome,
    probe_of,
    stop_reason,
)
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
    "ONLINE_LOSSES",
    "RECIPES",
    "ChainSource",
    "DpoSpec",
    "GrpoSpec",
    "LoraSpec",
    "Probe",
    "ProbeSpec",
    "Recipe",
    "Reward",
    "RunRecord",
    "SftSpec",
    "Step",
    "StepKind",
    "best_of",
    "checked_probe",
    "described",
    "dpo_loss",
    "drawing_order",
    "find_recipe",
    "generated_probe",
    "helped",
    "judged_replies",
    "left_out",
    "outcome",
    "probe_of",
    "reward",
    "reward_margin",
    "steps_text",
    "stop_reason",
    "trained_replies",
]
