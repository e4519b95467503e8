"""The openai engine in trouble: what is tried again, what ends a run, and what is kept."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from fcpref.errors import ArtifactError, EndpointError
from fcpref.shell.engines.openai import Patience
from tests.chat_server import (
    Behaviour,
    ask,
    breaks_off,
    completion,
    drips,
    drops,
    engine,
    failure,
    request,
    says,
    sends,
    serving,
    waits,
)


@pytest.mark.parametrize(
    "trouble",
    [
        sends({"error": {"message": "busy"}}, status=429),
        sends({"detail": "down"}, status=503),
        sends(b"<html>", status=502),
        drops,
        breaks_off,
    ],
)
def test_passing_trouble_is_tried_again(trouble):
    replies, asking = ask(Behaviour(trouble, trouble, says("fine")))
    assert replies["p/0"].text == "fine"
    assert (asking.usage.requests, asking.usage.retries) == (3, 2)


def test_retry_after_is_honoured():
    start = time.monotonic()
    ask(Behaviour(sends({}, status=429, Retry_After="0.3"), says("fine")))
    assert 0.3 <= time.monotonic() - start < 3


@pytest.mark.parametrize(
    "text", ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "", "-5", "nan", "Mon, 99 Foo 2015"]
)
def test_a_retry_after_of_no_use_is_left_out(text):
    replies, _ = ask(Behaviour(sends({}, status=429, Retry_After=text), says("fine")))
    assert replies["p/0"].text == "fine"


@pytest.mark.parametrize("text", ["3600", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_for_too_long_a_wait_ends_the_run(text):
    said = failure(Behaviour(sends({"error": "quota"}, status=429, Retry_After=text)))
    assert "answered 429" in said
    assert "asks to wait" in said


def test_trouble_that_stays_ends_the_run():
    behaviour = Behaviour(sends({"error": {"message": "out of\n memory\x1b[31m"}}, status=500))
    text = failure(behaviour)
    assert "answered 500 (out of memory [31m), 3 times; look at the server's log" in text
    assert len(behaviour.bodies) == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends({"detail": "too long"}, status=400), "answered 400 (too long)"),
        (sends(b"nope", status=404), "answered 404 (nope)"),
        (sends(b"x" * 5000, status=422), "answered 422 (xxx"),
        (sends(b"<html>hello</html>"), "not JSON"),
        (sends(b""), "not JSON"),
        (sends(b"\xff\xfe"), "not JSON"),
        (sends(b"[" * 200_000), "not JSON"),
        (sends(b'{"n": ' + b"9" * 9000 + b"}"), "not JSON"),
        (sends({"choices": []}), "no choices"),
        (sends({"error": "but 200"}), "no choices"),
        (sends([1, 2]), "no choices"),
        (sends({"choices": [{"text": "of the old kind"}]}), "no choices"),
        (sends(completion("x" * 1_000_000)), "more than 1 MB"),
    ],
)
def test_useless_answers_are_not_asked_for_again(answer, said):
    behaviour = Behaviour(answer)
    text = failure(behaviour)
    assert said in text
    assert len(text) < 500
    assert len(behaviour.bodies) == 1


@pytest.mark.parametrize("slow", [waits(4), drips])
def test_a_request_times_out(slow):
    patience = Patience(retries=1, backoff=0.001, request=0.15)
    start = time.monotonic()
    text = failure(Behaviour(slow), patience=patience)
    assert "timed out after 0.15 s, 2 times" in text
    assert time.monotonic() - start < 3


def test_a_run_has_a_deadline():
    patience = Patience(retries=0, run=0.2)
    text = failure(Behaviour(says("x"), waits(2)), jobs=3, concurrency=1, patience=patience)
    assert "the run took longer than 0.2 s" in text


def test_dropped_connections_end_the_run_when_they_go_on():
    assert "dropped the connection, 3 times" in failure(Behaviour(drops))


def test_chains_that_ended_before_a_failure_were_handed_over():
    behaviour = Behaviour(says("fine"), says("fine"), sends({"detail": "no"}, status=400))
    done = []
    with serving(behaviour) as endpoint, pytest.raises(EndpointError):
        engine(endpoint, concurrency=1).run(
            [request(f"p/{index}") for index in range(4)], lambda asked, _: done.append(asked.job)
        )
    assert done == ["p/0", "p/1"]


def test_an_error_of_the_caller_comes_through_as_it_is():
    def on_reply(*_):
        message = "disk full"
        raise ArtifactError(message) from OSError("no space")

    with serving(Behaviour(says("x"))) as endpoint, pytest.raises(ArtifactError) as caught:
        engine(endpoint).run([request()], on_reply)
    assert isinstance(caught.value.__cause__, OSError)


def test_control_c_ends_a_run_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT])
    start = time.monotonic()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            ask(Behaviour(waits(3)), jobs=20)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 2.5
