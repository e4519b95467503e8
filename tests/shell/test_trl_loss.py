"""TRL's DPO loss is the scalar reference on the trained tokens, whatever grammar and template."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from attrs import evolve

from fcpref.core.chains import STUDENT
from fcpref.core.pairs import PreferencePair
from fcpref.core.tasks import find_task
from fcpref.core.training import dpo_loss, judged_replies
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import training_tokenizer
from tests.played import played
from tests.published_templates import published
from tests.tiny_model import tiny_llama
from tests.trained import masked_logp, perturbed, trainer_of

TASK = find_task("math.word")
BETA = 0.3  # of `trainer_of`


def pair_of(index, grammar, kind):
    problem = TASK.generate({}, 7, "train", index)
    right = TASK.oracle(problem)
    wrong = (right[0], "Fly()", "Answer(value=1)")
    pair = PreferencePair(
        kind=kind,
        chosen=played(problem, right, grammar=grammar),
        rejected=played(problem, wrong, grammar=grammar),
        rejected_verdict="wrong_answer",
    )
    return problem, pair


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
@pytest.mark.parametrize("kind", ["chain", "step"])
@pytest.mark.parametrize(
    ("name", "grammar"),
    [
        ("smollm2", "python"),
        ("qwen3", "python"),
        ("mistral", "python"),
        ("qwen2_5", "tools"),
        ("qwen3", "tools"),
        ("llama3_1", "tools"),
    ],
)
def test_trls_loss_is_the_dpo_loss_of_the_judged_calls(tmp_path, name, grammar, kind) -> None:
    folder = tmp_path / "base"
    own = published(name)
    tiny_llama(own, scale=0.1).save_pretrained(folder)
    own.save_pretrained(folder)
    student = resolve(ModelName.parse(f"path:{folder}"))
    tokenizer = training_tokenizer(student, [grammar]).tokenizer
    rows = []
    for index in range(2):
        problem, pair = pair_of(index, grammar, kind)
        both = zip((pair.chosen, pair.rejected), judged_replies(pair), strict=True)
        rows.append(
            [encode_row(tokenizer, "m", problem, chain, STUDENT, mask) for chain, mask in both]
        )
    data = SimpleNamespace(tokenizer=tokenizer)
    trainer = trainer_of(data, tmp_path / "run", student, rows, 100_000)
    model = trainer.model
    (batch,) = trainer.data_collator(list(trainer.train_dataset))["parts"]
    reference = [[masked_logp(model, row) for row in both] for both in rows]
    perturbed(model, 1)
    policy = [[masked_logp(model, row) for row in both] for both in rows]
    expected = [dpo_loss(*p, *r, BETA) for p, r in zip(policy, reference, strict=True)]
    with torch.no_grad():
        loss = trainer.compute_loss(model, dict(batch)).item()
    assert loss == pytest.approx(sum(expected) / len(expected), abs=1e-4)
    assert abs(loss - math.log(2)) > 1e-3
    # Another mask would be another loss.
    whole = [[evolve(row, mask=(True,) * len(row.mask)) for row in both] for both in rows]
    assert abs(masked_logp(model, whole[0][0]) - policy[0][0]) > 1
