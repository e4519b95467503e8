"""The paper's profiles: their code path with a small random Mistral, and Mistral's templates."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING

import pytest
import torch
from attrs import evolve
from tokenizers import Tokenizer, models, normalizers
from transformers import PreTrainedTokenizerFast

from fcpref.core.chains import (
    STUDENT,
    Chain,
    Limits,
    Message,
    Reply,
    advance,
    begin,
    finish,
    render,
)
from fcpref.core.evaluation import Trial
from fcpref.core.pairs import PreferencePair
from fcpref.core.tasks import find_task
from fcpref.core.training import RunRecord
from fcpref.errors import EndpointError, ModelError, TrainingError, UsageError
from fcpref.shell import profiles
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.packed_rows import collate, pack, table
from fcpref.shell.pipeline import run_profile
from fcpref.shell.profiles import FOLDER, load_profile
from fcpref.shell.resolving import resolve
from fcpref.shell.templates import lead_of, render_chat
from fcpref.shell.tokens import encode_chain
from fcpref.shell.trained_forward import score_trained_only
from tests.command_line import invoke, made_by
from tests.mistral import FIRST, V2, V3, mistral_tokenizer, save_mistral
from tests.sharded_stages import serving
from tests.shell.test_pipeline import artifacts
from tests.teacher_server import KEY
from tests.tiny_model import CHATML, byte_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

TASK = find_task("math.word")
# What differs from the paper's scale.
SMALL = {
    "hub:mistralai/Mistral-7B-Instruct-v0.2": "path:STUDENT",
    '"meta-llama/Meta-Llama-3-70B-Instruct"\nend': '"teacher"\nend',
    'task = "fol.deduction"': 'task = "math.word"',
    "knobs.max_depth = 5\n": "",
    "count = 1000": "count = 4",
    "count = 300": "count = 2",
    "batch = 16": "batch = 2\nlora.rank = 4",
    "max_tokens = 1536": "max_tokens = 4000",
    "[evaluation.limits]\ncalls = 20": "[evaluation.limits]\ncalls = 2\nreply_tokens = 8",
}


def problem(index: int = 0):
    assert TASK.generate is not None
    return TASK.generate({}, 0, "train", index)


def played(replies, index: int = 0) -> Chain:
    state = begin(TASK.toolbox, problem(index), (), Limits())
    for text in replies:
        state = advance(state, Reply(text=text))
    return finish(state, "test", 0)


def opening() -> tuple[Message, ...]:
    return render(STUDENT, TASK.toolbox, problem())


@pytest.fixture(scope="module", params=[None, 64], ids=["", "window"])
def student(request, tmp_path_factory):
    """Return a Mistral that knows the words of the problems; its window is far below a chain."""
    folder = tmp_path_factory.mktemp("mistral")
    texts = [message.content for message in opening()]
    save_mistral(folder, mistral_tokenizer(texts, size=600), window=request.param)
    return resolve(ModelName.parse(f"path:{folder}"))


@pytest.fixture
def small(student, tmp_path):
    text = (FOLDER / "paper.toml").read_text(encoding="utf-8")
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    profile = tmp_path / "small.toml"
    profile.write_text(text.replace("STUDENT", str(student.folder)))
    return profile


def chains_command() -> list[str]:
    """Return the arguments of `fcpref chains` in the profile's comment."""
    text = (FOLDER / "paper.toml").read_text(encoding="utf-8").replace("\\\n#", "")
    (line,) = (one for one in text.splitlines() if one.startswith("#     fcpref chains"))
    return line.split()[2:]


def command(root: Path, words: list[str]):
    return invoke(root, *words, "--quiet", "--json")


@pytest.mark.usefixtures("cache")
def test_the_papers_profile_runs_from_a_live_teacher_to_the_report(tmp_path, small, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FCPREF_API_KEY", KEY)
    root = tmp_path / "artifacts"
    with serving() as (endpoint, server):
        monkeypatch.setenv("FCPREF_ENDPOINT", endpoint)
        outcome = run_profile(str(small), root, quiet=True)
    assert server.keys == {f"Bearer {KEY}"}
    chains = artifacts(root, "chains", Chain)
    taught = [chain for chain in chains if chain.source == "openai:teacher"]
    assert len(taught) == 4 * 4
    body = json.loads(server.asked[0])
    assert (body["temperature"], body["model"]) == (0.8, "teacher")
    assert len(body["messages"]) > 8  # with worked examples
    pairs = artifacts(root, "pairs", PreferencePair)
    assert {pair.chosen.source for pair in pairs} == {"openai:teacher"}
    (record,) = artifacts(root, "run", RunRecord)
    assert (record.kind, record.rows, record.start) == ("dpo", len(pairs), "")
    assert record.metrics["rewards/margins"][0] == pytest.approx(0, abs=0.05)
    assert len(artifacts(root, "trials", Trial)) == 2 * 2 * 5
    assert (outcome.adapter / "adapter_model.safetensors").is_file()
    assert KEY not in "".join(
        path.read_text(errors="replace") for path in root.rglob("*") if path.is_file()
    )
    # The commands that the profile's comment names ask for the same. And without the server, what
    # it has said is there.
    monkeypatch.setenv("FCPREF_ENDPOINT", "http://127.0.0.1:1/v1")
    asked = made_by(command(root, ["problems", "math.word", "--count", "4"]))
    words = [
        word.replace("PROBLEMS", asked["id"].removeprefix("sha256:")[:12])
        .replace("meta-llama/Meta-Llama-3-70B-Instruct", "teacher")
        .replace("http://127.0.0.1:8000/v1", endpoint)
        for word in chains_command()
    ]
    again = made_by(command(root, words))
    assert len(set(again["path"].splitlines())) == 1
    assert len(artifacts(root, "chains", Chain)) == len(chains)
    assert run_profile(str(small), root, quiet=True).text == outcome.text


@pytest.mark.usefixtures("cache")
def test_without_its_server_the_profile_says_so(tmp_path, small, monkeypatch):
    monkeypatch.setenv("FCPREF_API_KEY", KEY)
    monkeypatch.setenv("FCPREF_ENDPOINT", "http://127.0.0.1:1/v1")
    with pytest.raises(EndpointError):
        run_profile(str(small), tmp_path / "artifacts", quiet=True)
    monkeypatch.delenv("FCPREF_ENDPOINT")
    small.write_text(small.read_text().replace("endpoint = ", "# endpoint = "))
    with pytest.raises(UsageError, match="endpoint"):
        run_profile(str(small), tmp_path / "artifacts", quiet=True)


def test_both_profiles_are_one_but_for_the_bits_of_the_frozen_weights():
    plain, quantised = load_profile("paper"), load_profile("paper-qlora")
    assert quantised.dpo.lora.quantised == "nf4"
    lora = evolve(quantised.dpo.lora, quantised="no")
    assert evolve(quantised, name="paper", dpo=evolve(quantised.dpo, lora=lora)) == plain
    assert profiles.Source().engine == ""


def test_packed_chains_longer_than_the_window_have_the_log_probabilities_of_their_own(student):
    tokenizer = load_tokenizer(student)
    oracle = TASK.oracle(problem())
    both = [
        encode_chain(tokenizer, opening(), chain, [True] * len(chain.turns))
        for chain in (played(oracle), played((oracle[0], "Fly()", "Answer(value=1)")))
    ]
    assert min(one.length for one in both) > 128
    model = load_model(student, dtype="float32", device="cpu")
    expected = []
    for one in both:
        with torch.no_grad():
            logps = model(input_ids=torch.tensor([one.ids])).logits[0].log_softmax(-1)
        places = [len(one.prompt) + n for n, carries in enumerate(one.mask) if carries]
        expected.append(sum(logps[place - 1, one.ids[place]].item() for place in places))
    score_trained_only(model)
    batch = collate([[pack(*both)]], pad=0)
    with torch.no_grad():
        found = model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            segments=batch["segments"],
            trained=(batch["rows"], batch["columns"], batch["targets"]),
        )
    sums = table(found.log_probs, batch, int(batch["places"].max()) + 1).sum(1)
    assert sums.tolist() == pytest.approx(expected, rel=1e-4)


def test_what_is_trained_is_what_mistrals_template_prints():
    chain = played(("Add(a=1, b=2)", "Fly()", "Answer(value=3)"))
    tokenizer = mistral_tokenizer([chain.turns[0].reply])
    row = encode_chain(tokenizer, opening(), chain, [True, False, True])
    trained = [t for t, carries in zip(row.completion, row.mask, strict=True) if carries]
    assert tokenizer.decode(trained) == " Add(a=1, b=2)</s> Answer(value=3)</s>"
    chat = list(opening())
    for turn in chain.turns:
        chat += [Message(role="assistant", content=turn.reply)]
        chat += [Message(role="user", content=turn.outcome.text)]
    whole = render_chat(tokenizer, chat[:-1], prompt=False)
    assert tokenizer.decode(row.ids) == whole
    assert tuple(tokenizer(whole, add_special_tokens=False)["input_ids"]) == row.ids


def test_a_vocabulary_that_opens_texts_with_a_space_says_no_second_one():
    letters = sorted({*string.printable[:95], "\u2581"} - {" "})
    names = ("<unk>", "<s>", "</s>", *letters)
    plain = Tokenizer(models.BPE({one: n for n, one in enumerate(names)}, []))
    plain.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    plain.add_special_tokens(["<s>", "</s>"])
    marks = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, **marks)
    tokenizer.chat_template = V2
    row = encode_chain(tokenizer, opening(), played(("Answer(value=3)",)), [True])
    pieces = tokenizer.convert_ids_to_tokens(row.completion)
    assert "".join(pieces) == "\u2581Answer(value=3)</s>"


@pytest.mark.parametrize(
    ("template", "lead"), [(V2, " "), (V3, " "), (FIRST, ""), (CHATML, ""), ("{{ 1 / 0 }}", "")]
)
def test_the_space_before_a_reply_is_found(template, lead):
    assert lead_of(byte_tokenizer((), template)) == lead


def test_the_templates_space_is_no_part_of_a_reply(student):
    tokenizer = load_tokenizer(student)
    (space,) = tokenizer(" ")["input_ids"]
    model = load_model(student, dtype="float32", device="cpu")
    asked: list[Request] = []
    engine = TransformersEngine(
        model, tokenizer, name="m", revision="1", sampling=Sampling(reply_tokens=3)
    )
    head = model.get_output_embeddings()
    head.forward = lambda hidden: torch.nn.functional.one_hot(
        torch.full(hidden.shape[:-1], space), len(tokenizer)
    ).float()
    request = Request(job="a", step=0, messages=opening())

    def on_reply(_, reply):
        asked.append(reply.text)

    engine.run([request], on_reply)
    assert asked == ["  "]  # of three spaces one is the template's


@pytest.mark.parametrize(
    ("template", "error", "said"),
    [
        (V3, TrainingError, "not prefix-preserving"),
        (FIRST, ModelError, "refuses the chat .Conversation roles must alternate.*system message"),
    ],
)
def test_templates_that_cannot_be_trained_say_why(template, error, said):
    tokenizer = mistral_tokenizer((), template)
    chain = played(("Add(a=1, b=2)", "Answer(value=3)"))
    with pytest.raises(error, match=said):
        encode_chain(tokenizer, opening(), chain, [True, True])
