"""What tests of merged models merge: an adapter that was trained twice."""

from __future__ import annotations

from fcpref.core.training import LoraSpec, SftSpec
from fcpref.shell import stages, stages_models, stages_training
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

# High enough for the adapter to change the model by more than bfloat16 rounds.
SPEC = SftSpec(
    epochs=2, batch=4, learning_rate=2e-2, lora=LoraSpec(rank=4, alpha=8), max_tokens=2_000
)


def trained_twice(workspace, folders):
    """Train twice, the second time from the first adapter; return base, runs and adapters."""
    problems = stages.make_problems(workspace, "math.word", "train", 4)
    scores = stages.score(workspace, stages.oracle_chains(workspace, problems))
    base = folders.mktemp("base")
    save_tiny(base, byte_tokenizer([CHATML], size=400), scale=0.1)
    first = stages_training.train(workspace, "sft", [scores], f"path:{base}", SPEC, name="first")
    start = f"adapter:{first[1]}@path:{base}"
    second = stages_training.train(workspace, "sft", [scores], start, SPEC, name="second")
    test = stages.make_problems(workspace, "math.word", "test", 2)
    trials = stages_models.evaluate(workspace, f"adapter:{second[1]}@path:{base}", test)
    return {"base": base, "first": first, "second": second, "scores": scores, "trials": trials}


def card(folder):
    return (folder / "README.md").read_text()
