"""Runs that are killed, run twice at once, or find the disk full: nothing is lost or lied about."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest

from tests.recording_runs import PLACES, ROOT, asked, launch, result, start

if sys.platform == "win32":
    pytest.skip("needs SIGKILL and flock", allow_module_level=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: its folder, and the ids of its recording and chains."""
    folder = tmp_path_factory.mktemp("whole")
    status, ids = result(start(folder))
    assert status == 0
    return folder, ids


def test_a_run_killed_at_random_ends_as_an_uninterrupted_one(whole, tmp_path):
    kills = 3
    for _ in range(kills):
        process = start(tmp_path, "--pause", 0.01)
        time.sleep(random.uniform(0.05, 0.25))
        process.kill()
        process.wait()
    assert result(start(tmp_path)) == (0, whole[1])
    # One request is under way at a time, so each kill costs one reply at most.
    assert len(set(asked(tmp_path))) == len(asked(whole[0]))
    assert len(asked(tmp_path)) <= len(asked(whole[0])) + kills


@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_between_sealing_and_the_end_asks_for_nothing_again(whole, tmp_path, place):
    status, _ = result(start(tmp_path, "--die-after", place))
    assert status == -9
    assert result(start(tmp_path)) == (0, whole[1])
    assert len(asked(tmp_path)) == len(asked(whole[0]))
    assert not list(tmp_path.rglob("*.part"))


def test_a_second_process_is_refused_while_the_first_one_records(whole, tmp_path):
    first = start(tmp_path, "--pause", 0.05)
    while not list(tmp_path.rglob("*.part")):
        time.sleep(0.01)
    status, said = result(start(tmp_path))
    assert status == 2
    assert ".part: another run is writing this recording; wait for it" in said
    assert result(first) == (0, whole[1])
    assert len(asked(tmp_path)) == len(asked(whole[0]))


def test_of_processes_that_start_at_once_one_records(whole, tmp_path):
    results = [result(one) for one in [launch(tmp_path, "--pause", 0.01) for _ in range(3)]]
    assert (0, whole[1]) in results
    for status, said in results:
        assert (status, said) == (0, whole[1]) or "another run is writing" in said
    assert len(asked(tmp_path)) == len(asked(whole[0]))


FULL = """
import resource, signal, sys
from pathlib import Path
from fcpref.errors import ArtifactError
from fcpref.shell.recording_files import Recording, read_part
from fcpref.shell.recordings import Recorded

path, room = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
item = dict(step=0, key="k", opening="o", text="Add(a=1, b=2)", tokens=3)
with Recording(path) as recording:
    recording.append(Recorded(job="a/0", **item))
    # Now there is room for a part of the next line only.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, resource.RLIM_INFINITY))
    try:
        recording.append(Recorded(job="b/0", **item))
    except ArtifactError as error:
        print(error)
    assert path.read_bytes().endswith(b"\\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recording.append(Recorded(job="c/0", **item))
assert [one.job for one in read_part(path)[1]] == ["a/0", "c/0"]
"""


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_disk_that_fills_within_a_line_leaves_whole_lines(tmp_path, room):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "x.part"), str(room)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "free space and run again, what was recorded is kept" in done.stdout
