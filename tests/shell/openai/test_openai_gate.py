"""How many requests of the openai engine are under way at once, and when all of them rest."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from itertools import pairwise

import pytest

from fcpref.errors import EndpointError
from fcpref.shell.engines.openai import Patience
from fcpref.shell.engines.openai_account import Account
from fcpref.shell.engines.openai_gate import Gate
from tests.chat_server import (
    Behaviour,
    ask,
    engine,
    request,
    says,
    send,
    sends,
    serving,
)


def paced(steps, most=16):
    """Run some steps with a gate."""

    async def go():
        gate = Gate(most, Account())
        await steps(gate)
        return gate

    return asyncio.run(go())


def test_a_burst_of_refusals_halves_once():
    async def steps(gate):
        turns = [await gate.enter(0) for _ in range(16)]
        for turn in turns:
            gate.leave(turn, "busy")

    assert paced(steps).allowed == 8


def test_refusals_in_a_row_halve_down_to_one():
    async def steps(gate):
        for _ in range(10):
            turns = [await gate.enter(0) for _ in range(int(gate.allowed))]
            for turn in turns:
                gate.leave(turn, "busy")
            assert gate.allowed >= 1

    assert paced(steps).allowed == 1


def test_half_of_what_was_under_way_not_of_what_was_allowed():
    async def steps(gate):
        turns = [await gate.enter(0) for _ in range(4)]
        for turn in turns:
            gate.leave(turn, "busy")

    assert paced(steps, most=256).allowed == 2


def test_a_round_of_answers_adds_one_up_to_the_most():
    grown = []

    async def steps(gate):
        gate.allowed = 4.0
        for _ in range(20):
            turns = [await gate.enter(0) for _ in range(int(gate.allowed))]
            for turn in turns:
                gate.leave(turn, "answered")
            grown.append(gate.allowed)

    assert paced(steps, most=10).allowed == 10
    assert 4.8 < grown[0] <= 5
    assert all(after - before <= 1 for before, after in pairwise(grown))


def test_other_failures_change_nothing():
    async def steps(gate):
        gate.allowed = 4.0
        gate.leave(await gate.enter(0), "failed")

    assert paced(steps).allowed == 4


def test_nobody_enters_beyond_what_is_allowed_and_all_get_their_turn():
    inside, most_inside, done = [0], [0], []

    async def steps(gate):
        async def one(name):
            turn = await gate.enter(0)
            inside[0] += 1
            most_inside[0] = max(most_inside[0], inside[0])
            await asyncio.sleep(0.001)
            inside[0] -= 1
            gate.leave(turn, *(("answered",) if name % 7 else ("busy", 0.002)))
            done.append(name)

        await asyncio.wait_for(asyncio.gather(*(one(name) for name in range(100))), 10)

    paced(steps, most=5)
    assert most_inside[0] == 5
    assert sorted(done) == list(range(100))


class Narrow(Behaviour):
    """A server that answers few requests at once and refuses the others."""

    def __init__(self, room, status=429):
        super().__init__(self.answer)
        self.room, self.status, self.refused = room, status, 0

    def answer(self, handler, body):
        if self.now > self.room:
            with self.lock:
                self.refused += 1
            send(handler, {"error": {"message": "busy"}}, status=self.status)
        else:
            time.sleep(0.01)
            says("fine")(handler, body)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_with_little_room_is_used_as_far_as_it_goes(status):
    """Without retries: to be crowded out is no failure while others are answered."""
    behaviour = Narrow(room=3, status=status)
    patience = Patience(retries=1, backoff=0.005, request=10, run=30)
    replies, asking = ask(behaviour, jobs=150, concurrency=48, patience=patience)
    assert len(replies) == 150
    assert asking.usage.retries == behaviour.refused
    # The first rounds teach the limit; without learning it nearly every attempt is refused.
    assert behaviour.refused < 150


def test_refusals_of_requests_that_had_the_server_to_themselves_are_counted():
    counts = []

    async def steps(gate):
        for outcome in ("busy", "busy", "failed", "answered", "busy"):
            gate.leave(await gate.enter(0), outcome)
            counts.append(gate.refusals)
        together = await gate.enter(0)
        gate.allowed = 2
        gate.leave(await gate.enter(0), "busy")
        gate.leave(together, "answered")
        counts.append(gate.refusals)

    paced(steps)
    assert counts == [1, 2, 2, 0, 1, 0]


def test_everybody_rests_longer_after_each_of_them():
    rests = []

    async def steps(gate):
        gate._backoff = 0.02
        for _ in range(3):
            turn = await gate.enter(0)
            start = time.monotonic()
            gate.leave(turn, "busy")
            gate.leave(await gate.enter(0), "failed")
            rests.append(time.monotonic() - start)

    paced(steps)
    assert [rest >= 0.019 * 2**n for n, rest in enumerate(rests)] == [True] * 3


def test_a_server_that_only_refuses_ends_the_run():
    behaviour = Behaviour(sends({"error": {"message": "no quota"}}, status=429))
    patience = Patience(retries=2, backoff=0.001)
    with serving(behaviour) as endpoint, pytest.raises(EndpointError, match=r"429 \(no quota\)"):
        engine(endpoint, patience=patience, concurrency=4).run(
            [request(f"p/{index}") for index in range(8)], lambda *_: None
        )
    assert len(behaviour.bodies) <= 12


class Resting(Behaviour):
    """A server that wants to be left alone after its fifth request."""

    def __init__(self, **headers):
        super().__init__(self.answer)
        self.headers, self.asked_at, self.times = headers, 0.0, []

    def answer(self, handler, body):
        with self.lock:
            self.times.append(time.monotonic())
            resting = len(self.times) == 5
        if resting:
            send(handler, {}, status=429, **self.headers)
            self.asked_at = time.monotonic()
        else:
            time.sleep(0.02)
            says("fine")(handler, body)

    def first_after(self):
        """Return how long nobody came; those that were on their way are let pass."""
        return min(t for t in self.times if t > self.asked_at + 0.1) - self.asked_at


def test_a_retry_after_is_heeded_by_every_chain():
    behaviour = Resting(Retry_After="0.6")
    replies, _ = ask(behaviour, jobs=40, concurrency=4)
    assert len(replies) == 40
    assert 0.55 <= behaviour.first_after() < 2


def test_a_retry_after_may_be_a_date():
    behaviour = Resting(Retry_After=formatdate(time.time() + 2, usegmt=True))
    replies, _ = ask(behaviour, jobs=12, concurrency=4)
    assert len(replies) == 12
    assert 0.8 <= behaviour.first_after() < 4  # a date has whole seconds


def test_a_long_rest_is_told_once():
    told = []
    behaviour = Behaviour(sends({}, status=429, Retry_After="30"))
    patience = Patience(retries=5, run=0.5)
    with serving(behaviour) as endpoint, pytest.raises(EndpointError, match=r"longer than 0\.5 s"):
        engine(endpoint, patience=patience, concurrency=8, note=told.append).run(
            [request(f"p/{index}") for index in range(8)], lambda *_: None
        )
    assert [text.removeprefix(endpoint) for text in told] == [" asks to wait 30 s; waiting"]


def test_requests_that_wait_too_long_slow_the_others_down():
    """As on a server that queues more than it can answer in time."""

    class Queueing(Behaviour):
        def answer(self, handler, body):
            time.sleep(0.02 * self.now)
            says("fine")(handler, body)

    behaviour = Queueing()
    behaviour.answers = (behaviour.answer,)
    patience = Patience(retries=8, backoff=0.01, request=0.25)
    replies, asking = ask(behaviour, jobs=40, concurrency=32, patience=patience)
    assert len(replies) == 40
    assert asking.usage.retries < 100
