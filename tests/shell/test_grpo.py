"""Online training: TRL's loss on the calls that the policy itself sampled, and what it leads to."""

from __future__ import annotations

import statistics
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from attrs import evolve, frozen
from safetensors.torch import load_file

from fcpref.core.chains import Chain, Limits, PromptSpec, prompt_of, render, schemas
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import GrpoSpec, LoraSpec, Reward, drawing_order, trained_replies
from fcpref.errors import ModelError, TrainingError
from fcpref.shell.adapters import WEIGHTS
from fcpref.shell.checkpoints import Checkpoints
from fcpref.shell.grpo_trainer import Rollouts
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.templates import render_chat
from fcpref.shell.tokens import encode_chain
from fcpref.shell.train import TrainingJob, train_grpo
from fcpref.shell.whole_models import weights_hash
from tests.played import played
from tests.tiny_model import CHATML, QWEN, REWRITING, byte_tokenizer, save_tiny, tiny_llama

if TYPE_CHECKING:
    from pathlib import Path

TASK = find_task("math.word")
KEPT = {"Add", "Answer"}
WITHOUT = tuple(
    one.signature.name for one in TASK.toolbox.functions if one.signature.name not in KEPT
)
PROMPT = PromptSpec(detail="signatures", without=WITHOUT)
TOOLS = evolve(PROMPT, grammar="tools")
SPEC = GrpoSpec(
    batch=8,
    samples=4,
    steps=2,
    warmup=0.0,
    learning_rate=1e-2,
    limits=Limits(calls=4, reply_tokens=64),
    max_tokens=600,
    lora=LoraSpec(rank=4, alpha=8),
    prompt=PROMPT,
    dtype="float32",
)


def encoded(tokenizer: Any, problem: Problem, chain: Chain) -> Any:
    own = prompt_of(chain, PROMPT)
    opening = render(own, TASK.toolbox, problem)
    trained = trained_replies(chain, failed=True)
    return encode_chain(tokenizer, opening, chain, trained, schemas(own, TASK.toolbox))


@frozen(kw_only=True)
class Data:
    """A student that answers two problems by calls about as often as it guesses the answer."""

    student: ResolvedModel
    problems: tuple[Problem, ...]

    def job(self, out: Path, **changes: Any) -> TrainingJob:
        named = {problem_id(problem): problem for problem in self.problems}
        job = TrainingJob(student=self.student, problems=named, data=("sha256:1",), out=out)
        return evolve(job, **changes)

    def rollouts(self, spec: GrpoSpec) -> Any:
        named = {problem_id(problem): problem for problem in self.problems}
        rollouts = Rollouts(named, load_tokenizer(self.student), "test", spec)
        model = load_model(self.student, dtype="float32")
        order = drawing_order(tuple(named), evolve(spec, steps=1))
        return rollouts, model, [one for one in order for _ in range(spec.samples)]

    def train(
        self, spec: GrpoSpec, out: Path, **changes: Any
    ) -> tuple[Any, list[dict[str, float]]]:
        logged: list[dict[str, float]] = []
        job = self.job(out, on_step=lambda _s, _t, found: logged.append({**found}), **changes)
        record = train_grpo(self.problems, spec, job)
        return record, [found for found in logged if found]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    assert TASK.generate is not None
    drawn = (TASK.generate({}, 7, "train", index) for index in range(60))
    problems = tuple(one for one in drawn if len(TASK.oracle(one)) == 2)[:2]
    chains = [
        (problem, played(problem, replies, grammar=prompt.grammar, without=WITHOUT))
        for problem in problems
        for prompt in (PROMPT, TOOLS)
        for replies in (TASK.oracle(problem), TASK.oracle(problem)[-1:])
    ]
    assert [TASK.score(chain, one).verdict for one, chain in chains] == [
        "correct",
        "unsupported",
    ] * 4
    texts = [one.text for one in problems] + [t.reply for _, c in chains for t in c.turns]
    tokenizer = byte_tokenizer([*texts, CHATML, str(schemas(TOOLS, TASK.toolbox))], QWEN, 600)
    model = tiny_llama(tokenizer, scale=0.1).train()
    _memorise(model, [encoded(tokenizer, *one) for one in chains], tokenizer.pad_token_id)
    folder = tmp_path_factory.mktemp("half")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Data(student=resolve(ModelName.parse(f"path:{folder}")), problems=problems)


def _memorise(model: Any, rows: list[Any], pad: int) -> None:
    shape = (len(rows), max(row.length for row in rows))
    ids, labels = torch.full(shape, pad), torch.full(shape, -100)
    seen = torch.zeros(shape, dtype=torch.long)
    for number, row in enumerate(rows):
        start = len(row.prompt)
        ids[number, : row.length], seen[number, : row.length] = torch.tensor(row.ids), 1
        said = torch.tensor(row.completion).masked_fill(~torch.tensor(row.mask), -100)
        labels[number, start : row.length] = said
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)
    for _ in range(70):
        optimizer.zero_grad()
        model(input_ids=ids, attention_mask=seen, labels=labels).loss.backward()
        optimizer.step()


def trainer_of(model: Any, step: int = 0) -> Any:
    """Return what rollouts need of a trainer."""
    return SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda one: one),
        state=SimpleNamespace(global_step=step),
    )


@pytest.mark.parametrize("prompt", [PROMPT, TOOLS], ids=["python", "tools"])
def test_sampled_tokens_are_those_of_the_chains_and_only_calls_carry_loss(data, prompt) -> None:
    rollouts, model, prompts = data.rollouts(evolve(SPEC, batch=24, samples=12, prompt=prompt))
    tokenizer = rollouts._tokenizer
    sampled = rollouts._sampled(model, prompts, 0)
    same, calls = 0, 0
    for name, (chain, tokens) in zip(prompts, sampled, strict=True):
        assert chain.problem == name
        problem = rollouts._problems[name]
        opening = render(prompt, TASK.toolbox, problem)
        tools = schemas(prompt, TASK.toolbox)
        assert list(tokens.prompt) == tokenizer(render_chat(tokenizer, opening, tools))["input_ids"]
        expected = encoded(tokenizer, problem, chain)
        same += tokens == evolve(expected, turns=())
        calls += len(chain.turns)
        said = tokenizer.decode([*tokens.trained], skip_special_tokens=True)
        told = tokenizer.decode(
            [i for i, own in zip(tokens.completion, tokens.mask, strict=True) if not own]
        )
        for turn in chain.turns[:-1]:
            assert turn.outcome.text in told
        for turn in chain.turns:
            assert turn.reply.strip() in said
        assert "assistant" not in said
    assert same >= 0.9 * len(prompts)
    assert calls > len(prompts)


@pytest.mark.parametrize("loss", ["dapo", "dr_grpo", "grpo"])
def test_the_loss_weighs_each_chains_own_tokens_by_its_advantage(
    data, tmp_path, monkeypatch, loss
) -> None:
    made: list[dict[str, Any]] = []
    rolled = Rollouts.__call__

    def kept(self: Any, *arguments: Any) -> dict[str, Any]:
        made.append(rolled(self, *arguments))
        return made[-1]

    monkeypatch.setattr(Rollouts, "__call__", kept)
    spec = evolve(SPEC, batch=16, samples=8, steps=1, loss=loss)
    record, logged = data.train(spec, tmp_path / "run")
    (step,) = logged
    (output,) = made
    tokens = [sum(mask) for mask in output["env_mask"]]
    worth = output["worth"]
    advantages: list[float] = []
    for start in (0, 8):
        group = worth[start : start + 8]
        spread = statistics.stdev(group) + 1e-4
        advantages += [(one - statistics.mean(group)) / spread for one in group]
    weighed = sum(a * n for a, n in zip(advantages, tokens, strict=True))
    assert abs(weighed) > 1  # chains differ in length, or the sum would say nothing
    expected = {
        "dapo": -weighed / sum(tokens),
        "dr_grpo": -weighed / (len(tokens) * spec.max_tokens),
        "grpo": -statistics.mean(advantages),
    }
    assert step["loss"] == pytest.approx(expected[loss], abs=1e-4)
    assert step["reward"] == pytest.approx(statistics.mean(worth))
    assert step["correct"] == pytest.approx(statistics.mean(worth))
    assert record.trained_tokens == sum(tokens)
    every = ("prompt_ids", "completion_ids")
    assert record.tokens == sum(len(ids) for name in every for ids in output[name])
    assert record.metrics["reward"] == (round(step["reward"], 4),) * 2


def test_reward_rises_from_guessing_to_answers_by_calls(data, tmp_path) -> None:
    record, logged = data.train(evolve(SPEC, batch=16, samples=8, steps=8), tmp_path / "run")
    rewards = [step["reward"] for step in logged]
    assert len(rewards) == record.steps == 8
    assert 0.1 < rewards[0] < 0.8
    assert statistics.mean(rewards[-3:]) > rewards[0] + 0.2
    assert record.kind == "grpo"
    assert record.rows == 2
    assert record.metrics["correct"] == (round(rewards[0], 4), round(rewards[-1], 4))
    assert record.metrics["unsupported"][0] > record.metrics["unsupported"][1]
    assert "no_answer" not in record.metrics  # no chain ended so


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


def test_where_all_chains_are_worth_the_same_nothing_is_learnt(data, tmp_path) -> None:
    # One call is enough for a guess, and for no answer by calls: nothing is ever worth anything.
    spec = evolve(SPEC, limits=evolve(SPEC.limits, calls=1))
    _, logged = data.train(spec, tmp_path / "same")
    assert [(step["reward"], step["frac_reward_zero_std"]) for step in logged] == [(0, 1)] * 2
    assert any(step["unsupported"] for step in logged)
    weights = adapter(tmp_path / "same")
    assert weights
    assert not any(one.any() for name, one in weights.items() if "lora_B" in name)
    data.train(evolve(spec, reward=Reward(unsupported=0.5)), tmp_path / "paid")
    paid = adapter(tmp_path / "paid")
    assert any(one.any() for name, one in paid.items() if "lora_B" in name)


def test_the_same_specification_gives_the_same_adapter(data, tmp_path) -> None:
    first, again, other = (
        data.train(evolve(SPEC, seed=seed), tmp_path / str(number))[0]
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert other.adapter != first.adapter


@pytest.mark.parametrize("iterations", [1, 2])
def test_an_interrupted_run_ends_as_one_that_was_not(data, tmp_path, iterations) -> None:
    spec = evolve(SPEC, steps=4, iterations=iterations)
    whole, logged = data.train(spec, tmp_path / "whole")
    assert any(step["clip_ratio/region_mean"] for step in logged) == (iterations > 1)
    notes: list[str] = []
    keep = Checkpoints(folder=tmp_path / "checkpoints", every=1, note=notes.append)

    def killed(step: int, _: int, found: Any) -> None:
        if step == 4 and not found:
            raise InterruptedError

    job = data.job(tmp_path / "resumed", on_step=killed, checkpoints=keep)
    with pytest.raises(InterruptedError):
        train_grpo(data.problems, spec, job)
    resumed, _ = data.train(spec, tmp_path / "resumed", checkpoints=keep)
    assert resumed == whole
    step = {1: 3, 2: 2}[iterations]
    assert [note.partition(",")[0] for note in notes] == [f"going on from step {step}"]


def test_a_reference_is_kept_where_the_divergence_counts(data, tmp_path) -> None:
    spec = evolve(SPEC, beta=0.5, steps=3)
    record, logged = data.train(spec, tmp_path / "first")
    assert logged[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert logged[-1]["kl"] > 1e-6
    assert set(record.metrics) >= {"kl", "reward"}
    name = f"adapter:{tmp_path / 'first'}@{data.student.name}"
    student = resolve(ModelName.parse(name))
    further, logged = data.train(spec, tmp_path / "second", student=student)
    # The reference is the adapter that it starts from, not the base.
    assert logged[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert further.start == record.adapter
    assert further.adapter != record.adapter
    assert sorted(one.name for one in (tmp_path / "second").iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "fcpref.json",
    ]


def test_a_whole_model_is_trained_online_too(data, tmp_path) -> None:
    spec = evolve(SPEC, method="full", lora=LoraSpec(), learning_rate=1e-3, steps=6)
    record, logged = data.train(spec, tmp_path / "whole")
    rewards = [step["reward"] for step in logged]
    assert statistics.mean(rewards[-2:]) > rewards[0]
    whole = resolve(ModelName.parse(f"path:{tmp_path / 'whole'}"))
    assert weights_hash(whole.folder) == record.adapter
    assert load_tokenizer(whole).chat_template == load_tokenizer(data.student).chat_template


@pytest.mark.parametrize("loss", ["bnpo", "cispo", "sapo", "luspo", "vespo"])
def test_each_loss_of_the_list_trains(data, tmp_path, loss) -> None:
    high = 5.0 if loss == "cispo" else None
    spec = evolve(SPEC, steps=1, batch=16, samples=8, loss=loss, epsilon_high=high, scale="none")
    data.train(spec, tmp_path / loss)
    weights = adapter(tmp_path / loss)
    assert any(one.any() for name, one in weights.items() if "lora_B" in name)


def test_chains_over_the_token_limit_carry_no_loss_and_are_counted(data, tmp_path) -> None:
    rollouts, model, prompts = data.rollouts(SPEC)
    whole = rollouts(prompts, trainer_of(model))
    lengths = sorted(
        len(prompt) + len(rest)
        for prompt, rest in zip(whole["prompt_ids"], whole["completion_ids"], strict=True)
    )
    limit = lengths[0]
    assert limit < lengths[-1]
    spec = evolve(SPEC, steps=1, max_tokens=limit)
    rollouts, model, prompts = data.rollouts(spec)
    cut = rollouts(prompts, trainer_of(model))
    assert cut["worth"] == whole["worth"]
    over = 0
    names = ("prompt_ids", "completion_ids", "env_mask")
    for one, other in zip(*(zip(*(o[n] for n in names)) for o in (whole, cut)), strict=True):  # noqa: B905
        if len(one[0]) + len(one[1]) <= limit:
            assert other == one
            continue
        over += 1
        assert not any(other[2])
        assert len(other[0]) + len(other[1]) == limit
        assert len(other[1]) == len(other[2])
    record, _ = data.train(spec, tmp_path / "run")
    assert record.left_out == over > 0


def test_each_step_draws_other_chains_and_leaves_the_model_in_training(data) -> None:
    rollouts, model, prompts = data.rollouts(SPEC)
    model.train()
    first, again, second = (rollouts(prompts, trainer_of(model, step)) for step in (0, 0, 1))
    assert first == again
    assert first["completion_ids"] != second["completion_ids"]
    assert model.training


def test_tool_calls_are_trained_where_the_template_has_them(data, tmp_path) -> None:
    spec = evolve(SPEC, prompt=TOOLS, batch=16, samples=8, max_tokens=900)
    record, logged = data.train(spec, tmp_path / "tools")
    assert logged[0]["correct"] > 0
    assert record.spec["prompt"]["grammar"] == "tools"


def test_what_cannot_be_trained_is_refused(data, tmp_path, monkeypatch) -> None:
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="a step takes 3 problems and there are 2"):
        data.train(evolve(SPEC, batch=12), out)
    with pytest.raises(TrainingError, match=r"has \d+ tokens and max_tokens is 20"):
        data.train(evolve(SPEC, max_tokens=20), out)
    for template, prompt, error, what in (
        (CHATML, TOOLS, ModelError, "shows no tools"),
        (REWRITING, PROMPT, TrainingError, "not prefix-preserving"),
    ):
        folder = tmp_path / str(len(template))
        student = save_tiny(folder, byte_tokenizer(template=template))
        with pytest.raises(error, match=what):
            data.train(evolve(SPEC, prompt=prompt), out, student=student)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="one process"):
        data.train(SPEC, out)
    assert not out.exists()
