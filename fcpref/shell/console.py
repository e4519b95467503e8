"""Solving by hand: calls from standard input, and a person at a prompt."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.codec import structure
from fcpref.core.functions import Memory, help_text, read_call
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError, ProblemError, UsageError
from fcpref.shell.rows import NoJsonError, decode
from fcpref.shell.store import read_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fcpref.core.scores import Score
    from fcpref.core.tasks import Task


def one_problem(task: str, file: Path | None, seed: int = 0, number: int = 0) -> Problem:
    """Return a problem of a task to solve by hand.

    Args:
        task: the task's name.
        file: an artifact of problems, or a ``.json`` file that holds one problem; None makes one
            up (for a task that is read from a file, takes a worked example).
        seed: of the problem made up.
        number: which of the artifact's problems, or of the seed's, from 0.

    Raises:
        UsageError: no such task, or no such problem.
        ArtifactError: the artifact is damaged.
        ProblemError: the file holds no problem of this task.
    """
    found = find_task(task)
    if number < 0:
        raise UsageError(f"there is no problem {number}; count from 0")
    if file is None:
        if found.generate is not None:
            return found.generate({}, seed, "train", number)
        return _picked([exemplar.problem for exemplar in found.exemplars], number, found.name)
    if file.suffix == ".json":
        problem = _single(file)
    else:
        values = read_artifact(file, stage="problems").values(Problem)
        problem = _picked(values, number, str(file))
    if problem.task != task:
        raise ProblemError(f"{file}: holds a problem of {problem.task}, not of {task}")
    return problem


def _single(file: Path) -> Problem:
    try:
        return structure(decode(file.read_bytes().removeprefix(codecs.BOM_UTF8)), Problem)
    except OSError as error:
        raise ProblemError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    except (NoJsonError, CodecError) as error:
        raise ProblemError(f"{file}: holds no problem ({error})") from None


def _picked(problems: Iterable[Problem], number: int, where: str) -> Problem:
    listed = list(problems)
    if number >= len(listed):
        raise UsageError(f"{where}: has {len(listed)} problems, counted from 0")
    return listed[number]


def outcomes(problem: Problem, lines: Iterable[str]) -> Iterator[dict[str, str | None]]:
    """Execute calls one after the other; yield each outcome as plain data.

    Args:
        problem: what the calls are about.
        lines: one call each.
    """
    toolbox = find_task(problem.task).toolbox
    memory = Memory(problem=problem)
    for line in lines:
        effect = read_call(line, toolbox, memory)
        memory = effect.memory
        code = effect.outcome.code
        yield {"text": effect.outcome.text, "code": code.value if code else None}


def functions_text(task: Task) -> str:
    """Return the help of a task's functions, as a teacher reads it."""
    return "\n".join(help_text(function.signature) for function in task.toolbox.functions)


class Play:
    """A person's chain in the making."""

    def __init__(self, problem: Problem) -> None:
        """Begin; limits are those of a model, but slips are forgiven."""
        self.problem = problem
        self.task = find_task(problem.task)
        self._state = begin(self.task.toolbox, problem, (), Limits(calls=100, failures=100))

    @property
    def over(self) -> bool:
        """Whether the chain has ended."""
        return self._state.stop is not None

    def say(self, text: str) -> str:
        """Execute one call and return what comes of it."""
        self._state = advance(self._state, Reply(text=text))
        return self._state.turns[-1].outcome.text

    def score(self) -> Score:
        """Judge the chain as it is."""
        return self.task.score(finish(self._state, "person", 0), self.problem)
