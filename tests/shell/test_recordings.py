"""Recordings: a broken-off run goes on where it stopped, and replay is strict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import (
    STUDENT,
    TEACHER,
    ChainState,
    Limits,
    Message,
    Reply,
    advance,
    begin,
    messages,
    render,
    schemas,
)
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, ReplayMissError
from fcpref.shell import recording_files
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording, read_part
from fcpref.shell.recordings import Recorded, expect_identity, seal
from fcpref.shell.reply_keys import ReplyKeys, opening_hash, reply_key
from fcpref.shell.sampling import sample_chains
from fcpref.shell.store import read_artifact, write_artifact
from tests.recorded import (
    IDENTITY,
    ITEM,
    PLAN,
    SAID,
    TASK,
    BrokenOffError,
    FakeEngine,
    Sealed,
    Unreachable,
    header,
    record,
    sealed_from,
    sealed_run,
    texts,
    word_problems,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO
    from pathlib import Path

    from fcpref.shell.engines.base import OnReply


@pytest.fixture
def sealed(tmp_path) -> Sealed:
    return sealed_run(tmp_path)


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
    item = ITEM
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


def test_a_recording_that_was_sealed_while_we_waited_for_the_lock_is_not_written_to(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "run.part"
    lock = recording_files._lock
    waited = []

    def wait(path: Path, file: FileIO) -> None:
        if not waited:
            # The other run removes the file that we have opened.
            path.unlink()
        waited.append(file)
        lock(path, file)

    monkeypatch.setattr(recording_files, "_lock", wait)
    with Recording(path) as recording:
        recording.append(ITEM)
    assert len(waited) == 2
    assert read_part(path)[1] == (ITEM,)


def test_the_first_reply_of_a_place_counts(tmp_path) -> None:
    path = tmp_path / "run.part"
    with Recording(path) as recording:
        recording.append(ITEM)
        recording.append(evolve(ITEM, text="Add(a=9, b=9)"))
    line = path.read_bytes()
    path.write_bytes(line + line.replace(b"a=1", b"a=7"))
    with Recording(path) as recording:
        assert list(recording.replies.values()) == [ITEM]


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


def test_a_file_says_what_it_records(tmp_path) -> None:
    path = tmp_path / "run.part"
    with Recording(path, header()) as recording:
        recording.append(ITEM)
    with Recording(path, header()) as recording:
        assert list(recording.replies.values()) == [ITEM]
    assert read_part(path) == (header(), (ITEM,))
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("cut", [0, 5, 400])
def test_a_file_killed_while_it_began_begins_again(tmp_path, cut) -> None:
    path = tmp_path / "run.part"
    Recording(path, header()).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] if cut < len(whole) else whole[:-1])
    Recording(path, header()).close()
    assert path.read_bytes() == whole


def test_a_growing_file_can_be_read_without_its_lock(tmp_path) -> None:
    path = tmp_path / "run.part"
    with Recording(path) as recording:
        recording.append(ITEM)
        with path.open("ab") as other:
            other.write(b'{"job": "half')
        assert read_part(path)[1] == (ITEM,)


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


@given(
    chats=st.lists(
        st.lists(
            st.builds(
                Message, role=st.sampled_from(["user", "assistant", "tool"]), content=texts()
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    ),
    jobs=st.lists(st.sampled_from(["p/0", "p/1", "q/0"]), min_size=6, max_size=6),
    tools=st.lists(st.booleans(), min_size=6, max_size=6),
    temperatures=st.lists(st.sampled_from([None, 0.0, -0.0, 1, 0.7]), min_size=6, max_size=6),
)
def test_keys_that_grow_with_the_chat_are_those_of_the_whole_chat(
    chats, jobs, tools, temperatures
) -> None:
    keys = ReplyKeys(IDENTITY)
    schema = schemas(evolve(TEACHER, grammar="tools"), TASK.toolbox)
    said: tuple[Message, ...] = ()
    for number, chat in enumerate(chats):
        # Mostly the chat goes on; a shorter one is another chain's, or one begun again.
        said = (*said, *chat) if number % 3 else tuple(chat)
        request = Request(
            job=jobs[number],
            step=number,
            messages=said,
            tools=schema if tools[number] else (),
            temperature=temperatures[number],
        )
        assert keys.of(request) == reply_key(IDENTITY, request)


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
