"""Every loss that a specification names is TRL's, on packed pairs as on padded rows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from attrs import evolve

from fcpref.core.training.specs import LOSSES
from fcpref.shell.preference_losses import loss_settings
from fcpref.shell.train import train_dpo
from tests.trained import DPO, perturbed, trainer_of

SMOOTHING = {"robust": 0.1, "exo_pair": 0.01}
PLAIN = [
    evolve(DPO, beta=0.3, loss=loss, label_smoothing=SMOOTHING.get(loss, 0.0)) for loss in LOSSES
]
SPECS = [
    *PLAIN,
    evolve(PLAIN[0], sft_weight=0.5),
    evolve(PLAIN[0], divergence="forward_kl"),
    evolve(PLAIN[0], divergence="js_divergence"),
    evolve(PLAIN[0], divergence="alpha_divergence", divergence_alpha=0.3),
    evolve(DPO, beta=0.3, loss="discopop", discopop_tau=0.5),
]
# Of one pair that the policy and the reference find equally likely, at a beta of 0.3.
AT_REFERENCE = {
    "sigmoid": math.log(2),
    "hinge": 1.0,
    "ipo": (1 / 0.6) ** 2,
    "exo_pair": math.log(0.5) - 0.5 * (math.log(0.99) + math.log(0.01)),
    "nca_pair": 2 * math.log(2),
    "robust": math.log(2),
    "bco_pair": 2 * math.log(2),
    "sppo_hard": 2 * (0.5 / 0.3) ** 2,
    "apo_zero": 1.0,
    "apo_down": 1.0,
    "discopop": 0.5 * math.log(2) + 0.5,
    "sigmoid_norm": math.log(2),
}


def named(spec: Any) -> str:
    return f"{spec.loss}-{spec.divergence}-{spec.sft_weight:g}-{spec.discopop_tau:g}"


@pytest.fixture(scope="module")
def trainers(data, sft, tmp_path_factory) -> tuple[Any, Any]:
    """Return trainers of packed pairs and of padded rows, both away from their reference."""
    made = []
    for name, budget in (("packed", 10_000), ("padded", None)):
        trainer = trainer_of(
            data, tmp_path_factory.mktemp(name), sft.student, data.rows()[:3], budget
        )
        perturbed(trainer.model, 5)
        made.append(trainer)
    return made[0], made[1]


def asked(trainer: Any, spec: Any) -> tuple[float, float]:
    """Return loss and norm of the gradient of all rows in one batch."""
    settings = loss_settings(spec)
    trainer.loss_types, trainer.loss_weights = settings["loss_type"], settings["loss_weights"]
    trainer.beta, trainer.label_smoothing = settings["beta"], settings["label_smoothing"]
    trainer.f_divergence_type = settings["f_divergence_type"]
    trainer.f_alpha_divergence_coef = settings["f_alpha_divergence_coef"]
    trainer.args.discopop_tau = settings["discopop_tau"]
    batch = trainer.data_collator(list(trainer.train_dataset))
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, batch["parts"][0] if "parts" in batch else batch)
    loss.backward()
    grads = [one.grad for one in trainer.model.parameters() if one.grad is not None]
    return loss.item(), float(torch.stack([grad.norm() for grad in grads]).norm())


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
@pytest.mark.parametrize("spec", SPECS, ids=named)
def test_loss_and_gradient_of_packed_pairs_are_those_of_padded_rows(trainers, spec):
    packed, padded = (asked(trainer, spec) for trainer in trainers)
    assert packed == pytest.approx(padded, rel=2e-3, abs=1e-4)
    assert packed[1] > 1e-4
    if spec.loss != "hinge":  # which is 1 at no margin, and may be at this one
        assert packed[0] != pytest.approx(AT_REFERENCE[spec.loss], abs=1e-4)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
def test_every_setting_changes_the_loss(trainers):
    losses = [asked(trainers[0], spec) for spec in SPECS]
    assert len({(round(loss, 4), round(norm, 4)) for loss, norm in losses}) == len(SPECS)


@pytest.mark.parametrize("spec", PLAIN, ids=named)
def test_a_run_takes_the_loss_that_its_specification_names(data, tmp_path, spec):
    record = train_dpo(data.pairs[:2], evolve(spec, epochs=1), data.job(tmp_path / "dpo"))
    assert record.metrics["loss"][0] == pytest.approx(AT_REFERENCE[spec.loss], abs=5e-3)


def test_a_run_takes_the_settings_of_its_loss(data, tmp_path):
    adapters = {
        train_dpo(data.pairs[:2], evolve(spec, epochs=2), data.job(tmp_path / named(spec))).adapter
        for spec in (PLAIN[0], *SPECS[len(PLAIN) :], evolve(SPECS[-1], discopop_tau=0.05))
    }
    assert len(adapters) == 7
