"""The command line as a process: it starts fast, ends with one line and without a traceback."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fcpref.cli import INTERRUPTED

if TYPE_CHECKING:
    from pathlib import Path

START = [sys.executable, "-c", "from fcpref.cli import main; main()"]


def start(*words, **options):
    return subprocess.run(
        [*START, *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_is_quick_and_loads_nothing_heavy():
    def seconds():
        begin = time.perf_counter()
        assert start("--help").returncode == 0
        return time.perf_counter() - begin

    median = statistics.median(seconds() for _ in range(3))

    # 0.3 s is the aim on an idle machine, which a test cannot ask for.
    assert median < 1
    look = (
        "import sys, fcpref, fcpref.cli; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "scipy", "sympy", "httpx2", "attrs", "rich"} & set(loaded)


def test_a_process_fails_with_one_line(tmp_path):
    result = start("chains", "none.jsonl", cwd=tmp_path)

    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def reading_calls(folder: Path) -> subprocess.Popen[str]:
    """Start a process that executes calls as they come."""
    return subprocess.Popen(
        [*START, "call", "math.word"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


def test_a_reader_that_leaves_is_no_error(tmp_path):
    calls = "Add(a=2, b=3)\n" * 20_000
    process = reading_calls(tmp_path)
    process.stdout.close()
    try:
        process.stdin.write(calls)
        process.stdin.close()
    except BrokenPipeError:
        pass
    process.wait(timeout=60)

    assert process.stderr.read() == ""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_exits_with_130(tmp_path):
    process = reading_calls(tmp_path)
    process.stdin.write("Add(a=2, b=3)\n")
    process.stdin.flush()
    assert process.stdout.readline() == '{"text": "5", "code": null}\n'
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert (130, [f"fcpref: {INTERRUPTED}"]) == (
        process.returncode,
        [line for line in errors.splitlines() if line],
    )
