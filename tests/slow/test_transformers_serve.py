"""The openai engine against `transformers serve`, for what the fast tests have no time for."""

from __future__ import annotations

import pytest

from fcpref.core.chains import Message, PromptSpec, render, schemas
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Request
from fcpref.shell.templates import render_chat
from tests.shell.test_transformers_serve import engine, run_chains, serving, student_folder
from tests.tiny_model import QWEN, byte_tokenizer, save_tiny


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_greedy_chains_do_not_depend_on_how_many_run_at_once(tmp_path):
    folder = student_folder()
    with serving(folder, tmp_path) as (endpoint, _):
        together = run_chains(engine(endpoint, str(folder), concurrency=3), count=3, calls=3)
        alone = run_chains(engine(endpoint, str(folder), concurrency=1), count=3, calls=3)
    assert together == alone
    assert [len(chain.turns) for chain in alone] == [3, 3, 3]


def test_a_server_that_goes_down_ends_the_run_and_keeps_what_came(tmp_path):
    folder = student_folder()
    kept = []
    with serving(folder, tmp_path) as (endpoint, server):

        def on_reply(request, reply):
            kept.append(reply.text)
            server.terminate()
            server.wait()
            return request

        message = Message(role="user", content="Add(a=1, b=2)")
        with pytest.raises(EndpointError, match=r"cannot be reached .*, 2 times; start the server"):
            engine(endpoint, str(folder)).run(
                [Request(job="p/0", step=0, messages=(message,))], on_reply
            )
    assert len(kept) == 1


def test_a_real_server_takes_functions_calls_and_results(tmp_path):
    tokenizer = byte_tokenizer([QWEN], QWEN)
    task = find_task("math.word")
    spec = PromptSpec(detail="help", shots=1, grammar="tools")
    opening = render(spec, task.toolbox, task.exemplars[1].problem, task.exemplars)
    tools = schemas(spec, task.toolbox)
    got = []
    folder = save_tiny(tmp_path / "tiny", tokenizer).folder
    with serving(folder, tmp_path) as (endpoint, _):
        asking = engine(endpoint, str(folder))
        asked = Request(job="p/0", step=0, messages=opening, tools=tools)
        asking.check([asked])  # it shows them to the model
        before = asking.usage.prompt_tokens
        asking.run([asked], lambda _, reply: got.append(reply))
    # The worked example's calls and results, and all functions, are in what the model read.
    expected = len(tokenizer(render_chat(tokenizer, opening, tools))["input_ids"])
    assert asking.usage.prompt_tokens - before == expected
    assert len(got) == 1
