"""Recordings: a broken-off run goes on where it stopped, and what is written stays whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fcpref.errors import ArtifactError, ReplayMissError
from fcpref.shell import recording_files
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording, read_part
from fcpref.shell.recordings import expect_identity
from fcpref.shell.sampling import sample_chains
from fcpref.shell.store import read_artifact, write_artifact
from tests.recorded import (
    IDENTITY,
    ITEM,
    PLAN,
    BrokenOffError,
    FakeEngine,
    Sealed,
    Unreachable,
    header,
    record,
    sealed_from,
    sealed_run,
)

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path


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
