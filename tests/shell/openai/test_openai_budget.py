"""What runs of the openai engine use and cost, and how a budget ends them."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import pytest

from fcpref.core.chains import STUDENT, Chain, Limits
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import EndpointError, UsageError
from fcpref.shell import stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai import Patience, Prices, Usage
from fcpref.shell.engines.openai_account import Account
from fcpref.shell.engines.openai_gate import Gate
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_chains import model_chains
from fcpref.shell.workspace import Workspace
from tests.chat_server import (
    QUICK,
    Behaviour,
    ask,
    completion,
    drops,
    engine,
    request,
    says,
    send,
    sends,
    serving,
)

PRICES = Prices(prompt=1000, completion=5000)  # an answer of `completion` costs 0.046
COST = 0.046


def test_usage_counts_retries_and_what_tokens_cost():
    trouble = sends({}, status=500)
    _, asking = ask(Behaviour(trouble, trouble, says("x")), jobs=2, concurrency=1, prices=PRICES)
    assert asking.usage == Usage(
        requests=4, retries=2, prompt_tokens=22, completion_tokens=14, cost=pytest.approx(2 * COST)
    )


def test_without_prices_there_is_no_cost():
    _, asking = ask(Behaviour(says("x")))
    assert asking.usage.cost is None


def test_prices_of_nothing_cost_nothing():
    _, asking = ask(Behaviour(says("x")), prices=Prices(prompt=0, completion=0))
    assert asking.usage.cost == 0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_price_is_a_number_from_0_up(value):
    with pytest.raises(ValueError, match="a price is 0 or more"):
        Prices(prompt=value, completion=1)


def test_a_budget_needs_prices():
    with pytest.raises(UsageError, match="give --price-in and --price-out"):
        engine("http://127.0.0.1:1/v1", budget=1)


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_budget_is_above_0(value):
    with pytest.raises(ValueError, match="budget"):
        engine("http://127.0.0.1:1/v1", budget=value, prices=PRICES)


class Counted(Behaviour):
    """A server that counts what it charges: all of a prompt's bytes, and the reply in full."""

    def __init__(self, tokens=20):
        super().__init__(self.answer)
        self.tokens, self.charged = tokens, 0.0

    def answer(self, handler, body):
        time.sleep(0.005)
        usage = {
            "prompt_tokens": sum(len(m["content"]) + 4 for m in body["messages"]),
            "completion_tokens": min(self.tokens, body["max_tokens"]),
        }
        with self.lock:
            self.charged += PRICES.of(*usage.values())
        send(handler, completion("x") | {"usage": usage})


@pytest.mark.parametrize("concurrency", [1, 16])
@pytest.mark.parametrize("tokens", [1, 20])
def test_a_budget_is_nearly_used_and_never_exceeded(concurrency, tokens):
    behaviour, got, budget = Counted(tokens), [], 3.0
    sampling = Sampling(reply_tokens=20)
    with serving(behaviour) as endpoint:
        asking = engine(
            endpoint, prices=PRICES, budget=budget, concurrency=concurrency, sampling=sampling
        )
        with pytest.raises(EndpointError, match="the budget of 3 is used up") as caught:
            asking.run(
                [request(f"p/{index}") for index in range(500)], lambda _, reply: got.append(reply)
            )
    assert behaviour.charged == pytest.approx(asking.usage.cost)
    # One request's most is its bytes and 20 tokens.
    assert budget - 0.5 < behaviour.charged <= budget
    # Nothing that was paid for is thrown away.
    assert len(got) == len(behaviour.bodies) == asking.usage.requests
    assert f"{asking.usage.requests} requests cost {asking.usage.cost:.4g}" in str(caught.value)
    assert "run the same command again" in str(caught.value)


def test_a_budget_that_suffices_changes_nothing():
    replies, asking = ask(Counted(), jobs=20, prices=PRICES, budget=100)
    assert len(replies) == 20
    assert asking.usage.cost < 100


def test_answers_that_got_lost_are_held_against_the_budget():
    behaviour = Behaviour(drops)
    patience = Patience(retries=50, backoff=0.0)
    with serving(behaviour) as endpoint:
        asking = engine(endpoint, prices=PRICES, budget=3, patience=patience)
        with pytest.raises(EndpointError, match=r"got lost up to [12]\.\d+ more"):
            asking.run([request()], lambda *_: None)
    assert asking.usage.cost == 0
    assert 1 < len(behaviour.bodies) < 20


def test_nothing_begins_any_more_when_a_budget_has_ended_the_run():
    """It would be paid for and cut short."""

    async def run():
        account = Account(prices=Prices(prompt=1e6, completion=1e6), budget=10)
        gate = Gate(4, account)
        first = await gate.enter(8)
        others = [asyncio.create_task(gate.enter(most)) for most in (9, 3)]
        await asyncio.sleep(0)
        account.release(8, lost=False)
        account.prompt_tokens = 4  # so that 3 would be left for the second of them
        gate.leave(first, "answered")
        return await asyncio.gather(*others, return_exceptions=True)

    assert [type(came) for came in asyncio.run(run())] == [EndpointError] * 2


class Teacher(Behaviour):
    """A server that solves problems by the oracle's calls."""

    def __init__(self, problems):
        super().__init__(self.answer)
        task = find_task("math.word")
        self.solutions = {problem.text: task.oracle(problem) for problem in problems}

    def answer(self, handler, body):
        solution = self.solutions[body["messages"][1]["content"]]
        step = sum(message["role"] == "assistant" for message in body["messages"])
        usage = {"prompt_tokens": 300, "completion_tokens": 20}
        send(handler, completion(solution[step]) | {"usage": usage})


def test_a_run_that_ended_by_its_budget_goes_on_where_it_stopped(tmp_path):
    workspace = Workspace(tmp_path / "artifacts")
    problems = stages.make_problems(workspace, "math.word", "train", 12)
    values = problems.values(Problem)
    behaviour = Teacher(values)
    plan = SamplePlan(samples=1, prompt=STUDENT, limits=Limits())
    calls = sum(len(solution) for solution in behaviour.solutions.values())
    chains, runs = None, 0
    with serving(behaviour) as endpoint:
        while chains is None:
            asking = engine(endpoint, prices=PRICES, budget=4, patience=QUICK)
            runs += 1
            assert runs < 30
            with suppress(EndpointError):
                chains = model_chains(workspace, problems, asking, plan)
            assert asking.usage.cost <= 4
    assert runs > 1
    # No call was paid for twice.
    assert len({json.dumps(body["messages"]) for body in behaviour.bodies}) == calls
    assert len(behaviour.bodies) == calls
    task = find_task("math.word")
    by_id = {problem_id(problem): problem for problem in values}
    scores = [task.score(chain, by_id[chain.problem]) for chain in chains.values(Chain)]
    assert len(scores) == 12
    assert {score.verdict for score in scores} == {Verdict.CORRECT}
