"""The openai engine in the `tools` grammar: functions asked with, structured calls read."""

from __future__ import annotations

import json

import pytest

from fcpref.core.chains import Limits, Message, PromptSpec, Reply, schemas
from fcpref.core.functions import FailureCode, parse_tool_call, translate
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.openai import Patience
from fcpref.shell.sampling import SamplePlan, sample_chains
from tests.chat_server import (
    Behaviour,
    ask,
    completion,
    engine,
    failure,
    request,
    says,
    send,
    sends,
    serving,
)

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
