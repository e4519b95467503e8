"""What tests of training train: a tiny student, on chains and pairs of few problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen

from fcpref.core.chains import STUDENT, Chain, render
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, LoraSpec, SftSpec, trained_replies
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_model
from fcpref.shell.packed_rows import pack
from fcpref.shell.packed_trainer import PackedCollator, PackedDPOTrainer
from fcpref.shell.preference_losses import loss_settings
from fcpref.shell.resolving import resolve
from fcpref.shell.tokens import Encoded, encode_chain
from fcpref.shell.train import TrainingJob, train_sft
from fcpref.shell.trained_forward import score_trained_only
from tests.masked_trl import MaskedCollator, MaskedDPOTrainer, preference_row
from tests.played import played
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

TASK = find_task("math.word")
LORA = LoraSpec(rank=4, alpha=8)
# A rate at which four steps lower the loss of a tiny model beyond the noise of its batches.
SFT = SftSpec(epochs=2, batch=4, learning_rate=5e-3, lora=LORA, max_tokens=2_000, seed=1)
DPO = DpoSpec(
    epochs=4, batch=2, lora=LORA, max_tokens=2_000, learning_rate=2e-3, sft_weight=0.0, seed=1
)


@frozen(kw_only=True)
class Data:
    student: ResolvedModel
    tokenizer: Any
    problems: dict[str, Problem]
    chains: tuple[Chain, ...]
    pairs: tuple[PreferencePair, ...]

    def job(self, out: Path, student: ResolvedModel | None = None) -> TrainingJob:
        return TrainingJob(
            student=student or self.student, problems=self.problems, data=("sha256:1",), out=out
        )

    def rows(self, *, failed: bool = True) -> list[tuple[Encoded, Encoded]]:
        rows = []
        for pair in self.pairs:
            opening = render(STUDENT, TASK.toolbox, self.problems[pair.chosen.problem])
            chosen, rejected = (
                encode_chain(self.tokenizer, opening, c, trained_replies(c, failed=failed))
                for c in (pair.chosen, pair.rejected)
            )
            rows.append((chosen, rejected))
        return rows


def training_rows(folder: Path) -> Data:
    """Make a correct and an incorrect chain of each of six problems, and a student in a folder."""
    assert TASK.generate is not None
    problems = [TASK.generate({}, 7, "train", index) for index in range(6)]
    chains = tuple(played(problem, TASK.oracle(problem)) for problem in problems)
    pairs = tuple(
        PreferencePair(
            kind="chain",
            chosen=chain,
            rejected=played(problem, ("Fly()", TASK.oracle(problem)[0], "Answer(value=1)")),
            rejected_verdict="wrong_answer",
        )
        for problem, chain in zip(problems, chains, strict=True)
    )
    texts = [problem.text for problem in problems] + [t.reply for c in chains for t in c.turns]
    tokenizer = byte_tokenizer([*texts, CHATML], size=500)
    return Data(
        student=save_tiny(folder, tokenizer, scale=0.1),
        tokenizer=tokenizer,
        problems={problem_id(problem): problem for problem in problems},
        chains=chains,
        pairs=pairs,
    )


@frozen(kw_only=True)
class Trained:
    folder: Path
    record: Any
    student: ResolvedModel


def trained_sft(data: Data, out: Path) -> Trained:
    """Train the student on the correct chains."""
    record = train_sft(data.chains, SFT, data.job(out))
    name = ModelName.parse(f"adapter:{out}@{data.student.name}")
    return Trained(folder=out, record=record, student=resolve(name))


def masked_logp(model, row: Encoded) -> float:
    """Sum the log-probabilities of the trained tokens: the definition, token by token."""
    ids = torch.tensor([[*row.prompt, *row.completion]])
    with torch.no_grad():
        logps = torch.log_softmax(model(input_ids=ids).logits[0].float(), -1)
    start = len(row.prompt)
    return sum(
        logps[start + place - 1, token].item()
        for place, (token, carries) in enumerate(zip(row.completion, row.mask, strict=True))
        if carries
    )


def perturbed(model, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name and ".default." in name:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data += 0.2 * noise.to(parameter.dtype)


TRLS: dict[str, Any] = {
    "max_length": None,
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": [],
    "learning_rate": 5e-3,
    "num_train_epochs": 4,
    "logging_steps": 1,
    "save_strategy": "no",
    "seed": 1,
    "disable_tqdm": True,
}
"""Settings of TRL's trainers, of which every step is logged."""


def trainer_of(
    data: Data,
    folder: Path,
    student: ResolvedModel,
    rows,
    budget: int | None = 10_000,
    sft_weight: float = 0.0,
) -> Any:
    import datasets
    from trl import DPOConfig

    from fcpref.shell.adapters import to_train

    model = load_model(student, dtype="float32", trainable=True)
    if student.adapter is None:
        model = to_train(student, DPO).float()
    arguments = DPOConfig(
        output_dir=str(folder),
        **loss_settings(evolve(DPO, beta=0.3, sft_weight=sft_weight)),
        precompute_ref_log_probs=budget is None,
        per_device_train_batch_size=2,
        **TRLS,
    )
    if budget is None:
        return MaskedDPOTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list([preference_row(*both) for both in rows]),
            processing_class=data.tokenizer,
            data_collator=MaskedCollator(pad_token_id=data.tokenizer.pad_token_id),
        )
    score_trained_only(model.get_base_model())
    return PackedDPOTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets.Dataset.from_dict({"pair": range(len(rows))}),
        processing_class=data.tokenizer,
        data_collator=PackedCollator(
            [pack(*both) for both in rows], data.tokenizer.pad_token_id, budget
        ),
    )


def margin(data: Data, student: ResolvedModel) -> float:
    model = load_model(student, dtype="float32", device="cpu")
    return sum(masked_logp(model, c) - masked_logp(model, r) for c, r in data.rows())
