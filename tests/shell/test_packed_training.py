"""Packed rows and pairs are trained as TRL trains padded ones, on the model's own tokens only."""

from __future__ import annotations

import math

import pytest
import torch
from attrs import evolve

from fcpref.core.chains import STUDENT, render
from fcpref.core.training import dpo_loss, trained_replies
from fcpref.shell.packed_rows import alone, pack
from fcpref.shell.packed_sft import PackedSFTTrainer, RowCollator
from fcpref.shell.tokens import encode_chain
from fcpref.shell.trained_forward import score_trained_only
from tests.masked_trl import supervised_row
from tests.trained import SFT, TASK, TRLS, masked_logp, perturbed, trainer_of


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
@pytest.mark.parametrize("start", ["base", "adapter"])
def test_trls_loss_is_the_dpo_loss_of_the_trained_tokens(data, sft, tmp_path, start) -> None:
    student = data.student if start == "base" else sft.student
    rows = data.rows()[:3]
    trainer = trainer_of(data, tmp_path, student, rows)
    model = trainer.model
    reference = [[masked_logp(model, row) for row in both] for both in rows]
    (batch,) = trainer.data_collator(list(trainer.train_dataset))["parts"]
    for step in range(3):
        if step:
            perturbed(model, step)
        policy = [[masked_logp(model, row) for row in both] for both in rows]
        expected = [dpo_loss(*p, *r, 0.3) for p, r in zip(policy, reference, strict=True)]
        with torch.no_grad():
            loss = trainer.compute_loss(model, dict(batch)).item()
        assert loss == pytest.approx(sum(expected) / len(expected), abs=1e-4)
        assert (loss == pytest.approx(math.log(2), abs=1e-5)) == (step == 0)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
@pytest.mark.parametrize("sft_weight", [0.0, 0.5])
@pytest.mark.parametrize("budget", [10_000, 1])
def test_packed_pairs_take_the_same_way_as_trls_padded_rows(
    data, sft, tmp_path, budget, sft_weight
) -> None:
    rows = data.rows()
    losses = []
    for name, tokens in (("packed", budget), ("padded", None)):
        torch.manual_seed(0)
        trainer = trainer_of(data, tmp_path / name, sft.student, rows, tokens, sft_weight)
        trainer.train()
        history = [entry for entry in trainer.state.log_history if "loss" in entry]
        losses.append([entry["loss"] for entry in history])
        if tokens is not None:  # padding is not counted
            assert history[-1]["num_tokens"] == 4 * sum(pack(*both).length for both in rows)
    packed, padded = losses
    assert len(packed) == 12
    assert packed == pytest.approx(padded, abs=1e-3)
    assert max(packed) - min(packed) > 0.1


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside TRL and transformers
@pytest.mark.parametrize("budget", [10_000, 1])
def test_packed_rows_take_the_same_way_as_trls_padded_rows(data, tmp_path, budget) -> None:
    import datasets
    from trl import SFTConfig, SFTTrainer

    from fcpref.shell.adapters import to_train

    whole = [row for both in data.rows(failed=False) for row in both]
    # Two of three are short, so that lines of several rows are worth it.
    rows = [
        row if place % 3 == 0 else evolve(row, prompt=row.prompt[-20:])
        for place, row in enumerate(whole)
    ]
    histories = []
    for packed in (True, False):
        torch.manual_seed(0)
        model = to_train(data.student, evolve(SFT, dtype="float32"))
        arguments = SFTConfig(output_dir=str(tmp_path), per_device_train_batch_size=4, **TRLS)
        options = {"model": model, "args": arguments, "processing_class": data.tokenizer}
        if packed:
            score_trained_only(model.get_base_model())
            trainer = PackedSFTTrainer(
                **options,
                train_dataset=datasets.Dataset.from_dict({"row": range(len(rows))}),
                data_collator=RowCollator(rows, data.tokenizer.pad_token_id, budget),
            )
        else:
            padded = datasets.Dataset.from_list([supervised_row(row) for row in rows])
            trainer = SFTTrainer(**options, train_dataset=padded)
        trainer.train()
        names = ("loss", "mean_token_accuracy", "grad_norm")
        logged = [entry for entry in trainer.state.log_history if "loss" in entry]
        histories.append({name: [entry[name] for entry in logged] for name in names})
    collator = RowCollator(rows, data.tokenizer.pad_token_id, budget)
    batches = [
        collator([{"row": at} for at in range(start, start + 4)]) for start in range(len(rows) - 3)
    ]
    assert any("segments" in one["parts"][0] for one in batches) == (budget > 1)
    ours, trls = histories
    assert len(ours["loss"]) == 12
    assert max(ours["loss"]) - min(ours["loss"]) > 0.1
    for name, values in ours.items():
        assert values == pytest.approx(trls[name], rel=1e-3, abs=1e-3)


def test_a_functions_result_changes_neither_labels_nor_masks(data) -> None:
    chain = data.pairs[1].rejected
    other = evolve(
        chain, turns=tuple(evolve(t, outcome=evolve(t.outcome, text="9 " * 5)) for t in chain.turns)
    )
    opening = render(STUDENT, TASK.toolbox, data.problems[chain.problem])
    labels, calls = [], []
    for each in (chain, other):
        row = encode_chain(data.tokenizer, opening, each, trained_replies(each, failed=True))
        labels.append(alone(row).targets[0])
        packed = pack(row, row)
        calls.append(packed.targets[0])
        assert packed.targets[0] == packed.targets[1]
    assert labels[0] == labels[1]
    assert calls[0] == calls[1] == labels[0]


def test_supervised_labels_are_the_calls_that_worked(data) -> None:
    for (_, row), pair in zip(data.rows(failed=False), data.pairs, strict=True):
        labels = list(alone(row).targets[0])
        good = [t.reply for t in pair.rejected.turns if t.outcome.code is None]
        assert data.tokenizer.decode(labels) == "".join(reply + "<|im_end|>" for reply in good)
