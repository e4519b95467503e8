"""What opens a chain, apart from its problem: kept in a recording's header, told apart on a miss.

A recording's replies hold only a hash of the messages that opened their chain. The header has the
text, each message once, so that a prompt that has changed since can be shown line by line.
"""

from __future__ import annotations

from contextlib import suppress
from difflib import unified_diff
from itertools import chain
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.chains import Message, PromptSpec, render, schemas
from fcpref.core.codec import structure, unstructure
from fcpref.core.problems import Problem
from fcpref.core.tasks import TASKS, find_task
from fcpref.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


SHOWN = "shown"
"""The name of openings in a recording's header."""

NAMES = ("recorded", "wanted")
"""What the two sides of a diff are called."""


@frozen(kw_only=True)
class Opening:
    """What chains open with, up to the problem.

    Attributes:
        messages: system message and worked examples; the problem comes after them.
        tools: the functions' JSON schemas, in the `tools` grammar.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()

    def before(self, problem: Message) -> tuple[Message, ...]:
        """Return the messages with the problem after them."""
        return (*self.messages, problem)


@frozen(kw_only=True)
class _Shown:
    """The openings of one task, without what they repeat.

    Attributes:
        messages: role and text of every different message, sorted.
        openings: the different openings, each the places of its messages in that list.
        tools: the functions' schemas, the same for all.
    """

    messages: tuple[tuple[str, str], ...]
    openings: tuple[tuple[int, ...], ...]
    tools: tuple[dict[str, Any], ...]


def openings(prompt: PromptSpec, problems: Iterable[Problem]) -> dict[str, tuple[Opening, ...]]:
    """Return the different openings of each task; worked examples may go by the problem."""
    found: dict[str, dict[tuple[Message, ...], None]] = {}
    for problem in problems:
        task = find_task(problem.task)
        messages = render(prompt, task.toolbox, problem, task.exemplars)[:-1]
        found.setdefault(task.name, {})[messages] = None
    return {
        name: tuple(
            Opening(messages=messages, tools=schemas(prompt, find_task(name).toolbox))
            for messages in different
        )
        for name, different in found.items()
    }


def shown(prompt: PromptSpec, problems: Iterable[Problem]) -> dict[str, Any]:
    """Return the openings of problems as plain data, for a header."""
    return as_header(openings(prompt, problems))


def as_header(found: Mapping[str, Iterable[Opening]]) -> dict[str, Any]:
    """Return openings of tasks as plain data; the same for any order of the openings."""
    return {SHOWN: {name: unstructure(_packed(found[name])) for name in sorted(found)}}


def kept_openings(spec: Mapping[str, Any]) -> dict[str, tuple[Opening, ...]]:
    """Return the openings that a recording's header keeps, by task; empty where it keeps none.

    Raises:
        CodecError: what it keeps cannot be read.
    """
    kept = spec.get(SHOWN, {})
    packed = {name: structure(one, _Shown) for name, one in kept.items()}
    return {name: _unpacked(one) for name, one in packed.items()}


def recorded_openings(
    spec: Mapping[str, Any], problem: Problem | None = None
) -> tuple[Opening, ...]:
    """Return what chains of a recording may have opened with.

    That is what its header keeps, or, in one that was written before headers did, what its prompt
    specification gives today. Compare hashes before relying on it.

    Args:
        spec: the header's settings.
        problem: what the chain in question is about, where that is known.
    """
    try:
        if SHOWN in spec:
            return tuple(chain.from_iterable(kept_openings(spec).values()))
        prompt = structure(spec.get("prompt"), PromptSpec)
    except CodecError:
        return ()
    asked = [problem] if problem is not None else [_nothing(task) for task in TASKS]
    found: list[Opening] = []
    for one in asked:
        with suppress(UsageError):  # the prompt is not of this task
            found += openings(prompt, [one])[one.task]
    return tuple(found)


def _nothing(task: str) -> Problem:
    return Problem(task=task, split="train", index=0, difficulty=0, text="", gold="")


def _packed(found: Iterable[Opening]) -> _Shown:
    several = tuple(found)
    messages = sorted({(one.role, one.content) for each in several for one in each.messages})
    place = {message: number for number, message in enumerate(messages)}
    lists = {tuple(place[one.role, one.content] for one in opening.messages) for opening in several}
    tools = several[0].tools if several else ()
    return _Shown(messages=tuple(messages), openings=tuple(sorted(lists)), tools=tools)


def _unpacked(kept: _Shown) -> tuple[Opening, ...]:
    messages = [structure({"role": role, "content": text}, Message) for role, text in kept.messages]
    if any(not 0 <= number < len(messages) for places in kept.openings for number in places):
        raise CodecError("an opening names a message that is not kept")
    return tuple(
        Opening(messages=tuple(messages[number] for number in places), tools=kept.tools)
        for places in kept.openings
    )


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


def _lines(messages: Iterable[Message]) -> list[str]:
    return [
        line
        for message in messages
        for line in (f"[{message.role}]", *message.content.splitlines())
    ]
