"""The openai engine: what it asks a server, and what it makes of the answers."""

from __future__ import annotations

import threading

import pytest

from fcpref.core.chains import Reply
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai import Usage
from tests.chat_server import (
    MODEL,
    Behaviour,
    ask,
    completion,
    engine,
    request,
    says,
    sends,
    serving,
    waits,
)


def test_a_reply_arrives_with_its_tokens():
    replies, asking = ask(Behaviour(says("Add(a=1, b=2)")))
    assert replies == {"p/0": Reply(text="Add(a=1, b=2)", tokens=7)}
    assert asking.usage == Usage(requests=1, prompt_tokens=11, completion_tokens=7)


def test_the_request_says_how_to_sample():
    behaviour = Behaviour(says("x"))
    sampling = Sampling(temperature=0.7, top_p=0.9, reply_tokens=33, seed=5)
    ask(behaviour, jobs=2, sampling=sampling)
    body, other = sorted(behaviour.bodies, key=lambda body: body["seed"])
    assert 0 <= body["seed"] < other["seed"] < 2**31
    del body["seed"]
    assert body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Is it so?"}],
        "max_tokens": 33,
        "temperature": 0.7,
        "top_p": 0.9,
        "stop": ["\n"],
    }


def test_seeds_depend_on_root_job_and_step_only():
    def seeds(root, job, step):
        behaviour = Behaviour(says("x"))
        with serving(behaviour) as endpoint:
            asking = engine(endpoint, sampling=Sampling(seed=root))
            asking.run([request(job, step)], lambda *_: None)
        return behaviour.bodies[0]["seed"]

    variants = [(1, "p/0", 0), (2, "p/0", 0), (1, "p/1", 0), (1, "p/0", 1)]
    assert seeds(*variants[0]) == seeds(*variants[0])
    assert len({seeds(*variant) for variant in variants}) == len(variants)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("\n\nAdd(a=1)\nAdd(a=2)", "Add(a=1)"),
        ("Add(a=1)\r\nmore", "Add(a=1)"),
        (" Add(a=1) ", " Add(a=1) "),
        ("", ""),
        ("\n", ""),
        ("a\ud800b", "a?b"),
    ],
)
def test_a_reply_is_one_line(said, text):
    replies, _ = ask(Behaviour(says(said)))
    assert replies["p/0"].text == text


def test_a_reply_without_content_is_empty():
    replies, _ = ask(Behaviour(sends({"choices": [{"message": {"role": "assistant"}}]})))
    assert replies["p/0"].text == ""


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 1, "completion_tokens": 2**70}])
def test_tokens_are_guessed_when_the_server_does_not_count(usage):
    replies, asking = ask(Behaviour(sends(completion("x" * 40) | {"usage": usage})))
    assert replies["p/0"].tokens == 11
    assert asking.usage.completion_tokens == 11


def test_chains_go_on_until_there_is_no_following_request():
    behaviour = Behaviour(
        lambda handler, body: says(body["messages"][-1]["content"])(handler, body)
    )
    seen = []

    def on_reply(asked, reply):
        seen.append((asked.job, asked.step, reply.text, threading.get_ident()))
        return None if asked.step == 3 else request(asked.job, asked.step + 1, f"{asked.step + 1}")

    with serving(behaviour) as endpoint:
        engine(endpoint).run([request("p/0", 0, "0"), request("p/1", 2, "2")], on_reply)
    steps = sorted(seen)
    assert [(job, step, text) for job, step, text, _ in steps] == [
        *(("p/0", step, str(step)) for step in range(4)),
        *(("p/1", step, str(step)) for step in (2, 3)),
    ]
    assert len({thread for *_, thread in seen}) == 1


def test_nothing_to_ask_asks_nothing():
    engine("http://127.0.0.1:1/v1").run([], lambda *_: None)


def test_concurrency_is_bounded_and_used():
    behaviour = Behaviour(waits(0.1))
    replies, _ = ask(behaviour, jobs=12, concurrency=3)
    assert len(replies) == 12
    assert behaviour.peak == 3
