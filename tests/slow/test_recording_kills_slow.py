"""50 runs killed at random moments, in the middle of lines too."""

from __future__ import annotations

import random
import sys
import time

import pytest

from tests.recording_runs import asked, result, start

if sys.platform == "win32":
    pytest.skip("needs SIGKILL", allow_module_level=True)

KILLS = 50
KILLS_A_RUN = 5


def test_50_kills_change_neither_the_recording_nor_the_chains(tmp_path):
    problems = ("--problems", 12)
    begin = time.monotonic()
    assert (whole := result(start(tmp_path / "whole", *problems, "--pause", 0.003)))[0] == 0
    seconds = time.monotonic() - begin
    replies = len(asked(tmp_path / "whole"))
    cut = 0
    for run in range(KILLS // KILLS_A_RUN):
        folder = tmp_path / str(run)
        for _ in range(KILLS_A_RUN):
            process = start(folder, *problems, "--pause", 0.003)
            # A run gets shorter by what is recorded; some moments are after its end.
            time.sleep(random.uniform(0, seconds / KILLS_A_RUN))
            process.kill()
            process.wait()
            found = [part.read_bytes() for part in folder.rglob("*.part")]
            cut += any(data and not data.endswith(b"\n") for data in found)
        assert result(start(folder, *problems)) == whole
        assert len(set(asked(folder))) == replies
        assert len(asked(folder)) <= replies + KILLS_A_RUN
    assert cut > 0
