"""Training against TRL's DPOTrainer and SFTTrainer at their defaults: same rows, model and run.

Time runs from chains to trained weights: encoding, reference log-probabilities and all steps, but
not loading model and tokenizer; TRL's trainers add the adapter themselves, within it. TRL's DPO
keeps its default batch of 8, its SFT takes ours.

SFT is ours on the calls alone; TRL gets rows of `prompt` and `completion`, whose default is loss on
the whole completion, the results between the calls included. So both pass the same tokens through
the model, and TRL has loss on more of them.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from benchmarks.quick import Row, seconds
from benchmarks.training_rows import Setting, encoded, made_pairs, spec_of, train
from fcpref.core.chains import STUDENT
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.shell.adapters import to_train
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_tokenizer
from fcpref.shell.resolving import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from fcpref.core.problems import Problem
    from fcpref.shell.model_names import ResolvedModel


def training(name: str, setting: Setting) -> Row:
    """Train a new adapter both ways, one epoch.

    Args:
        name: the base model's.
        setting: what on.
    """
    resolved = resolve(ModelName.parse(name), print)
    pairs, problems = made_pairs(setting)
    tokenizer = load_tokenizer(resolved)
    model = to_train(resolved, spec_of(setting))
    import fcpref.shell.trl_trainers  # noqa: F401 - loading libraries is no training

    rows: list[Any] = []

    def work() -> None:
        rows.extend(encoded(tokenizer, resolved.name, pairs, problems, setting))
        train(model, tokenizer, rows, setting)

    ours = seconds(work)
    theirs = _trl(resolved, _trl_rows(pairs, problems, setting), setting)
    print(f"ours {ours:.1f} s, TRL {theirs:.1f} s; {_utilisation(model, rows, setting, ours)}")
    return (
        setting.shown,
        f"{len(rows) / ours:.2f} {setting.unit}/s",
        f"TRL's defaults {len(pairs) / theirs:.2f} {setting.unit}/s",
        theirs / len(pairs) / (ours / len(rows)),
    )


def _trl_rows(
    pairs: list[PreferencePair], problems: dict[str, Problem], setting: Setting
) -> list[dict[str, Any]]:
    rows = [trl_row(pair, problems[pair.chosen.problem], STUDENT) for pair in pairs]
    if setting.kind == "sft":
        return [{"prompt": row["prompt"], "completion": row["chosen"]} for row in rows]
    return rows


def _trl(resolved: ResolvedModel, rows: list[dict[str, Any]], setting: Setting) -> float:
    import datasets
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    trainer: Callable[..., Any] = DPOTrainer
    config: Callable[..., Any] = DPOConfig
    batch: dict[str, int] = {}
    if setting.kind == "sft":
        trainer, config = SFTTrainer, SFTConfig
        batch = {"per_device_train_batch_size": setting.batch}
    # TRL loads a model that is named in float32, and trains it in bfloat16 by autocast.
    model = AutoModelForCausalLM.from_pretrained(resolved.folder, dtype=torch.float32)
    lora = spec_of(setting).lora
    tokenizer = load_tokenizer(resolved)
    with tempfile.TemporaryDirectory() as folder:

        def work() -> None:
            trainer(
                model=model,
                args=config(
                    output_dir=folder,
                    num_train_epochs=setting.epochs,
                    **batch,
                    use_cpu=not torch.cuda.is_available(),
                    report_to=[],
                    save_strategy="no",
                ),
                train_dataset=datasets.Dataset.from_list(rows),
                processing_class=tokenizer,
                peft_config=LoraConfig(
                    r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear"
                ),
            ).train()

        return seconds(work)


def _utilisation(model: Any, rows: list[Any], setting: Setting, seconds_taken: float) -> str:  # noqa: ANN401
    """Say how much of the hardware's arithmetic was of use (model FLOP utilisation).

    Of use are, for each token, a forward pass of the policy, of pairs one of the reference, and the
    backward pass through the frozen weights, 2 operations each a weight; of the output layer, for
    trained tokens only. Attention and adapters are not counted.
    """
    import torch

    from fcpref.shell.packed_rows import pack

    if setting.kind == "sft":
        tokens = sum(row.length for row in rows)
        trained = sum(sum(row.mask) for row in rows)
    else:
        packed = [pack(*both) for both in rows]
        tokens = sum(one.length for one in packed)
        trained = sum(len(side) for one in packed for side in one.targets)
    head = model.get_output_embeddings().weight.numel()
    lora = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    body = sum({id(p): p.numel() for p in model.parameters()}.values()) - lora - head
    operations = 4 if setting.kind == "sft" else 6
    per_second = operations * (body * tokens + head * trained) / seconds_taken
    said = f"{tokens:,} tokens, {per_second / 1e12:.2f} TFLOP/s"
    if torch.cuda.is_available() and "H100" in torch.cuda.get_device_name():
        said += f", {per_second / _H100:.1%} of an H100's bfloat16 peak"
    return said


_H100 = 989e12
