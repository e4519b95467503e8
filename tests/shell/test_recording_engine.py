"""Chains that follow one another, fall silent or share their words are recorded and replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, ChainState, Limits, Reply, advance, begin, messages, render
from fcpref.core.problems import Problem, problem_id
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded, seal
from fcpref.shell.sampling import sample_chains
from tests.recorded import (
    IDENTITY,
    PLAN,
    SAID,
    TASK,
    FakeEngine,
    Sealed,
    Unreachable,
    header,
    sealed_run,
    word_problems,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.engines.base import OnReply


@pytest.fixture
def sealed(tmp_path) -> Sealed:
    return sealed_run(tmp_path)


def test_problems_of_the_same_words_keep_their_own_replies(tmp_path) -> None:
    first = word_problems(1)[0]
    problems = (first, evolve(first, index=first.index + 1))

    class Counting(FakeEngine):
        """Replies otherwise to each job."""

        def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
            for number, request in enumerate(requests):
                on_reply(request, Reply(text=f"Add(a={number}, b=1)"))

    plan = evolve(PLAN, limits=Limits(calls=1))
    with Recording(tmp_path / "run.part") as recording:
        live = RecordingEngine(Counting(problems), recording)
        chains = sample_chains(problems, live, plan)
    artifact = seal(tmp_path, live.reached.values(), header())
    assert len({chain.turns[0].reply for chain in chains}) == 4
    assert sample_chains(problems, ReplayEngine(artifact), plan) == chains


class Relay:
    """Asks for a problem's second chain once its first one has ended, in the first one's place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.states: dict[str, ChainState] = {}
        for problem in problems:
            opening = render(STUDENT, TASK.toolbox, problem)
            for sample in range(PLAN.samples):
                state = begin(TASK.toolbox, problem, opening, PLAN.limits)
                self.states[f"{problem_id(problem)}/{sample}"] = state

    def first(self, sample: int) -> list[Request]:
        return [self.request(job) for job in self.states if job.endswith(f"/{sample}")]

    def request(self, job: str) -> Request:
        state = self.states[job]
        return Request(job=job, step=len(state.turns), messages=messages(state))

    def on_reply(self, request: Request, reply: Reply) -> Request | None:
        state = self.states[request.job] = advance(self.states[request.job], reply)
        if state.stop is None:
            return self.request(request.job)
        problem, _, sample = request.job.rpartition("/")
        other = f"{problem}/{int(sample) + 1}"
        return self.request(other) if other in self.states else None


@pytest.mark.parametrize("known", [0, 1, 5, 9, 13, 17, 100])
def test_a_chain_that_follows_another_is_answered_from_the_recording_first(
    tmp_path, sealed, known
) -> None:
    path = tmp_path / "relay.part"
    recorded = sealed.artifact.values(Recorded)
    with Recording(path) as recording:
        for item in sorted(recorded, key=lambda one: (one.job[::-1], one.step))[:known]:
            recording.append(item)
        relay = Relay(sealed.problems)
        engine = FakeEngine(sealed.problems)
        live = RecordingEngine(engine, recording)
        live.run(relay.first(0), relay.on_reply)
    assert len(engine.asked) == max(0, len(recorded) - known)
    assert sorted(live.reached.values(), key=str) == sorted(recorded, key=str)
    assert all(state.stop for state in relay.states.values())


def test_a_chain_that_follows_another_is_replayed(sealed) -> None:
    relay = Relay(sealed.problems)
    engine = ReplayEngine(sealed.artifact)
    engine.run(relay.first(0), relay.on_reply)
    assert all(state.stop for state in relay.states.values())
    assert set(engine.reached.values()) == set(sealed.artifact.values(Recorded))


def test_a_thousand_chains_can_follow_one_another(tmp_path) -> None:
    count = 1_100
    said = Reply(text="No")

    def on_reply(request: Request, _: Reply) -> Request | None:
        number = int(request.job[1:-2]) + 1
        return evolve(request, job=f"p{number}/0") if number < count else None

    class Once:
        identity = IDENTITY

        def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
            request: Request | None = requests[0]
            while request is not None:
                request = on_reply(request, said)

    first = Request(job="p0/0", step=0, messages=SAID)
    for engine in (Once(), Unreachable()):
        with Recording(tmp_path / "run.part") as recording:
            RecordingEngine(engine, recording).run([first], on_reply)
            assert len(recording.replies) == count
    artifact = seal(tmp_path, recording.replies.values(), header())
    replay = ReplayEngine(artifact)
    replay.run([first], on_reply)
    assert len(replay.reached) == count


class Falls(FakeEngine):
    """Has nothing more to say after two replies of each chain."""

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        def at_most_two(request: Request, reply: Reply) -> Request | None:
            following = on_reply(request, reply)
            return following if request.step < 1 else None

        super().run(requests, at_most_two)


def test_an_engine_that_falls_silent_is_recorded_and_replayed_so(tmp_path) -> None:
    problems = word_problems()
    path = tmp_path / "run.part"
    with Recording(path) as recording:
        live = RecordingEngine(Falls(problems), recording)
        chains = sample_chains(problems, live, PLAN)
    with Recording(path) as recording:
        again = sample_chains(problems, RecordingEngine(Unreachable(), recording), PLAN)
    artifact = seal(tmp_path, live.reached.values(), header())
    assert "silent" in {chain.stop for chain in chains}
    assert again == chains
    assert sample_chains(problems, ReplayEngine(artifact), PLAN) == chains


def test_half_a_character_is_heard_as_it_is_recorded(tmp_path) -> None:
    problems = word_problems(1)

    class Half(FakeEngine):
        def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
            for request in requests:
                following = on_reply(request, Reply(text="Reasoning(thought='\ud83d')"))
                assert following is not None
                on_reply(following, Reply(text="Answer(value=1)"))

    with Recording(tmp_path / "run.part") as recording:
        live = RecordingEngine(Half(problems), recording)
        chains = sample_chains(problems, live, PLAN)
    assert chains[0].turns[0].reply == "Reasoning(thought='?')"
    artifact = seal(tmp_path, live.reached.values(), header())
    assert sample_chains(problems, ReplayEngine(artifact), PLAN) == chains
