"""How the openai engine asks: what a request may change, and what it learns from refusals."""

from __future__ import annotations

import pytest

from fcpref.core.chains import PromptSpec, Reply, schemas
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Sampling
from tests.chat_server import (
    KEY,
    Behaviour,
    ask,
    engine,
    request,
    says,
    send,
    serving,
)

TASK = find_task("math.word")
TOOLS = schemas(PromptSpec(detail="help", grammar="tools"), TASK.toolbox)


def test_a_request_may_have_a_temperature_of_its_own():
    behaviour = Behaviour(says("x"))
    own = [(0, None), (1, 0.0), (2, 1.3)]
    with serving(behaviour) as endpoint:
        engine(endpoint, concurrency=1, sampling=Sampling(temperature=0.7)).run(
            [request(f"p/{sample}", temperature=heat) for sample, heat in own], lambda *_: None
        )
    assert [body["temperature"] for body in behaviour.bodies] == [0.7, 0.0, 1.3]


def test_a_chain_may_be_followed_by_another_whose_seeds_are_its_own():
    def seeds(order):
        behaviour = Behaviour(says("x"))
        waiting = list(order)

        def on_reply(asked, _):
            if asked.step == 0:
                return request(asked.job, 1, "go on", temperature=asked.temperature)
            return request(waiting.pop(0), temperature=0.5) if waiting else None

        with serving(behaviour) as endpoint:
            engine(endpoint).run([request(waiting.pop(0), temperature=0.5)], on_reply)
        return [body["seed"] for body in behaviour.bodies]

    there, back = seeds(["p/0", "q/0", "r/0"]), seeds(["r/0", "q/0", "p/0"])
    assert len(set(there)) == 6
    assert back == [*there[4:], *there[2:4], *there[:2]]


class Picky(Behaviour):
    """A server that refuses a parameter by name."""

    def __init__(self, *refused, status=400, say=None):
        super().__init__(self.answer)
        self.refused, self.status = refused, status
        self.say = say or (lambda name: {"error": {"message": f"Unknown parameter: '{name}'."}})

    def answer(self, handler, body):
        named = [name for name in self.refused if name in body]
        if named:
            send(handler, self.say(named[0]), status=self.status)
        else:
            says("Add(a=1)\nmore")(handler, body)


SAYINGS = {
    "openai": lambda name: {
        "error": {
            "message": f"Unsupported parameter: '{name}' is not supported with this model.",
            "type": "invalid_request_error",
            "param": name,
            "code": "unsupported_parameter",
        }
    },
    "pydantic": lambda name: {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": 5,
            }
        ]
    },
    "transformers": lambda name: {"detail": f"Unexpected fields in the request: {{'{name}'}}"},
    "plain": lambda name: f"unrecognized field {name}".encode(),
}


@pytest.mark.parametrize("parameter", ["seed", "stop"])
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("saying", SAYINGS)
def test_an_unknown_parameter_is_left_out_from_then_on_and_told_once(parameter, status, saying):
    told = []
    behaviour = Picky(parameter, status=status, say=SAYINGS[saying])
    replies, asking = ask(behaviour, jobs=10, concurrency=1, note=told.append)
    assert {reply.text for reply in replies.values()} == {"Add(a=1)"}
    assert (asking.usage.requests, asking.usage.retries) == (11, 1)
    assert [parameter in body for body in behaviour.bodies] == [True] + [False] * 10
    (said,) = told
    assert parameter in said
    assert said.startswith("http://127.0.0.1:")
    assert KEY not in said


def test_several_unknown_parameters_are_learnt_one_after_the_other():
    told = []
    behaviour = Picky("seed", "stop")
    replies, _ = ask(behaviour, jobs=12, concurrency=6, note=told.append)
    assert len(replies) == 12
    assert len(told) == 2
    assert {"seed", "stop"}.isdisjoint(behaviour.bodies[-1])


def test_parallel_tool_calls_are_left_out_too():
    told = []
    behaviour = Picky("parallel_tool_calls")
    with serving(behaviour) as endpoint:
        engine(endpoint, note=told.append).run([request(tools=TOOLS)], lambda *_: None)
    assert ["parallel_tool_calls" in body for body in behaviour.bodies] == [True, False]
    assert behaviour.bodies[1]["tools"] == list(TOOLS)
    assert "parallel_tool_calls" in told[0]


def test_the_limit_of_tokens_goes_by_its_newer_name_where_the_old_one_is_refused():
    def say(_):
        return {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
            }
        }

    behaviour = Picky("max_tokens", say=say)
    replies, _ = ask(behaviour, sampling=Sampling(reply_tokens=33))
    assert replies == {"p/0": Reply(text="Add(a=1)", tokens=7)}
    assert behaviour.bodies[1]["max_completion_tokens"] == 33


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "the prompt is too long; stop sending so much"),
        (400, "max_tokens is too large, this model's context has 4096 tokens"),
        (400, "unknown model"),
        (400, "unsupported value: temperature"),
        (404, "unknown seed"),
        (500, "unknown seed"),
    ],
)
def test_other_refusals_teach_nothing(status, message):
    told = []
    behaviour = Behaviour(lambda handler, _: send(handler, {"detail": message}, status=status))
    with serving(behaviour) as endpoint, pytest.raises(EndpointError):
        engine(endpoint, note=told.append).run([request()], lambda *_: None)
    assert told == []
    assert all("seed" in body and "stop" in body for body in behaviour.bodies)


def test_a_server_that_refuses_whatever_is_left_out_ends_the_run():
    behaviour = Behaviour(
        lambda handler, _: send(handler, {"detail": "unknown seed and stop"}, status=400)
    )
    with serving(behaviour) as endpoint, pytest.raises(EndpointError, match="unknown seed and"):
        engine(endpoint).run([request()], lambda *_: None)
    assert len(behaviour.bodies) == 3


def test_what_was_learnt_holds_for_the_next_run():
    behaviour = Picky("seed")
    with serving(behaviour) as endpoint:
        asking = engine(endpoint)
        asking.check([request()])
        asking.run([request()], lambda *_: None)
    assert ["seed" in body for body in behaviour.bodies] == [True, False, False]
