"""Stage `problems`: generated, or read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fcpref.core.problems import Problem, Split, normalised, problem_id
from fcpref.core.problems.problem import SPLITS
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError, ProblemError, UsageError
from fcpref.shell.rows import json_rows
from fcpref.shell.store import Artifact, file_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fcpref.core.tasks import Task
    from fcpref.shell.logs import StageLog
    from fcpref.shell.profiles import EvaluationPlan, Source
    from fcpref.shell.workspace import Workspace


_TRIES_A_PROBLEM = 20
GSM8K_SOURCE = "https://github.com/openai/grade-school-math"
FOLIO_SOURCE = "https://github.com/Yale-LILY/FOLIO"
_FILES = {
    "math.gsm8k": f"train.jsonl of {GSM8K_SOURCE}",
    "fol.folio": f"the training file of {FOLIO_SOURCE}",
}


def make_problems(
    workspace: Workspace,
    task: str,
    split: str,
    count: int | None,
    seed: int = 0,
    knobs: Mapping[str, object] | None = None,
    file: Path | None = None,
) -> Artifact:
    """Generate problems, or read them from a file; stage ``problems``.

    Args:
        workspace: where to write.
        task: the task's name.
        split: train, dev or test.
        count: how many; None takes all of a file's.
        seed: of the generator, or of the order in which a file's rows are taken.
        knobs: the generator's difficulty knobs, by name.
        file: JSON Lines, for a task that is read from a file.

    Raises:
        UsageError: no such task or split, or the file or the count is missing.
        ProblemError: a row cannot be read, or there are too few problems.
    """
    found = find_task(task)
    wanted = _split(split)
    if count is not None and count < 1:
        raise UsageError(f"{count} problems cannot be made; ask for 1 or more")
    spec = {"task": task, "split": split, "seed": seed, "knobs": dict(knobs or {})}
    parts = {**spec, "count": count, "file": _hash_of(file) if file and found.read else ""}

    def make(_: StageLog) -> Artifact:
        if found.read is not None:
            problems = _from_file(found, wanted, count, seed, file)
        else:
            problems = _generated(workspace, found, wanted, count, seed, knobs or {})
        return workspace.write("problems", problems, spec=spec)

    if found.read is not None and file is None:
        example = _FILES.get(task, "its JSON Lines file")
        raise UsageError(f"{task} is read from a file: give --file PATH, such as {example}")
    return workspace.once("problems", parts, make)


def planned_problems(
    workspace: Workspace, asked: Source | EvaluationPlan, split: Split, seed: int | None = None
) -> Artifact:
    """Make the problems that a profile asks for; see `make_problems`.

    Args:
        workspace: where to write.
        asked: says which.
        split: of which they are to be.
        seed: in place of the profile's.
    """
    return make_problems(
        workspace,
        asked.task,
        split,
        # All of a file's, where it says no number.
        asked.count if asked.count or not asked.file else None,
        asked.seed if seed is None else seed,
        asked.knobs,
        Path(asked.file) if asked.file else None,
    )


def make_test_set(
    workspace: Workspace,
    task: str,
    name: str,
    count: int | None,
    seed: int = 0,
    knobs: Mapping[str, object] | None = None,
    *,
    split: str = "test",
) -> Artifact:
    """Generate problems of a named test set; stage ``problems``.

    Args:
        workspace: where to write.
        task: the task's name.
        name: of the set, such as ``held-out-templates``.
        count: how many.
        seed: of the generator.
        knobs: more difficulty knobs; they go before those of the set.
        split: test; another one is refused, for nobody may train on a test set.

    Raises:
        UsageError: no such task or set, another split, or the count is missing.
        ProblemError: there are too few problems.
    """
    if split != "test":
        raise UsageError(f"test set {name} is of the test split: leave out --split {split}")
    own = find_task(task).test_set(name)
    return make_problems(workspace, task, split, count, seed, {**own, **(knobs or {})})


def _split(text: str) -> Split:
    for split in SPLITS:
        if split == text:
            return split
    raise UsageError(f"unknown split {text!r}; there are {', '.join(SPLITS)}")


def _generated(
    workspace: Workspace,
    task: Task,
    split: Split,
    count: int | None,
    seed: int,
    knobs: Mapping[str, object],
) -> list[Problem]:
    if count is None:
        raise UsageError(f"{task.name} is generated without end: give --count N")
    if task.generate is None:
        raise UsageError(f"{task.name} has neither a generator nor a file format")
    kept: dict[str, Problem] = {}
    with workspace.progress.bar(f"problems {task.name}", count) as bar:
        for index in range(_TRIES_A_PROBLEM * count):
            try:
                problem = task.generate(knobs, seed, split, index)
            except CodecError as error:
                raise UsageError(f"{task.name}: a knob cannot be used: {error}") from None
            # The same text twice in one set would be one problem counted twice.
            kept.setdefault(normalised(problem.text), problem)
            bar.to(len(kept))
            if len(kept) == count:
                return list(kept.values())
    raise ProblemError(
        f"{task.name}: only {len(kept)} different problems found for {count}; loosen the knobs"
    )


def _from_file(
    task: Task, split: Split, count: int | None, seed: int, file: Path | None
) -> list[Problem]:
    rows = [problem for problem in _rows(task, file) if problem.split == split]
    if not rows:
        raise ProblemError(f"{file}: has no problem of split {split}")
    if count is not None and len(rows) < count:
        raise ProblemError(
            f"{file}: has {len(rows)} problems of split {split}, {count} were asked for; "
            "ask for fewer"
        )
    derive(seed, task.name, split, "order").shuffle(rows)
    return rows[:count]


def _rows(task: Task, file: Path | None) -> Iterator[Problem]:
    if file is None or task.read is None:
        return
    for number, row in json_rows(file):
        try:
            yield task.read(row, number - 1)
        except ProblemError as error:
            # Editors count lines from 1; a second number would only be in the way.
            what = str(error).removeprefix(f"row {number - 1}: ")
            raise ProblemError(f"{file}, line {number}: {what}") from None


def _hash_of(file: Path) -> str:
    try:
        return file_hash(file)
    except OSError as error:
        raise ProblemError(f"{file}: cannot be read ({error.strerror}); check the path") from None


def problems_by_id(problems: Artifact) -> dict[str, Problem]:
    """Return an artifact's problems by their ids."""
    return {problem_id(problem): problem for problem in problems.values(Problem)}
