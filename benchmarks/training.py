"""Preference training against TRL's DPOTrainer at its defaults: the same pairs, model and run.

Time runs from pairs to trained weights: encoding, reference log-probabilities and all steps, but
not loading the model.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.quick import Row, seconds
from fcpref.core.chains import STUDENT, Limits, Reply, advance, begin, finish
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, judged_replies
from fcpref.shell.adapters import to_train
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.train import TrainingJob, _encoded

if TYPE_CHECKING:
    from fcpref.shell.model_names import ResolvedModel

TASK = find_task("fol.deduction")


@frozen(kw_only=True)
class Setting:
    """What both train on.

    Attributes:
        pairs: how many, a problem each.
        kind: ``chain`` judges whole chains, ``step`` one call.
        batch: pairs an optimizer step; 8 is TRL's default.
        depth: proof depth of the problems at most.
    """

    pairs: int = 16
    kind: str = "chain"
    batch: int = 8
    depth: int = 3


def made_pairs(setting: Setting) -> tuple[list[PreferencePair], dict[str, Problem]]:
    """Return an oracle's chains against the same with a wrong answer after half of the calls."""
    pairs, problems = [], {}
    assert TASK.generate is not None
    for index in range(setting.pairs):
        problem = TASK.generate({"max_depth": setting.depth}, 0, "train", index)
        problems[problem_id(problem)] = problem
        solution = list(TASK.oracle(problem))
        wrong = next(word for word in ("True", "False") if word != problem.gold)
        early = [*solution[: len(solution) // 2], f"Answer(value='{wrong}')"]
        chains = []
        for replies in (solution, early):
            state = begin(TASK.toolbox, problem, (), Limits())
            for text in replies:
                state = advance(state, Reply(text=text))
            chains.append(finish(state, "oracle", 0))
        pairs.append(
            PreferencePair(
                kind=setting.kind,
                chosen=chains[0],
                rejected=chains[1],
                rejected_verdict="wrong_answer",
            )
        )
    return pairs, problems


def dpo(name: str, setting: Setting) -> Row:
    """Train a new adapter both ways, one epoch.

    Args:
        name: the base model's.
        setting: what on.
    """
    resolved = resolve(ModelName.parse(name), print)
    pairs, problems = made_pairs(setting)
    spec = DpoSpec(batch=setting.batch, max_tokens=1_024, sft_weight=0.0)
    job = TrainingJob(student=resolved, problems=problems, data=(), out=Path())
    tokenizer = load_tokenizer(resolved)
    ours_model = to_train(resolved, spec)
    import fcpref.shell.trl_trainers  # noqa: F401 - loading libraries is no training

    rows: list[Any] = []
    ours = seconds(lambda: rows.extend(_ours(ours_model, tokenizer, pairs, spec, job)))
    theirs = _trl(resolved, pairs, problems, spec)
    count = len(pairs)
    print(f"ours {ours:.1f} s, TRL {theirs:.1f} s; {_utilisation(ours_model, rows, ours)}")
    shown = f"DPO, {count} {setting.kind} pairs, batch {setting.batch}"
    return (
        shown,
        f"{count / ours:.2f} pairs/s",
        f"TRL's defaults {count / theirs:.2f} pairs/s",
        theirs / ours,
    )


def _ours(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    pairs: list[PreferencePair],
    spec: DpoSpec,
    job: TrainingJob,
) -> list[Any]:
    from fcpref.shell.trl_trainers import run_dpo

    rows = [
        [
            _encoded(tokenizer, job, chain, spec.prompt, judged)
            for chain, judged in zip(
                (pair.chosen, pair.rejected), judged_replies(pair), strict=True
            )
        ]
        for pair in pairs
    ]
    run_dpo(model, tokenizer, rows, spec, lambda *_: None)
    return rows


def _trl(
    resolved: ResolvedModel,
    pairs: list[PreferencePair],
    problems: dict[str, Problem],
    spec: DpoSpec,
) -> float:
    import datasets
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM
    from trl import DPOConfig, DPOTrainer

    rows = [trl_row(pair, problems[pair.chosen.problem], STUDENT) for pair in pairs]
    # TRL loads a model that is named in float32, and trains it in bfloat16 by autocast.
    model = AutoModelForCausalLM.from_pretrained(resolved.folder, dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:

        def train() -> None:
            trainer = DPOTrainer(
                model=model,
                args=DPOConfig(
                    output_dir=folder,
                    num_train_epochs=1,
                    use_cpu=not torch.cuda.is_available(),
                    report_to=[],
                    save_strategy="no",
                ),
                train_dataset=datasets.Dataset.from_list(rows),
                processing_class=load_tokenizer(resolved),
                peft_config=LoraConfig(
                    r=spec.lora.rank, lora_alpha=spec.lora.alpha, target_modules="all-linear"
                ),
            )
            trainer.train()

        return seconds(train)


def _utilisation(model: Any, rows: list[Any], seconds_taken: float) -> str:  # noqa: ANN401
    """Say how much of the hardware's arithmetic was of use (model FLOP utilisation).

    Of use are, for each packed token, a forward pass of the policy, one of the reference and the
    backward pass through the frozen weights, 2 operations each a weight; of the output layer, for
    trained tokens only. Attention and adapters are not counted.
    """
    import torch

    from fcpref.shell.packed_pairs import pack

    packed = [pack(*both) for both in rows]
    tokens = sum(one.length for one in packed)
    trained = sum(len(side) for one in packed for side in one.targets)
    head = model.get_output_embeddings().weight.numel()
    lora = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    body = sum({id(p): p.numel() for p in model.parameters()}.values()) - lora - head
    per_second = 6 * (body * tokens + head * trained) / seconds_taken
    said = f"{tokens:,} tokens, {per_second / 1e12:.2f} TFLOP/s"
    if torch.cuda.is_available() and "H100" in torch.cuda.get_device_name():
        said += f", {per_second / _H100:.1%} of an H100's bfloat16 peak"
    return said


_H100 = 989e12
