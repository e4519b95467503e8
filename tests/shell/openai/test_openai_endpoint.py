"""The openai engine's endpoint: its URL, its models and the key, which is never shown."""

from __future__ import annotations

import traceback
from itertools import count

import pytest

from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai_wire import api_key, one_line, valid_endpoint
from tests.chat_server import (
    KEY,
    MODEL,
    Behaviour,
    ask,
    drops,
    engine,
    failure,
    says,
    send,
    sends,
    serving,
)


def test_check_accepts_a_listed_model_without_asking_it():
    behaviour = Behaviour(says("x"))
    with serving(behaviour) as endpoint:
        engine(endpoint).check()
    assert behaviour.bodies == []


@pytest.mark.parametrize("models", [None, ()])
def test_check_asks_for_a_token_where_there_is_no_list(models):
    behaviour = Behaviour(says("x", model="whatever"))
    behaviour.models = models
    with serving(behaviour) as endpoint:
        engine(endpoint).check()
    assert [body["max_tokens"] for body in behaviour.bodies] == [1]


def test_check_accepts_transformers_serve_which_lists_its_cache():
    behaviour = Behaviour(says("x", model=f"{MODEL}@main"))
    behaviour.models = ("some/other",)
    with serving(behaviour) as endpoint:
        engine(endpoint).check()


def test_check_survives_a_connection_that_is_closed_after_an_error():
    class Uvicorn(Behaviour):
        def listing(self, handler):
            handler.spoiled = True
            send(handler, {"detail": "no cache"}, status=500)

        def asked(self, handler, body):
            (drops if hasattr(handler, "spoiled") else says("x"))(handler, body)

    with serving(Uvicorn()) as endpoint:
        engine(endpoint).check()


def check_failure(behaviour):
    with serving(behaviour) as endpoint, pytest.raises(EndpointError) as caught:
        engine(endpoint).check()
    return str(caught.value).removeprefix(f"{endpoint} ")


def test_check_names_the_models_of_a_server_that_serves_others():
    behaviour = Behaviour(says("x"))  # as llama.cpp does: answers to any name
    behaviour.models = ("teacher", "critic")
    assert check_failure(behaviour).startswith("serves teacher, critic, not student; ")


def test_check_tells_what_a_server_says_about_an_unknown_model():
    behaviour = Behaviour(sends({"error": {"message": "no model student"}}, status=404))
    behaviour.models = ("teacher",)
    assert check_failure(behaviour).startswith("answered 404 (no model student); ")


def test_check_says_that_a_server_is_down():
    with pytest.raises(EndpointError) as caught:
        engine("http://127.0.0.1:1/v1").check()
    assert str(caught.value) == (
        "http://127.0.0.1:1/v1 cannot be reached (connection refused); "
        "start the server, or correct the endpoint"
    )


def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_down():
    with serving(Behaviour(says("x"))) as endpoint, pytest.raises(EndpointError) as caught:
        engine(endpoint.replace("http:", "https:")).check()
    assert "cannot be reached over TLS" in str(caught.value)


def test_the_key_is_sent_and_never_shown(caplog):
    caplog.set_level(0)
    echo = sends({"error": {"message": f"{'x' * 180} bad key: Bearer {KEY}"}}, status=401)
    behaviour = Behaviour(echo)
    text = failure(behaviour)
    assert behaviour.keys == [f"Bearer {KEY}"]
    assert "FCPREF_API_KEY" in text
    asking = engine("http://127.0.0.1:1/v1")
    shown = f"{text} {asking!r} {dict(asking.identity)} {caplog.text}"
    assert KEY[:6] not in shown


def test_the_key_is_not_in_the_traceback_either():
    echo = sends({"error": {"message": f"bad key {KEY}"}}, status=401)
    with pytest.raises(EndpointError) as caught:
        ask(Behaviour(echo))
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("own", "general", "expected"),
    [(None, None, "none"), ("", " ", "none"), (None, "g", "g"), ("o", "g", "o"), ("k\n", "g", "k")],
)
def test_where_the_key_comes_from(monkeypatch, own, general, expected):
    for name, value in (("FCPREF_API_KEY", own), ("OPENAI_API_KEY", general)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert api_key() == expected


@pytest.mark.parametrize("value", ["sk-\u00e9", "sk-\x01", "sk a\nb"])
def test_a_key_that_no_header_carries_is_refused_unseen(monkeypatch, value):
    monkeypatch.setenv("FCPREF_API_KEY", value)
    with pytest.raises(EndpointError) as caught:
        engine("http://127.0.0.1:1/v1").check()
    assert value not in str(caught.value)


def test_texts_are_cut_after_the_key_is_taken_out():
    numbers = count()
    text = "".join(f"{KEY}{next(numbers)}" for _ in range(40))
    assert "sk-" not in one_line(text)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "localhost:8000/v1",
        "ftp://host/v1",
        "http:///v1",
        "http://host:99999/v1",
        "http://host:x/v1",
        "http://[::1/v1",
        f"http://user:{KEY}@host/v1",
        f"http://host/v1?key={KEY}",
        "http://ho st/v1",
        "http://host/v1\n",
    ],
)
def test_an_endpoint_is_a_plain_http_url(endpoint):
    with pytest.raises(EndpointError) as caught:
        engine(endpoint)
    assert KEY not in str(caught.value)


def test_a_slash_at_the_end_of_an_endpoint_makes_no_difference():
    assert valid_endpoint("https://[::1]:8000/v1/") == "https://[::1]:8000/v1"


def test_identity_is_the_same_at_every_endpoint():
    sampling = Sampling(temperature=0.5, seed=3)
    one, other = (engine(f"http://{host}/v1", sampling=sampling) for host in ("a", "b"))
    assert one.identity == other.identity
    assert one.identity == {
        "engine": "openai",
        "model": "student",
        "revision": "",
        "template": "server",
        "sampling": "temperature 0.5, top_p 1, reply_tokens 96, seed 3",
    }
