"""A run that records, as a process of its own: ``python -m tests.recording_runs FOLDER``.

It can be killed at any moment, writes each line in small pieces, and can kill itself at a named
place. What it asks its engine for goes to ``FOLDER/asked``, one line a request, before it is
answered.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from fcpref.core.chains import STUDENT, Limits, Reply
from fcpref.core.problems import Problem, problem_id
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError
from fcpref.shell import recording_files, stages_chains, stages_problems
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
PLAN = SamplePlan(samples=2, prompt=STUDENT, limits=Limits(calls=6))
PLACES = ("seal", "_write_chains", "once", "remove")
"""After which of these a run can kill itself: the windows at the end of a run."""
_PIECE = 23


class NoisyEngine:
    """Gives the oracle's replies with slips drawn for each job and step, in no fixed order."""

    identity = {  # noqa: RUF012 - the protocol's mapping
        "engine": "noisy",
        "model": "path:noisy",
        "revision": "1",
        "template": "",
        "sampling": "temperature 1",
    }

    def __init__(self, problems, asked: Path, pause: float) -> None:
        task = find_task("math.word")
        self.replies = {problem_id(problem): task.oracle(problem) for problem in problems}
        self.asked = asked
        self.pause = pause

    def run(self, requests, on_reply) -> None:
        waiting = list(requests)
        while waiting:
            request = waiting.pop(random.randrange(len(waiting)))
            with self.asked.open("a") as file:
                file.write(f"{request.job} {request.step}\n")
            time.sleep(self.pause)
            noise = derive(7, request.job, request.step)
            right = self.replies[request.job.rpartition("/")[0]]
            slip = noise.random() < 0.3 or request.step >= len(right)
            text = f"Add(a={noise.randrange(99)}, b=1)" if slip else right[request.step]
            following = on_reply(request, Reply(text=text, tokens=noise.randrange(1, 9)))
            waiting += [following] if following else []


class Pieces(io.FileIO):
    """A file that takes a few bytes at a time, as a nearly full disk or a signal makes one."""

    pause = 0.0

    def write(self, data) -> int:
        time.sleep(self.pause)
        return super().write(data[:_PIECE])


def after(place: str) -> None:
    """Kill this process as soon as a function has returned."""
    owner = {"once": Workspace, "remove": recording_files.Recording}.get(place, stages_chains)
    real = getattr(owner, place)

    def and_die(*words, **options):
        result = real(*words, **options)
        # What makes the problems runs once too.
        if place != "once" or words[1] == "chains":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, place, and_die)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--die-after", choices=PLACES)
    words = parser.parse_args()
    opened = recording_files._opened

    def in_pieces(path):
        with opened(path) as file:
            # The lock belongs to the open file, which both descriptors are of.
            return Pieces(os.dup(file.fileno()), "a+b")

    recording_files._opened = in_pieces
    Pieces.pause = words.pause / 5
    if words.die_after:
        after(words.die_after)
    workspace = Workspace(words.folder)
    problems = stages_problems.make_problems(workspace, "math.word", "train", words.problems)
    engine = NoisyEngine(problems.values(Problem), words.folder / "asked", words.pause)
    say("begin")
    try:
        chains = stages_chains.model_chains(workspace, problems, engine, PLAN)
    except ArtifactError as error:
        say(str(error))
        sys.exit(2)
    say(f"{chains.header.parents[1]} {chains.id}")


def launch(folder: Path, *words: object) -> subprocess.Popen[str]:
    """Start a run."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.recording_runs", str(folder), *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def start(folder: Path, *words: object) -> subprocess.Popen[str]:
    """Start a run and wait until it is about to open its recording."""
    process = launch(folder, *words)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def result(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a run and return its exit status and what it said last."""
    assert process.stdout is not None
    # Not `communicate`: it would pass over what `readline` has buffered.
    said = process.stdout.read()
    return process.wait(timeout=60), said.strip().removeprefix("begin\n")


def asked(folder: Path) -> list[str]:
    """Return what runs in a folder have asked their engine for."""
    return (folder / "asked").read_text().splitlines()


if __name__ == "__main__":
    main()
