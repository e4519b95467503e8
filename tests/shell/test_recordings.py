"""Recordings: a broken-off run goes on where it stopped, and replay is strict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen

from fcpref.core.chains import STUDENT, TEACHER, Chain, Limits, Message, Reply, schemas
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, ReplayMissError
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.recordings import (
    Recorded,
    Recording,
    RecordingEngine,
    expect_identity,
    opening_hash,
    recording_header,
    reply_key,
    seal,
)
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.store import Artifact, read_artifact, write_artifact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fcpref.shell.engines.base import OnReply

TASK = find_task("math.word")
IDENTITY = {"engine": "fake", "model": "path:fake", "revision": "1", "sampling": "greedy"}
PLAN = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=6))


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


@pytest.fixture
def sealed(tmp_path) -> Sealed:
    problems = word_problems()
    chains = record(tmp_path / "run.part", FakeEngine(problems), problems)
    artifact = sealed_from(tmp_path, tmp_path / "run.part")
    return Sealed(problems=problems, chains=chains, artifact=artifact)


@pytest.mark.parametrize("stop_after", [0, 1, 2, 5, 6, 7, 11, 15])
def test_a_resumed_run_asks_for_the_rest_and_seals_the_same_artifact(
    tmp_path, sealed, stop_after
) -> None:
    path = tmp_path / "broken.part"
    first = FakeEngine(sealed.problems, stop_after)
    with pytest.raises(BrokenOffError):
        record(path, first, sealed.problems)
    second = FakeEngine(sealed.problems)
    chains = record(path, second, sealed.problems)
    uninterrupted = FakeEngine(sealed.problems)
    record(tmp_path / "whole.part", uninterrupted, sealed.problems)
    assert chains == sealed.chains
    assert sorted(first.asked + second.asked) == sorted(uninterrupted.asked)
    assert sealed_from(tmp_path / "again", path).id == sealed.artifact.id


def test_a_finished_recording_asks_for_nothing(tmp_path, sealed) -> None:
    with Recording(tmp_path / "run.part") as recording:
        chains = sample_chains(sealed.problems, RecordingEngine(Unreachable(), recording), PLAN)
    assert chains == sealed.chains


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_cut_last_line_is_dropped_and_asked_for_again(tmp_path, sealed, cut) -> None:
    path = tmp_path / "run.part"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    engine = FakeEngine(sealed.problems)
    assert record(path, engine, sealed.problems) == sealed.chains
    assert len(engine.asked) == 1
    assert path.read_bytes() == whole


def test_a_damaged_line_inside_is_an_error_that_names_it(tmp_path, sealed) -> None:
    path = tmp_path / "run.part"
    lines = path.read_bytes().split(b"\n")
    damaged = b"\n".join([*lines[:2], b"\xff" + lines[2], *lines[3:]])
    path.write_bytes(damaged)
    with pytest.raises(
        ArtifactError, match=r"line 3: .*; remove that line and run again"
    ) as caught:
        record(path, FakeEngine(sealed.problems), sealed.problems)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == damaged


def test_a_second_writer_is_refused_and_harms_nothing(tmp_path, sealed) -> None:
    path = tmp_path / "run.part"
    before = path.read_bytes()
    with Recording(path):
        with pytest.raises(ArtifactError, match="another run is writing this recording"):
            Recording(path)
        assert path.read_bytes() == before
    with Recording(path) as recording:
        assert len(recording.replies) == len(read_artifact(sealed.artifact.path).records)


def test_a_full_disk_keeps_what_was_recorded(tmp_path) -> None:
    path = tmp_path / "run.part"
    item = Recorded(job="a/0", step=0, key="k", opening="o", text="Add(a=1, b=2)", tokens=3)
    with Recording(path) as recording:
        recording.append(item)
        recording._file.close()
        recording._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - a disk without space
        with pytest.raises(ArtifactError, match="free space and run again"):
            recording.append(evolve(item, key="l"))
        assert set(recording.replies) == {("a/0", "k")}
    with Recording(path) as recording:
        assert recording.replies == {("a/0", "k"): item}


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be opened for recording"):
        Recording(tmp_path / "file" / "run.part")


def test_replay_gives_the_same_chains(sealed) -> None:
    engine = ReplayEngine(read_artifact(sealed.artifact.path))
    assert engine.identity == IDENTITY
    assert sample_chains(sealed.problems, engine, PLAN) == sealed.chains
    assert {chain.source for chain in sealed.chains} == {"fake:path:fake"}


def miss(sealed: Sealed, problems: Sequence[Problem], plan: SamplePlan = PLAN) -> str:
    with pytest.raises(ReplayMissError) as caught:
        sample_chains(problems, ReplayEngine(sealed.artifact), plan)
    message = str(caught.value)
    assert str(sealed.artifact.path) in message
    assert "\n" not in message
    return message


def test_a_changed_prompt_is_named(sealed) -> None:
    message = miss(sealed, sealed.problems, evolve(PLAN, prompt=TEACHER))
    assert "step 0; the opening messages differ" in message


def test_a_changed_result_of_an_earlier_call_is_named(sealed) -> None:
    def altered(item: Recorded) -> Recorded:
        other = item.job == f"{problem_id(sealed.problems[0])}/0" and item.step == 0
        return evolve(item, text="Add(a=1, b=1)") if other else item

    values = [altered(item) for item in sealed.artifact.values(Recorded)]
    spec = dict(sealed.artifact.header.spec)
    changed = write_artifact(sealed.artifact.path.parent, "recording", values, spec=spec)
    message = miss(evolve(sealed, artifact=changed), sealed.problems)
    assert "step 1; the messages before it differ" in message


def test_another_call_grammar_is_another_opening(sealed) -> None:
    tools = evolve(PLAN, prompt=evolve(STUDENT, grammar="tools"))
    message = miss(sealed, sealed.problems, tools)
    assert "step 0; the opening messages differ" in message


SAID = (
    Message(role="system", content="Add(a, b)"),
    Message(role="user", content="How many?"),
    Message(role="assistant", content="Add(a=1, b=2)"),
    Message(role="user", content="3"),
)


def test_keys_of_python_replies_are_those_of_before_there_were_two_grammars() -> None:
    request = Request(job="p/0", step=0, messages=SAID)
    assert reply_key({"engine": "fake"}, request) == "58f907705db875aa41c358ff68cfda07"
    assert opening_hash(request) == "4d1ed235d327"


def test_a_key_depends_on_the_function_schemas() -> None:
    spec = evolve(TEACHER, grammar="tools")
    tools = schemas(spec, TASK.toolbox), schemas(spec, find_task("fol.deduction").toolbox)
    brief = schemas(evolve(spec, detail="signatures"), TASK.toolbox)
    requests = [Request(job="p/0", step=0, messages=SAID, tools=t) for t in ((), *tools, brief)]
    assert len({reply_key(IDENTITY, request) for request in requests}) == 4
    assert len({opening_hash(request) for request in requests}) == 4


def test_a_sample_that_was_not_recorded_is_named(sealed) -> None:
    message = miss(sealed, sealed.problems, evolve(PLAN, samples=3))
    assert "sample 2, step 0; only samples 0, 1 were recorded" in message


def test_a_chain_that_was_recorded_under_tighter_limits_is_named(tmp_path, sealed) -> None:
    tight = evolve(PLAN, limits=Limits(calls=1))
    with Recording(tmp_path / "tight.part") as recording:
        sample_chains(
            sealed.problems, RecordingEngine(FakeEngine(sealed.problems), recording), tight
        )
    short = sealed_from(tmp_path / "tight", tmp_path / "tight.part")
    message = miss(evolve(sealed, artifact=short), sealed.problems)
    assert "step 1; the recorded chain ends earlier" in message


def test_a_problem_that_was_not_recorded_is_named(sealed) -> None:
    message = miss(sealed, word_problems(4)[3:])
    assert "this problem was not recorded" in message


def test_another_identity_is_named_by_component(sealed) -> None:
    expect_identity(sealed.artifact, IDENTITY)
    wanted = {**IDENTITY, "revision": "2", "sampling": "temperature 1"}
    with pytest.raises(ReplayMissError) as caught:
        expect_identity(sealed.artifact, wanted)
    assert str(caught.value) == (
        f"{sealed.artifact.path}: revision is '1', wanted '2'; "
        "sampling is 'greedy', wanted 'temperature 1'"
    )


def test_an_artifact_without_identity_cannot_be_replayed(tmp_path) -> None:
    bare = write_artifact(tmp_path, "recording", [])
    with pytest.raises(ArtifactError, match="no identity"):
        ReplayEngine(bare)


def test_a_problem_given_twice_counts_once(sealed) -> None:
    engine = FakeEngine(sealed.problems)
    assert sample_chains((*sealed.problems, sealed.problems[0]), engine, PLAN) == sealed.chains
