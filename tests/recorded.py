"""A small run and its recording, for the tests of recordings, replay and the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, Chain, Limits, Message, Reply
from fcpref.core.functions import translate
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded, recording_header, seal
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.store import Artifact, Header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fcpref.shell.engines.base import OnReply, Request

TASK = find_task("math.word")
IDENTITY = {"engine": "fake", "model": "path:fake", "revision": "1", "sampling": "greedy"}
PLAN = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=6))
ITEM = Recorded(job="a/0", step=0, key="k", opening="o", text="Add(a=1, b=2)", tokens=3)


def header() -> Header:
    return recording_header(identity=IDENTITY, parents=("sha256:0",), spec={"samples": 2})


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


class BrokenOffError(Exception):
    """The fake engine's way to die."""


class FakeEngine:
    """Gives the oracle's replies, those of odd samples with one slip; dies after some replies."""

    identity = IDENTITY

    def __init__(self, problems: Sequence[Problem], stop_after: int | None = None) -> None:
        self.solutions = {problem_id(p): ("Nonsense", *TASK.oracle(p)) for p in problems}
        self.stop_after = stop_after
        self.asked: list[tuple[str, int]] = []

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        queue = list(requests)
        while queue:
            request = queue.pop(0)
            if len(self.asked) == self.stop_after:
                raise BrokenOffError
            self.asked.append((request.job, request.step))
            problem, _, sample = request.job.rpartition("/")
            text = self.solutions[problem][request.step + 1 - int(sample) % 2]
            text = translate(text, "tools" if request.tools else "python")
            following = on_reply(request, Reply(text=text, tokens=request.step + 3))
            queue.extend([following] if following else [])


class Unreachable:
    """An engine that must not be asked."""

    identity = IDENTITY

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        raise AssertionError(requests, on_reply)


@frozen(kw_only=True)
class Sealed:
    problems: tuple[Problem, ...]
    chains: tuple[Chain, ...]
    artifact: Artifact


def word_problems(count: int = 3) -> tuple[Problem, ...]:
    assert TASK.generate is not None
    return tuple(TASK.generate({}, 5, "train", index) for index in range(count))


def record(path: Path, engine: FakeEngine, problems: Sequence[Problem]) -> tuple[Chain, ...]:
    with Recording(path) as recording:
        return sample_chains(problems, RecordingEngine(engine, recording), PLAN)


def sealed_from(folder: Path, path: Path) -> Artifact:
    with Recording(path) as recording:
        header = recording_header(identity=IDENTITY, parents=(), spec={"samples": 2})
        return seal(folder, recording.replies.values(), header)


def sealed_run(folder: Path) -> Sealed:
    """Record a run in a folder and seal it."""
    problems = word_problems()
    chains = record(folder / "run.part", FakeEngine(problems), problems)
    artifact = sealed_from(folder, folder / "run.part")
    return Sealed(problems=problems, chains=chains, artifact=artifact)


SAID = (
    Message(role="system", content="Add(a, b)"),
    Message(role="user", content="How many?"),
    Message(role="assistant", content="Add(a=1, b=2)"),
    Message(role="user", content="3"),
)
