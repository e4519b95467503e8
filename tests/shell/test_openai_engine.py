"""The openai engine: what it asks a server, and what it makes of the answers."""

from __future__ import annotations

import json
import signal
import threading
import time
import traceback
from itertools import count

import pytest

from fcpref.core.chains import Limits, Message, PromptSpec, Reply, schemas
from fcpref.core.functions import FailureCode, parse_tool_call, translate
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, EndpointError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.openai import Patience, Usage
from fcpref.shell.engines.openai_wire import api_key, one_line, valid_endpoint
from fcpref.shell.sampling import SamplePlan, sample_chains
from tests.chat_server import (
    KEY,
    MODEL,
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
    send,
    sends,
    serving,
    use_key,
    waits,
)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    use_key(monkeypatch)


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


# --- the `tools` grammar

TASK = find_task("math.word")
TOOLS = PromptSpec(detail="help", shots=1, grammar="tools")
SCHEMAS = schemas(TOOLS, TASK.toolbox)
CALL = {"name": "Add", "arguments": '{"a": 0.1, "b": "10/3"}'}


def tool_request():
    return Request(
        job="p/0",
        step=0,
        messages=(
            Message(role="user", content="Add."),
            Message(role="assistant", content='{"name": "Add", "arguments": {"a": 0.1}}'),
            Message(role="tool", content="Error: Add needs b"),
            Message(role="assistant", content="Well."),
            Message(role="user", content="Error: no"),
        ),
        tools=SCHEMAS,
    )


def calling(*tool_calls, content=None):
    """Return an answer with structured calls."""
    value = completion(content)
    value["choices"][0]["message"]["tool_calls"] = list(tool_calls)
    return lambda handler, _: send(handler, value)


def wire(function):
    return {"id": "chatcmpl-tool-1", "type": "function", "function": function}


def ask_for_call(behaviour, **settings):
    got = []
    with serving(behaviour) as endpoint:
        engine(endpoint, **settings).run([tool_request()], lambda _, reply: got.append(reply))
    (reply,) = got
    return reply


def test_a_tools_request_gives_functions_and_structured_turns():
    behaviour = Behaviour(calling(wire(CALL)))
    ask_for_call(behaviour)
    (body,) = behaviour.bodies
    assert body["tools"] == list(SCHEMAS)
    assert body["parallel_tool_calls"] is False
    # A line's end is no end here: calls may be written over several lines.
    assert "stop" not in body
    assert body["messages"] == [
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call00001",
                    "type": "function",
                    "function": {"name": "Add", "arguments": '{"a": 0.1}'},
                }
            ],
        },
        {"role": "tool", "content": "Error: Add needs b", "tool_call_id": "call00001"},
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": "Error: no"},
    ]


def test_a_structured_call_arrives_as_its_text_with_exact_numbers():
    reply = ask_for_call(Behaviour(calling(wire(CALL), content="I will add.")))
    assert reply == Reply(text='{"name": "Add", "arguments": {"a": 0.1, "b": "10/3"}}', tokens=7)


def test_a_python_request_takes_no_structured_call():
    replies, _ = ask(Behaviour(calling(wire(CALL), content="Add(a=1)\nmore")))
    assert replies["p/0"].text == "Add(a=1)"


@pytest.mark.parametrize("tool_calls", [None, [], {}, "x"])
@pytest.mark.parametrize(
    "said", ['<tool_call>\n{"name": "F", "arguments": {}}\n</tool_call>', "Hm.\n\nWell.\n"]
)
def test_without_structured_calls_the_whole_text_is_the_reply(tool_calls, said):
    value = completion(said)
    value["choices"][0]["message"]["tool_calls"] = tool_calls
    assert ask_for_call(Behaviour(sends(value))).text == said


@pytest.mark.parametrize(
    ("tool_calls", "code"),
    [
        ([wire(CALL), wire(CALL)], "several_calls"),
        ([wire({"name": "Add", "arguments": '{"a": 1'})], "unparseable"),
        ([wire({"name": "Add", "arguments": '{"a": NaN}'})], "unparseable"),
        ([wire({"name": "Add", "arguments": '{"a": "\\ud800"}'})], "unparseable"),
        ([wire({"name": "Add", "arguments": '{"a": 1}}\n{"name": "B"'})], "unparseable"),
        ([wire({"name": "Add", "arguments": 3})], "unparseable"),
        ([wire({"name": "Add", "arguments": '{"a": 1, "a": 2}'})], "extra_argument"),
        ([wire({"name": "Add", "arguments": '{"a": {"b": 1}}'})], "argument_type"),
        ([wire({"name": "Add", "arguments": "[" * 3_000})], "limit"),
        ([wire({"name": "Add", "arguments": '{"a": 1e999}'})], "limit"),
        ([wire({"name": "Add", "arguments": " " * 500_000})], "limit"),
        ([wire({"name": "a\ud800", "arguments": "{}"})], "not_a_call"),
        ([wire({"name": "os.system", "arguments": "{}"})], "not_a_call"),
        ([wire({"name": None, "arguments": "{}"})], "not_a_call"),
        ([wire(None)], "not_a_call"),
        ([None], "not_a_call"),
        ([[]], "not_a_call"),
    ],
)
def test_a_hostile_call_becomes_a_reply_that_fails_by_its_code(tool_calls, code):
    text = ask_for_call(Behaviour(calling(*tool_calls))).text
    text.encode()
    assert parse_tool_call(text).code == FailureCode(code)


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_server_that_takes_no_tools_is_told_from_other_trouble(status):
    trouble = sends({"error": {"message": "auto tool choice is off"}}, status=status)
    with pytest.raises(EndpointError) as caught:
        ask_for_call(Behaviour(trouble), patience=Patience(retries=0))
    hint = "if it takes no tools, start it with them or use the python grammar"
    assert "auto tool choice is off" in str(caught.value)
    assert str(caught.value).endswith(hint)
    assert hint not in failure(Behaviour(trouble), patience=Patience(retries=0))


class Solver(Behaviour):
    """A server that solves problems with structured calls, one slip first, and keeps to the API."""

    def __init__(self, problems):
        super().__init__(self.answer)
        self.solutions = {p.text: ["Fly()", *TASK.oracle(p)] for p in problems}

    def answer(self, handler, body):
        messages = body["messages"]
        called = None
        for message in messages:
            # A server refuses a result without its call, and a call without its result.
            assert message.get("tool_call_id") == called
            calls = message.get("tool_calls") or [{}]
            called = calls[0].get("id")
        start = max(i for i, m in enumerate(messages) if m["content"] in self.solutions)
        step = sum(m["role"] == "assistant" for m in messages[start:])
        solution = self.solutions[messages[start]["content"]]
        call = json.loads(translate(solution[step], "tools"))
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        calling(wire(function), content="")(handler, body)


def test_chains_of_structured_calls_are_solved_recorded_and_correct():
    problems = [TASK.generate({}, 4, "train", index) for index in range(3)]
    behaviour = Solver(problems)
    plan = SamplePlan(samples=2, prompt=TOOLS, limits=Limits())
    with serving(behaviour) as endpoint:
        chains = sample_chains(problems, engine(endpoint), plan)
    assert len(chains) == 6
    for chain, problem in zip(chains, [p for p in problems for _ in range(2)], strict=True):
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT
        assert chain.turns[0].outcome.code is FailureCode.UNKNOWN_FUNCTION
        assert chain.grammar == "tools"
    assert all(body["tools"] == list(SCHEMAS) for body in behaviour.bodies)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_chain_that_outgrows_the_context_does_not_end_the_run(status):
    said = "This model's maximum context length is 4096 tokens. However, you requested 5000."
    long = sends({"error": {"message": said}}, status=status)
    replies = []

    def on_reply(asked, reply):
        replies.append((asked.job, asked.step, reply.text))
        return request(asked.job, asked.step + 1) if asked.step < 2 else None

    with serving(Behaviour(says("Add(a=1, b=2)"), long, long, says("Answer(value='3')"))) as url:
        engine(url, concurrency=1).run([request("p/0"), request("p/1")], on_reply)

    assert replies[:3] == [("p/0", 0, "Add(a=1, b=2)"), ("p/0", 1, ""), ("p/0", 2, "")]
    assert {text for job, _, text in replies if job == "p/1"} == {"Answer(value='3')"}


def test_an_opening_that_outgrows_the_context_ends_it():
    said = {"error": {"message": "maximum context length is 4096 tokens"}}
    assert "show fewer examples" in failure(Behaviour(sends(said, status=400)))
