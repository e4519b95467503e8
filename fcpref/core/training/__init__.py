"""Training as data: specifications, which replies are trained, and a scalar DPO reference."""

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
from fcpref.core.training.reference import dpo_loss, reward_margin
from fcpref.core.training.selection import judged_replies, trained_replies
from fcpref.core.training.specs import DpoSpec, LoraSpec, RunRecord, SftSpec

__all__ = [
    "DpoSpec",
    "LoraSpec",
    "Probe",
    "ProbeSpec",
    "RunRecord",
    "SftSpec",
    "best_of",
    "checked_probe",
    "described",
    "dpo_loss",
    "generated_probe",
    "helped",
    "judged_replies",
    "outcome",
    "probe_of",
    "reward_margin",
    "stop_reason",
    "trained_replies",
]
