"""Training: TRL computes the loss that the specification names, on the model's own tokens only."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve, frozen

from fcpref.core.chains import (
    STUDENT,
    Chain,
    Limits,
    Reply,
    advance,
    begin,
    finish,
    render,
    schemas,
)
from fcpref.core.codec import unstructure
from fcpref.core.functions import Outcome, translate
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, LoraSpec, SftSpec, dpo_loss, trained_replies
from fcpref.errors import ArtifactError, ModelError, TrainingError
from fcpref.shell.adapters import WEIGHTS
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_model
from fcpref.shell.packed_pairs import pack, score_trained_only
from fcpref.shell.packed_sft import PackedSFTTrainer, RowCollator, collate_rows
from fcpref.shell.packed_trainer import PackedCollator, PackedDPOTrainer
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash
from fcpref.shell.tokens import Encoded, encode_chain
from fcpref.shell.train import TrainingJob, train_dpo, train_sft
from tests.masked_trl import MaskedCollator, MaskedDPOTrainer, preference_row, supervised_row
from tests.tiny_model import CHATML, QWEN, byte_tokenizer, save_tiny

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


def played(problem: Problem, replies: tuple[str, ...]) -> Chain:
    state = begin(TASK.toolbox, problem, render(STUDENT, TASK.toolbox, problem), Limits())
    for text in replies:
        state = advance(state, Reply(text=text))
    return finish(state, "test", 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
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
    folder = tmp_path_factory.mktemp("base")
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


@pytest.fixture(scope="module")
def sft(data, tmp_path_factory) -> Trained:
    out = tmp_path_factory.mktemp("runs") / "sft"
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


def trainer_of(
    data: Data, folder: Path, student: ResolvedModel, rows, budget: int | None = 10_000
) -> Any:
    import datasets
    from trl import DPOConfig

    from fcpref.shell.adapters import to_train

    model = load_model(student, dtype="float32", trainable=True)
    if student.adapter is None:
        model = to_train(student, DPO).float()
    arguments = DPOConfig(
        output_dir=str(folder),
        beta=0.3,
        precompute_ref_log_probs=budget is None,
        max_length=None,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to=[],
        per_device_train_batch_size=2,
        learning_rate=5e-3,
        num_train_epochs=4,
        logging_steps=1,
        save_strategy="no",
        seed=1,
        disable_tqdm=True,
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
@pytest.mark.parametrize("budget", [10_000, 1])
def test_packed_pairs_take_the_same_way_as_trls_padded_rows(data, sft, tmp_path, budget) -> None:
    rows = data.rows()
    losses = []
    for name, tokens in (("packed", budget), ("padded", None)):
        torch.manual_seed(0)
        trainer = trainer_of(data, tmp_path / name, sft.student, rows, tokens)
        trainer.train()
        losses.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
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

    rows = [row for both in data.rows(failed=False) for row in both]
    histories = []
    for packed in (True, False):
        torch.manual_seed(0)
        model = to_train(data.student, evolve(SFT, dtype="float32"))
        arguments = SFTConfig(
            output_dir=str(tmp_path),
            max_length=None,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            per_device_train_batch_size=4,
            learning_rate=5e-3,
            num_train_epochs=4,
            logging_steps=1,
            save_strategy="no",
            seed=1,
            disable_tqdm=True,
        )
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
        labels.append(collate_rows([row], pad=0)["targets"].tolist())
        packed = pack(row, row)
        calls.append(packed.targets[0])
        assert packed.targets[0] == packed.targets[1]
    assert labels[0] == labels[1]
    assert calls[0] == calls[1] == tuple(labels[0])


def test_supervised_labels_are_the_calls_that_worked(data) -> None:
    for (_, row), pair in zip(data.rows(failed=False), data.pairs, strict=True):
        labels = collate_rows([row], pad=0)["targets"].tolist()
        good = [t.reply for t in pair.rejected.turns if t.outcome.code is None]
        assert data.tokenizer.decode(labels) == "".join(reply + "<|im_end|>" for reply in good)


def test_a_supervised_run_leaves_a_record_with_the_right_counts(data, sft) -> None:
    rows = [chosen for chosen, _ in data.rows(failed=False)]
    record = sft.record
    assert unstructure(evolve(record, metrics={}, adapter="")) == {
        "kind": "sft",
        "base": f"path:{data.student.folder.name}",
        "student_revision": data.student.revision,
        "start": "",
        "data": ("sha256:1",),
        "spec": unstructure(SFT),
        "rows": len(rows),
        "left_out": 0,
        "tokens": sum(row.length for row in rows),
        "trained_tokens": sum(sum(row.mask) for row in rows),
        "steps": 4,
        "metrics": {},
        "adapter": "",
        "stopped": "",
    }
    assert record.adapter == file_hash(sft.folder / WEIGHTS)
    first, last = record.metrics["loss"]
    assert last < first


def test_an_adapter_is_saved_in_bfloat16_with_its_own_files_only(data, sft) -> None:
    from safetensors.torch import load_file

    assert sorted(path.name for path in sft.folder.iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "fcpref.json",
    ]
    assert json.loads((sft.folder / "fcpref.json").read_text()) == {"base": data.student.name}
    assert {tensor.dtype for tensor in load_file(sft.folder / WEIGHTS).values()} == {torch.bfloat16}
    assert [path.name for path in sft.folder.parent.iterdir()] == ["sft"]


def test_an_adapters_settings_do_not_depend_on_the_hash_seed(sft) -> None:
    modules = json.loads((sft.folder / "adapter_config.json").read_bytes())["target_modules"]
    assert len(modules) > 1
    assert modules == sorted(modules)


def test_an_adapter_loads_back_and_changes_the_model(data, sft) -> None:
    row = data.rows()[0][0]
    base = load_model(data.student, dtype="float32")
    tuned = load_model(sft.student, dtype="float32")
    assert masked_logp(tuned, row) > masked_logp(base, row)


def test_the_same_specification_gives_the_same_adapter(data, sft, tmp_path) -> None:
    again = train_sft(data.chains, SFT, data.job(tmp_path / "again"))
    other = train_sft(data.chains, evolve(SFT, seed=2), data.job(tmp_path / "other"))
    assert again == sft.record
    assert other.adapter != sft.record.adapter


def test_dpo_goes_on_from_the_supervised_adapter_and_grows_the_margin(data, sft, tmp_path) -> None:
    steps: list[tuple[int, int, dict[str, float]]] = []
    job = evolve(
        data.job(tmp_path / "dpo", sft.student),
        on_step=lambda step, total, metrics: steps.append((step, total, dict(metrics))),
    )
    record = train_dpo(data.pairs, DPO, job)
    assert record.start == sft.record.adapter
    assert record.base == f"path:{data.student.folder.name}"
    assert (record.rows, record.left_out, record.steps, record.stopped) == (6, 0, 12, "")
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-3)
    assert record.metrics["rewards/margins"][0] == pytest.approx(0, abs=4e-3)
    assert record.metrics["rewards/margins"][1] > record.metrics["rewards/margins"][0]
    assert [step for step, _, metrics in steps if not metrics] == list(range(1, 13))
    assert [step for step, _, metrics in steps if metrics] == list(range(1, 13))
    assert {total for _, total, _ in steps} == {12}
    tuned = resolve(ModelName.parse(f"adapter:{tmp_path / 'dpo'}"))
    assert margin(data, tuned) > margin(data, sft.student)
    assert sorted(path.name for path in (tmp_path / "dpo").iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "fcpref.json",
    ]


def margin(data: Data, student: ResolvedModel) -> float:
    model = load_model(student, dtype="float32")
    return sum(masked_logp(model, c) - masked_logp(model, r) for c, r in data.rows())


def test_dpo_from_a_base_takes_the_base_as_reference(data, tmp_path) -> None:
    record = train_dpo(data.pairs, evolve(DPO, epochs=1), data.job(tmp_path / "dpo"))
    assert record.start == ""
    assert record.metrics["loss"][0] == pytest.approx(math.log(2), abs=2e-3)


def test_dpo_twice_gives_the_same_adapter_and_may_replace_its_start(data, sft, tmp_path) -> None:
    spec = evolve(DPO, epochs=1)
    first = train_dpo(data.pairs, spec, data.job(tmp_path / "dpo", sft.student))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sft.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    again = resolve(ModelName.parse(f"adapter:{copy}@{data.student.name}"))
    assert train_dpo(data.pairs, spec, data.job(copy, again)) == first


def test_the_guard_stops_a_run_whose_chosen_chains_lose_likelihood(data, sft, tmp_path) -> None:
    swapped = tuple(evolve(p, chosen=p.rejected, rejected=p.chosen) for p in data.pairs)
    sinking = evolve(DPO, learning_rate=5e-2, stop_below=1e-3, epochs=20, loss="apo_down")
    record = train_dpo(swapped, sinking, data.job(tmp_path / "dpo", sft.student))
    assert "likelihood displacement" in record.stopped
    assert f"step {record.steps}: " in record.stopped
    assert record.steps < 60


@pytest.mark.parametrize("train", [train_sft, train_dpo])
def test_rows_over_the_token_limit_are_left_out_or_refused(data, sft, tmp_path, train) -> None:
    items = data.chains if train is train_sft else data.pairs
    spec = SFT if train is train_sft else DPO
    lengths = sorted(
        c.length if train is train_sft else max(c.length, r.length) for c, r in data.rows()
    )
    some = evolve(spec, max_tokens=lengths[2], epochs=1)
    record = train(items, some, data.job(tmp_path / "some", sft.student))
    assert (record.rows, record.left_out) == (3, 3)
    with pytest.raises(TrainingError, match="fits 9 tokens; raise max_tokens"):
        train(items, evolve(spec, max_tokens=9), data.job(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("rate", "epochs", "what"), [(1e39, 1, "weights are not"), (1e38, 6, "the loss is")]
)
def test_a_run_that_is_no_longer_finite_is_an_error(data, tmp_path, rate, epochs, what) -> None:
    wild = evolve(SFT, learning_rate=rate, epochs=epochs, batch=8)
    with pytest.raises(TrainingError, match=f"{what}.*lower"):
        train_sft(data.chains, wild, data.job(tmp_path / "wild"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_replaced(data, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is no adapter folder"):
        train_sft(data.chains, SFT, data.job(tmp_path))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_chain_of_an_unknown_problem_is_refused(data, tmp_path) -> None:
    stray = evolve(data.chains[0], problem="sha256:0123456789abcdef")
    with pytest.raises(TrainingError, match="problem 0123456789abcdef is not among those given"):
        train_sft([stray], SFT, data.job(tmp_path / "out"))


def test_an_adapter_above_the_last_layer_is_refused(data, tmp_path) -> None:
    with pytest.raises(TrainingError, match="first_layer 2 is beyond the model's 2 layers"):
        train_sft(
            data.chains, evolve(SFT, lora=LoraSpec(first_layer=2)), data.job(tmp_path / "out")
        )


def test_failed_calls_carry_no_loss_in_a_supervised_run(data, tmp_path) -> None:
    chain = data.pairs[0].rejected
    record = train_sft([chain], evolve(SFT, epochs=1), data.job(tmp_path / "sft"))
    slip = evolve(
        chain, turns=(evolve(chain.turns[0], outcome=Outcome(text="x")), *chain.turns[1:])
    )
    with_slip = train_sft([slip], evolve(SFT, epochs=1), data.job(tmp_path / "with"))
    assert record.trained_tokens < with_slip.trained_tokens


def test_of_a_chain_that_the_oracle_went_on_with_its_replies_alone_are_trained(
    data, tmp_path
) -> None:
    one = evolve(SFT, epochs=1)
    chain = evolve(data.chains[0], completed_from=1)
    assert len(chain.turns) > 1
    found = [
        train_sft([chain], spec, data.job(tmp_path / name)).trained_tokens
        for name, spec in (("all", one), ("onward", evolve(one, onward=True)))
    ]
    # What a byte tokenizer makes of the first reply, and the mark that ends its turn.
    problem = data.problems[chain.problem]
    opening = render(STUDENT, TASK.toolbox, problem)
    row = encode_chain(data.tokenizer, opening, chain, [True] + [False] * (len(chain.turns) - 1))
    assert found[0] - found[1] == sum(row.mask) > 0


def in_tools(chain: Chain, problem: Problem) -> Chain:
    """Return the chain that the same calls are in the `tools` grammar."""
    state = begin(TASK.toolbox, problem, (), Limits(), "tools")
    for turn in chain.turns:
        state = advance(state, Reply(text=translate(turn.reply, "tools")))
    return finish(state, "test", 0)


@pytest.fixture(scope="module")
def tool_data(data, tmp_path_factory) -> Data:
    tokenizer = byte_tokenizer([QWEN], QWEN)
    pairs = tuple(
        evolve(
            pair,
            chosen=in_tools(pair.chosen, data.problems[pair.chosen.problem]),
            rejected=in_tools(pair.rejected, data.problems[pair.rejected.problem]),
        )
        for pair in data.pairs[:2]
    )
    return evolve(
        data,
        student=save_tiny(tmp_path_factory.mktemp("knowing"), tokenizer, scale=0.1),
        tokenizer=tokenizer,
        chains=tuple(pair.chosen for pair in pairs),
        pairs=pairs,
    )


def test_tool_calls_are_trained_by_the_grammar_of_the_chains(tool_data, tmp_path) -> None:
    spec = evolve(SFT, epochs=1, max_tokens=9_000)
    record = train_sft(tool_data.chains, spec, tool_data.job(tmp_path / "sft"))
    calls = [
        f"<tool_call>\n{turn.reply}\n</tool_call><|im_end|>"
        for chain in tool_data.chains
        for turn in chain.turns
    ]
    assert record.trained_tokens == sum(len(tool_data.tokenizer(c)["input_ids"]) for c in calls)
    # The functions are in the prompt, as schemas.
    assert record.tokens - record.trained_tokens > 2 * len(TASK.toolbox.functions) * 50
    spec = evolve(DPO, epochs=1, max_tokens=9_000)
    assert train_dpo(tool_data.pairs, spec, tool_data.job(tmp_path / "dpo")).rows == 2


def test_a_chain_is_trained_behind_the_functions_that_it_was_offered(data, tmp_path) -> None:
    chain = data.chains[0]
    spec = evolve(SFT, epochs=1, max_tokens=9_000)
    full = train_sft([chain], spec, data.job(tmp_path / "full"))
    withheld = evolve(chain, without=("Reasoning",))
    narrowed = train_sft([withheld], spec, data.job(tmp_path / "narrowed"))
    offered = len(data.tokenizer("Reasoning(thought) ")["input_ids"])
    assert narrowed.trained_tokens == full.trained_tokens
    assert full.tokens - narrowed.tokens == offered


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_student_whose_template_knows_no_tools_is_not_trained_on_them(
    data, tool_data, tmp_path, kind
) -> None:
    job = data.job(tmp_path / "out")
    runs = {
        "sft": lambda: train_sft(tool_data.chains, SFT, job),
        "dpo": lambda: train_dpo(tool_data.pairs, DPO, job),
    }
    with pytest.raises(ModelError, match="its chat template shows no tools"):
        runs[kind]()
    assert not (tmp_path / "out").exists()


def test_trl_renders_an_exported_row_of_tool_calls_as_we_do(tool_data) -> None:
    from trl.data_utils import apply_chat_template, is_conversational

    pair = tool_data.pairs[0]
    problem = tool_data.problems[pair.chosen.problem]
    row = trl_row(pair, problem, STUDENT)
    assert is_conversational(row)
    spec = evolve(STUDENT, grammar="tools")
    opening, tools = render(spec, TASK.toolbox, problem), schemas(spec, TASK.toolbox)
    ours = encode_chain(
        tool_data.tokenizer, opening, pair.chosen, [True] * len(pair.chosen.turns), tools
    )
    theirs = apply_chat_template(row, tool_data.tokenizer, tools=row["tools"])
    assert theirs["prompt"] == tool_data.tokenizer.decode(ours.prompt)
    # Ours ends with the mark of the last call, theirs with the line break after it.
    assert theirs["chosen"] == tool_data.tokenizer.decode(ours.completion) + "\n"
