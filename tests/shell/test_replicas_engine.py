"""Several processes say what one says."""

from __future__ import annotations

import functools
import os

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Message, Reply
from fcpref.errors import ModelError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.replicas import Replicas, ReplicasEngine, _onward, _shortened
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.models import load_model, load_tokenizer
from tests.tiny_model import ascii_tokenizer, save_tiny

NOISY = Sampling(temperature=1.0, top_p=0.9, reply_tokens=8, seed=3)


def load(resolved, device):
    return load_model(resolved, dtype="float32", device=device).eval(), load_tokenizer(resolved)


def dying(*_):
    os._exit(9)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), ascii_tokenizer())


def openings(count: int) -> list[Request]:
    return [
        Request(job=f"p{n}/0", step=0, messages=(Message(role="user", content="Go. " * n),))
        for n in range(count)
    ]


def engine_of(tiny, loading=load, devices=("cpu", "cpu")) -> ReplicasEngine:
    return ReplicasEngine(
        Replicas(functools.partial(loading, tiny), devices),
        load_tokenizer(tiny),
        name="path:tiny",
        revision="1",
        sampling=NOISY,
        dtype="float32",
    )


def replies_of(engine) -> dict[tuple[str, int], Reply]:
    replies = {}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        replies[request.job, request.step] = reply
        if request.step == 2:
            return None
        told = (
            Message(role="assistant", content=reply.text),
            Message(role="user", content=str(len(reply.text))),
        )
        return Request(job=request.job, step=request.step + 1, messages=(*request.messages, *told))

    engine.run(openings(5), on_reply)
    return replies


def test_two_processes_say_what_one_says(tiny) -> None:
    alone = TransformersEngine(*load(tiny, "cpu"), name="path:tiny", revision="1", sampling=NOISY)
    together = engine_of(tiny)
    assert together.identity == alone.identity
    got = replies_of(together)
    assert got == replies_of(alone)
    assert len(got) == 15
    # The processes stay for the next run.
    processes = list(together._replicas._processes)
    assert replies_of(together) == got
    assert together._replicas._processes == processes
    # And end with what holds them, so that their memory is free for what comes after.
    del together
    for process in processes:
        process.join(30)
    assert not any(process.is_alive() for process in processes)


def test_chains_that_follow_others_and_chats_that_are_cut_are_asked_as_by_one(tiny) -> None:
    def replies(engine) -> dict[tuple[str, int], Reply]:
        got = {}

        def on_reply(request: Request, reply: Reply) -> Request | None:
            got[request.job, request.step] = reply
            job, _, sample = request.job.partition("/")
            told = Message(role="user", content=f"{len(reply.text)}?")
            if request.step == 2:
                # The chain's next sample begins anew, warmer.
                return (
                    None if sample == "1" else evolve(asked[job], job=f"{job}/1", temperature=2.0)
                )
            # Chats of two replies are cut to their beginning.
            messages = (*request.messages, told) if request.step else (asked[job].messages[0], told)
            return evolve(request, step=request.step + 1, messages=messages)

        asked = {f"p{n}": request for n, request in enumerate(openings(5))}
        engine.run(openings(5), on_reply)
        return got

    alone = TransformersEngine(*load(tiny, "cpu"), name="path:tiny", revision="1", sampling=NOISY)
    together = replies(engine_of(tiny))
    assert len(together) == 30
    assert together == replies(alone)


MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=3)),
    max_size=4,
).map(tuple)
REQUESTS = st.builds(
    Request, job=st.sampled_from("ab"), step=st.integers(0, 2), messages=MESSAGES,
    temperature=st.sampled_from([None, 0.5]),
)  # fmt: skip


@given(REQUESTS, REQUESTS, MESSAGES)
def test_what_follows_is_the_same_when_it_is_sent_short(request, other, added) -> None:
    assert _shortened(request, None) is None
    onward = evolve(request, step=request.step + 1, messages=(*request.messages, *added))
    assert _shortened(request, onward) == added
    short = _shortened(request, other)
    assert (_onward(request, short) if isinstance(short, tuple) else short) == other


def test_a_process_that_dies_is_told(tiny) -> None:
    with pytest.raises(ModelError, match="the process on cpu ended before its work did"):
        replies_of(engine_of(tiny, dying, ("cpu",)))


def test_what_a_process_refuses_is_told_in_its_words(tiny) -> None:
    long = Request(job="p/0", step=0, messages=(Message(role="user", content="x" * 5_000),))
    with pytest.raises(ModelError, match=r"path:tiny: a prompt has \d+ tokens .* its context 4096"):
        engine_of(tiny, devices=("cpu",)).run([long], lambda *_: pytest.fail("replied"))


def test_a_tokenizer_without_chat_template_is_refused() -> None:
    tokenizer = ascii_tokenizer(None)
    with pytest.raises(ModelError, match="has no chat template"):
        ReplicasEngine(
            Replicas(load, ("cpu",)), tokenizer, name="m", revision="", sampling=NOISY, dtype=""
        )
