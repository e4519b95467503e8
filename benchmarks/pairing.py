"""Scored chains to pairs, and the pairs checked: seconds and peak memory of the two commands."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fcpref.core.chains import Chain, Limits, Reply, advance, begin, finish
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.shell import stages
from fcpref.shell.workspace import Workspace

if TYPE_CHECKING:
    from benchmarks.quick import Row
    from fcpref.shell.store import Artifact

TASKS = ("fol.deduction", "math.word")
PER_PROBLEM = 4


def pairing(chains: int) -> Row:
    """Run `fcpref pairs` and `fcpref lint` on chains of two tasks, half of them correct."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        count = chains // PER_PROBLEM // len(TASKS)
        scores = [str(_scores(workspace, task, count).path) for task in TASKS]
        paired = _run(folder, "pairs", *scores)
        (pairs,) = workspace.paths("pairs")
        checked = _run(folder, "lint", str(pairs))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    name = f"pair and lint {count * PER_PROBLEM * len(TASKS):,} scored chains"
    note = f"pairs {paired:.1f} s, lint {checked:.1f} s, {peak:.2f} GB at the peak"
    return name, f"{paired + checked:.1f} s", note, None


def _scores(workspace: Workspace, name: str, count: int) -> Artifact:
    """Return two correct and two incorrect chains each of some problems, scored."""
    task = find_task(name)
    problems = stages.make_problems(workspace, name, "train", count, 0, {})
    chains: list[Chain] = []
    for problem in problems.values(Problem):
        solution = list(task.oracle(problem))
        wrong = next(word for word in ("True", "False") if word != problem.gold)
        ways = (
            solution,
            ["Reasoning(thought='First.')", *solution],
            [*solution[:-1], f"Answer(value='{wrong}')"],
            [*solution[:1], "Fly()", "Fly(1)", "(x"],
        )
        for sample, replies in enumerate(ways):
            state = begin(task.toolbox, problem, (), Limits())
            for text in replies:
                state = advance(state, Reply(text=text, tokens=20))
            chains.append(finish(state, "student", sample))
    made = workspace.write("chains", chains, parents=(problems.id,))
    return stages.score(workspace, made)


def _run(folder: str, *arguments: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "fcpref.cli", "--artifacts", folder, *arguments, "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start
