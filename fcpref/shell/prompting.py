"""Prompts as people ask for them: read from text, and checked before a model is asked anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from fcpref.core.chains import Choice, PromptSpec, shown
from fcpref.core.codec import structure
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fcpref.core.problems import Problem
    from fcpref.core.tasks import Task

CHOICES: tuple[Choice, ...] = get_args(Choice)


def prompt_spec(
    detail: str,
    grammar: str,
    shots: int | None = None,
    exemplars: str = "first",
    without: Iterable[str] = (),
) -> PromptSpec:
    """Return the prompt that a command's options describe.

    Args:
        detail: ``help`` or ``signatures``.
        grammar: ``python`` or ``tools``.
        shots: worked examples; None is none, or as many as are picked.
        exemplars: ``first``, ``spread``, ``random``, ``random:SEED`` or ``similar``, or the places
            of the examples to show, such as ``0,2,5``.
        without: functions to withhold.

    Raises:
        UsageError: the examples are chosen in no such way, or do not fit `shots`.
    """
    choice = _choice(exemplars)
    picked = choice.get("picked", [])
    if shots is None:
        shots = len(picked)
    if picked and shots != len(picked):
        raise UsageError(f"--exemplars {exemplars} shows {len(picked)}; leave out --shots {shots}")
    if choice and not shots:
        raise UsageError(f"--exemplars {exemplars} needs --shots, the number of examples")
    data = {"detail": detail, "grammar": grammar, "shots": shots, "without": [*without], **choice}
    try:
        return structure(data, PromptSpec)
    except CodecError as error:
        raise UsageError(f"the prompt cannot be used: {error}") from None


def _choice(text: str) -> dict[str, Any]:
    """Read how examples are chosen; the default gives nothing."""
    name, colon, seed = text.partition(":")
    if name == "random" and colon and seed.isdecimal():
        return {"exemplars": name, "seed": int(seed)}
    if text in CHOICES:
        return {} if text == "first" else {"exemplars": text}
    places = text.split(",")
    if all(place.strip().isdecimal() for place in places):
        return {"picked": [int(place) for place in places]}
    raise UsageError(
        f"--exemplars {text}: examples are chosen by {', '.join(CHOICES)} or random:SEED, or by "
        "their places, such as 0,2,5"
    )


def check_prompt(
    prompt: PromptSpec, problems: Sequence[Problem], note: Callable[[str], None]
) -> None:
    """Refuse a prompt that cannot be shown as it says.

    Args:
        prompt: how functions and examples are shown.
        problems: those that it is for.
        note: told of functions that seem to be needed, where no example shows that they are.

    Raises:
        UsageError: there are fewer examples than are to be shown, an example does not work without
            what is withheld, or there is no such function.
    """
    for name in dict.fromkeys(problem.task for problem in problems):
        task = find_task(name)
        of_task = [problem for problem in problems if problem.task == name]
        if prompt.shots > len(task.exemplars):
            raise UsageError(
                f"{name} has {len(task.exemplars)} worked examples, {prompt.shots} are to be "
                "shown; ask for fewer"
            )
        _check_withheld(prompt, task, of_task, note)


def _check_withheld(
    prompt: PromptSpec, task: Task, problems: Sequence[Problem], note: Callable[[str], None]
) -> None:
    unsolved = task.unsolved_without(prompt.without)
    withheld = ", ".join(prompt.without)
    for problem in problems:
        for exemplar in shown(prompt, problem, task.exemplars):
            if exemplar in unsolved:
                raise UsageError(
                    f"worked example {task.exemplars.index(exemplar)} of {task.name} does not "
                    f"work without {withheld}; show others, show none, or withhold less"
                )
    if unsolved:
        note(
            f"{task.name}: {len(unsolved)} of its {len(task.exemplars)} worked examples cannot be "
            f"solved without {withheld}, so expect few correct chains"
        )
