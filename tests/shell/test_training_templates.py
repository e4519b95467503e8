"""Templates that rewrite earlier turns: TRL's takes their place everywhere, or they are refused."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from fcpref.core.canon import content_id, short
from fcpref.core.chains import (
    STUDENT,
    Limits,
    PromptSpec,
    Reply,
    advance,
    begin,
    messages,
    render,
    schemas,
)
from fcpref.core.functions import translate
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, LoraSpec, SftSpec
from fcpref.errors import ModelError, TrainingError
from fcpref.shell import stages, stages_models, stages_training
from fcpref.shell.linting import linted_pairs
from fcpref.shell.merging import merge_model
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import load_tokenizer
from fcpref.shell.publishing import publish_named
from fcpref.shell.resolving import TEMPLATE, kept_template, resolve
from fcpref.shell.templates import render_chat
from fcpref.shell.tokens import encode_row
from fcpref.shell.training_templates import training_tokenizer
from fcpref.shell.whole_models import name_of
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, refused
from tests.played import played
from tests.published_templates import published, template_of
from tests.shell.test_tokens import fed_by_engine
from tests.tiny_model import CHATML, COUNTING, byte_tokenizer, save_tiny

TASK = find_task("math.word")
TOOLS = PromptSpec(detail="signatures", grammar="tools")
OWN, TRLS = "qwen3", "qwen3_training"
SFT = SftSpec(batch=4, lora=LoraSpec(rank=4, alpha=8), max_tokens=9_000)
DPO = DpoSpec(batch=2, lora=LoraSpec(rank=4, alpha=8), max_tokens=9_000)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("templates") / "artifacts")


@pytest.fixture(scope="module")
def made(workspace):
    """Problems, and scores and pairs of each grammar."""
    problems = stages.make_problems(workspace, TASK.name, "train", 3, 5, {})
    rows = {"problems": problems}
    for grammar in ("tools", "python"):
        chains = []
        for problem in problems.values(Problem):
            right = TASK.oracle(problem)
            chains.append(played(problem, ("Fly()", *right), grammar=grammar))
            wrong = played(problem, (right[0], "Fly()", "Answer(value=1)"), grammar=grammar)
            chains.append(evolve(wrong, sample=1))
        written = workspace.write("chains", chains, parents=(problems.id,), spec={"in": grammar})
        scores = stages.score(workspace, written)
        rows[grammar, "sft"] = scores
        rows[grammar, "dpo"] = stages.pairs(workspace, [scores], PairSpec())
    return rows


def student_of(folder, template) -> str:
    tokenizer = published(OWN)
    tokenizer.chat_template = template
    save_tiny(folder, tokenizer, scale=0.1)
    return f"path:{folder}"


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory) -> str:
    return student_of(tmp_path_factory.mktemp("qwen3"), template_of(OWN))


@pytest.fixture(scope="module")
def trained(workspace, made, qwen3):
    """Train on tool calls, then by preference from that adapter; return both names."""
    names = {}
    start = qwen3
    for kind, spec in (("sft", SFT), ("dpo", DPO)):
        done = stages_training.train(workspace, kind, [made["tools", kind]], start, spec, name=kind)
        names[kind] = start = f"adapter:{done[1]}@{qwen3}"
    return names


def named(name: str) -> ResolvedModel:
    return resolve(ModelName.parse(name))


def file_of(name: str):
    return named(name).adapter / TEMPLATE


# --- which template


def test_a_template_that_rewrites_turns_gives_way_to_trls(qwen3):
    found = training_tokenizer(named(qwen3), ["tools"])
    assert found.tokenizer.chat_template == found.kept == template_of(TRLS)
    assert found.note.startswith(f"{qwen3}: its chat template rewrites earlier turns")
    assert "TRL's training template" in found.note


def test_it_stays_where_it_rewrites_nothing(qwen3):
    # In the python grammar results are told by the user, and Qwen3 leaves earlier turns alone.
    found = training_tokenizer(named(qwen3), ["python"])
    assert (found.tokenizer.chat_template, found.kept, found.note) == (template_of(OWN), "", "")


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_a_template_that_preserves_prefixes_stays(tmp_path, grammar):
    found = training_tokenizer(named(student_of(tmp_path, template_of("qwen2_5"))), [grammar])
    assert (found.tokenizer.chat_template, found.kept) == (template_of("qwen2_5"), "")


def test_trls_template_is_taken_in_the_python_grammar_too(tmp_path):
    name = student_of(tmp_path, template_of("qwen3_5_nothink"))
    found = training_tokenizer(named(name), ["python"])
    assert found.kept == template_of("qwen3_5_nothink_training")


def test_rows_of_both_grammars_may_need_two_templates(qwen3):
    with pytest.raises(TrainingError, match="train python rows and tool calls apart"):
        training_tokenizer(named(qwen3), ["python", "tools"])


# --- what is trained is what is asked and said later


def test_prompts_of_the_trained_student_are_what_it_was_trained_behind(made, trained):
    for name in trained.values():
        asked = load_tokenizer(named(name))
        for item in made["tools", "sft"].values(ScoredChain):
            problem = problem_of(made, item.chain)
            mask = (True,) * len(item.chain.turns)
            row = encode_row(asked, name, problem, item.chain, STUDENT, mask)
            text = asked.decode(row.ids)
            state = begin(TASK.toolbox, problem, opening_of(problem), Limits(), "tools")
            for (start, _, _), turn in zip(row.turns, item.chain.turns, strict=True):
                prompt = render_chat(asked, messages(state), schemas(TOOLS, TASK.toolbox))
                assert asked.decode((*row.prompt, *row.completion[:start])) == prompt
                assert text.startswith(prompt)
                state = advance(state, Reply(text=turn.reply))


def problem_of(made, chain):
    return next(p for p in made["problems"].values(Problem) if problem_id(p) == chain.problem)


def opening_of(problem):
    return render(evolve(STUDENT, grammar="tools"), TASK.toolbox, problem, TASK.exemplars)


def test_the_students_own_template_would_ask_otherwise(made, qwen3):
    problem = made["problems"].values(Problem)[0]
    chain = played(problem, TASK.oracle(problem)[:2], grammar="tools")
    own, trls = load_tokenizer(named(qwen3)), training_tokenizer(named(qwen3), ["tools"]).tokenizer
    state = begin(TASK.toolbox, problem, opening_of(problem), Limits(), "tools")
    tools = schemas(TOOLS, TASK.toolbox)
    assert render_chat(own, messages(state), tools) == render_chat(trls, messages(state), tools)
    state = advance(state, Reply(text=chain.turns[0].reply))
    assert "</think>" not in render_chat(own, messages(state), tools)
    assert "</think>" in render_chat(trls, messages(state), tools)


def test_a_row_is_what_the_engine_feeds_the_trained_student(made, trained, monkeypatch):
    asked = load_tokenizer(named(trained["dpo"]))
    problem = made["problems"].values(Problem)[1]
    thought = "<think>\n\n</think>\n\n<tool_call>\n{}\n</tool_call>"
    calls = [thought.format(translate(call, "tools")) for call in TASK.oracle(problem)]
    chain = played(problem, calls, grammar="tools")
    assert TASK.score(chain, problem).correct
    mask = (True,) * len(calls)
    row = encode_row(asked, "m", problem, chain, STUDENT, mask)
    assert asked.decode(row.trained) == "".join(f"{call}<|im_end|>" for call in calls)
    tools = schemas(TOOLS, TASK.toolbox)
    opening = opening_of(problem)
    fed = fed_by_engine(asked, opening, chain, TASK.toolbox, problem, monkeypatch, tools)
    assert fed == list(row.ids)[:-1]


# --- it goes where the adapter goes


def test_adapters_keep_the_template_and_the_student_keeps_its_own(qwen3, trained):
    for name in trained.values():
        assert file_of(name).read_text() == template_of(TRLS)
        assert load_tokenizer(named(name)).chat_template == template_of(TRLS)
        assert kept_template(named(name)) == template_of(TRLS)
    assert load_tokenizer(named(qwen3)).chat_template == template_of(OWN)
    assert kept_template(named(qwen3)) is None


def test_a_trained_student_is_another_one_with_another_template(trained, tmp_path):
    before = named(trained["sft"])
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in before.adapter.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    base = ModelName.parse(trained["sft"]).base
    assert named(f"adapter:{copy}@{base}").revision == before.revision
    (copy / TEMPLATE).write_text(CHATML)
    other = named(f"adapter:{copy}@{base}")
    assert other.revision != before.revision
    assert load_tokenizer(other).chat_template == CHATML
    (copy / TEMPLATE).unlink()
    assert len({before.revision, other.revision, named(f"adapter:{copy}@{base}").revision}) == 3


def test_a_python_run_from_the_same_student_keeps_no_template(workspace, made, qwen3):
    done = stages_training.train(workspace, "sft", [made["python", "sft"]], qwen3, SFT, name="py")
    assert not (done[1] / TEMPLATE).exists()


def test_an_adapter_trained_on_tool_calls_takes_no_python_rows(workspace, made, trained):
    with pytest.raises(TrainingError, match="is not prefix-preserving"):
        stages_training.train(workspace, "sft", [made["python", "sft"]], trained["sft"], SFT)


def test_a_merged_folder_has_the_template_it_was_trained_with(workspace, trained, tmp_path):
    merged = merge_model(workspace, trained["dpo"], tmp_path / "merged")
    assert (merged.folder / TEMPLATE).read_text() == template_of(TRLS)
    settings = json.loads((merged.folder / "tokenizer_config.json").read_text())
    assert settings["chat_template"] == template_of(TRLS)
    assert load_tokenizer(named(f"path:{merged.folder}")).chat_template == template_of(TRLS)
    # Trained on, it needs no other: it rewrites nothing.
    assert training_tokenizer(named(f"path:{merged.folder}"), ["tools"]).note == ""


def test_a_model_trained_as_a_whole_has_it(workspace, made, trained, qwen3):
    spec = evolve(SFT, method="full", lora=LoraSpec(), epochs=1)
    for start in (qwen3, trained["sft"]):
        done = stages_training.train(workspace, "sft", [made["tools", "sft"]], start, spec)
        whole = named(name_of(done[1], start))
        assert whole.adapter is None
        assert load_tokenizer(whole).chat_template == template_of(TRLS)
        settings = json.loads((whole.folder / "tokenizer_config.json").read_text())
        assert settings["chat_template"] == template_of(TRLS)
        assert training_tokenizer(whole, ["tools"]).note == ""


def test_a_published_adapter_keeps_it(workspace, trained):
    folder = named(trained["sft"]).adapter
    publish_named(workspace, [], [folder])
    assert (workspace.root / "adapters" / "sft" / TEMPLATE).read_text() == template_of(TRLS)


def test_evaluation_asks_the_adapter_with_it(workspace, trained):
    test = stages.make_problems(workspace, TASK.name, "test", 1)
    trials = stages_models.evaluate(workspace, trained["sft"], test, prompt=TOOLS)
    (chains,) = trials.header.parents
    recorded = workspace.find(chains, "chains").header.spec["identity"]["template"]
    assert recorded == short(content_id(template_of(TRLS)))


# --- it is said, once, and lint says the same


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_run_says_once_that_it_trains_with_trls(workspace, made, qwen3, kind):
    data = made["tools", kind].path
    words = ["--set", "batch=2", "--set", "max_tokens=9000", "--set", "seed=7"]
    result = invoke(workspace.root, "train", kind, data, "--student", qwen3, *words)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("TRL's training template takes its place") == 1


def test_lint_and_show_count_the_tokens_that_training_trains(workspace, made, qwen3):
    pairs, spec = made["tools", "dpo"], evolve(DPO, seed=3)
    run_record, _ = stages_training.train(workspace, "dpo", [pairs], qwen3, spec, name="n")
    (record,) = run_record.records
    counts = (record["tokens"], record["trained_tokens"])
    linted = linted_pairs(workspace, pairs, student=named(qwen3), spec=spec).report.trained
    assert (linted.tokens, linted.trained) == counts
    words = ("show", pairs.path, "--trained", "--student", qwen3, "--set", "max_tokens=9000")
    result = invoke(workspace.root, *words, "--json")
    shown = json.loads(result.stdout)["trained"]
    assert (shown["tokens"], shown["trained_tokens"]) == counts
    assert result.stderr.count("TRL's training template takes its place") == 1
    assert "{+<think>\\n\\n</think>\\n\\n<tool_call>\\n" in invoke(workspace.root, *words).stdout


# --- refused


@pytest.fixture(scope="module")
def counting(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("counting")
    save_tiny(folder, byte_tokenizer([COUNTING], COUNTING), scale=0.1)
    return f"path:{folder}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sft", ("train", "sft")),
        ("dpo", ("train", "dpo")),
        ("dpo", ("lint",)),
        ("sft", ("show", "--trained")),
        ("dpo", ("show", "--trained")),
    ],
)
def test_what_trl_does_not_know_is_refused_with_the_reason(workspace, made, counting, kind, words):
    result = invoke(
        workspace.root, *words, made["python", kind].path, "--student", counting, "--quiet"
    )
    refused(
        result,
        f"{counting}: its chat template is not prefix-preserving: what reads '2",
        "becomes '4",
        "when the next message is added; use a model whose template is",
    )


def test_a_template_that_fails_is_refused_with_what_it_says(tmp_path):
    save_tiny(tmp_path, byte_tokenizer([CHATML], template_of("gemma")))
    with pytest.raises(TrainingError, match=r"refuses the chat \(System role not supported\)"):
        training_tokenizer(named(f"path:{tmp_path}"), ["python"])


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_a_tokenizer_without_a_template_is_refused(tmp_path, grammar):
    save_tiny(tmp_path, byte_tokenizer([CHATML], None))
    with pytest.raises(ModelError, match="its tokenizer has no chat template"):
        training_tokenizer(named(f"path:{tmp_path}"), [grammar])


def test_where_trls_template_does_not_do_either_it_says_so(tmp_path):
    save_tiny(tmp_path, byte_tokenizer([CHATML], template_of("qwen3_5_think")))
    with pytest.raises(TrainingError, match="TRL's training template for it does not do either"):
        training_tokenizer(named(f"path:{tmp_path}"), ["python"])
