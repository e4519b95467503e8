"""What opens a chain, apart from its problem: kept in a recording's header, told apart on a miss.

A recording's replies hold only a hash of the messages that opened their chain. The header has the
text, once for each task, so that a prompt that has changed since can be shown line by line.
"""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.chains import Message, PromptSpec, render, schemas
from fcpref.core.codec import structure, unstructure
from fcpref.core.problems import Problem
from fcpref.core.tasks import TASKS, find_task
from fcpref.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.core.tasks import Task

SHOWN = "shown"
"""The name of openings in a recording's header."""

NAMES = ("recorded", "wanted")
"""What the two sides of a diff are called."""


@frozen(kw_only=True)
class Opening:
    """What every chain of a task opens with, under one prompt.

    Attributes:
        messages: system message and worked examples; the problem comes after them.
        tools: the functions' JSON schemas, in the `tools` grammar.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()


def openings(prompt: PromptSpec, tasks: Iterable[str]) -> dict[str, Opening]:
    """Return the opening of each task."""
    return {name: _opening(prompt, find_task(name)) for name in sorted(set(tasks))}


def shown(prompt: PromptSpec, problems: Iterable[Problem]) -> dict[str, Any]:
    """Return the openings of problems' tasks as plain data, for a header."""
    found = openings(prompt, (problem.task for problem in problems))
    return {SHOWN: {name: unstructure(opening) for name, opening in found.items()}}


def recorded_openings(spec: Mapping[str, Any]) -> tuple[Opening, ...]:
    """Return what chains of a recording may have opened with.

    That is what its header keeps, or, in one that was written before headers did, what its prompt
    specification gives today. Compare hashes before relying on it.
    """
    try:
        kept = spec.get(SHOWN)
        if isinstance(kept, dict):
            return tuple(structure(one, Opening) for one in kept.values())
        prompt = structure(spec.get("prompt"), PromptSpec)
    except CodecError:
        return ()
    return tuple(openings(prompt, TASKS).values())


def difference(
    before: Iterable[Message], now: Iterable[Message], names: tuple[str, str] = NAMES
) -> str:
    """Return a unified diff of two chats; empty where they are the same."""
    return text_difference(_lines(before), _lines(now), names)


def text_difference(
    before: Sequence[str], now: Sequence[str], names: tuple[str, str] = NAMES
) -> str:
    """Return a unified diff of lines."""
    return "\n".join(unified_diff(before, now, *names, lineterm=""))


def first_difference(before: Sequence[Message], now: Sequence[Message]) -> str:
    """Say in a few words which message is the first to differ."""
    for number, (one, other) in enumerate(zip(before, now, strict=False), start=1):
        if one != other:
            return f"message {number} of {len(now)} ({other.role}) differs"
    if len(before) != len(now):
        return f"{len(before)} messages were recorded, {len(now)} are wanted"
    return "no message differs"


def _opening(prompt: PromptSpec, task: Task) -> Opening:
    anything = Problem(task=task.name, split="train", index=0, difficulty=0, text="", gold="")
    messages = render(prompt, task.toolbox, anything, task.exemplars)
    return Opening(messages=messages[:-1], tools=schemas(prompt, task.toolbox))


def _lines(messages: Iterable[Message]) -> list[str]:
    return [
        line
        for message in messages
        for line in (f"[{message.role}]", *message.content.splitlines())
    ]
