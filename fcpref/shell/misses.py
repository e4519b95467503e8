"""Why a recording has no reply to a request: the component of its key that differs.

A key is a hash and cannot be read back. But each component can be replaced in the request by what
the recording's header says of it; if the key is then one that was recorded, that component is what
differs, for certain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen

from fcpref.core.canon import short
from fcpref.errors import ReplayMissError
from fcpref.shell.openings import (
    SHOWN,
    Opening,
    difference,
    first_difference,
    text_difference,
)
from fcpref.shell.recordings import Recorded
from fcpref.shell.reply_keys import opening_hash, problem_of, reply_key, sample_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.shell.engines.base import Request

Component = Literal[
    "prompt", "result", "temperature", "tools", "sample", "limits", "problem", "messages"
]


@frozen(kw_only=True)
class Known:
    """What is known of a recording.

    Attributes:
        path: its file.
        spec: its header's settings.
        identity: of the engine that was recorded.
        replies: all of them.
        openings: what its chains may have opened with.
    """

    path: Path
    spec: Mapping[str, Any]
    identity: Mapping[str, str]
    replies: tuple[Recorded, ...]
    openings: tuple[Opening, ...]


@frozen(kw_only=True)
class Difference:
    """What keeps a request from being answered.

    Attributes:
        component: the part of the key.
        sentence: what differs, in words.
        diff: the same as a unified diff, where there is one.
    """

    component: Component
    sentence: str
    diff: str = ""


def miss(known: Known, request: Request) -> ReplayMissError:
    """Return the error for a request that a recording does not answer."""
    found = explain(known, request)
    where = (
        f"{known.path}: no reply for problem {short(problem_of(request.job))}, sample "
        f"{sample_of(request.job)}, step {request.step}"
    )
    hint = (
        f" (in full: fcpref recordings diff {short(known.path.name.partition('.')[0])})"
        if found.diff
        else ""
    )
    return ReplayMissError(
        f"{where}; {found.sentence}{hint}",
        component=found.component,
        diff=found.diff,
        job=request.job,
    )


def explain(known: Known, request: Request) -> Difference:
    """Say what differs between a request and the nearest recorded one."""
    near = [item for item in known.replies if (item.job, item.step) == (request.job, request.step)]
    if not near:
        return _no_such_step(known, request)
    for item in near:
        for other, found in _candidates(known, request):
            if reply_key(known.identity, other) == item.key:
                return found
    if request.step == 0:
        return _opening(known, request, near[0])
    return _turn(known, request)


def _candidates(known: Known, request: Request) -> Iterator[tuple[Request, Difference]]:
    """Yield requests with one component as the recording may have it, and what that would mean."""
    have = _degrees(request.temperature)
    for temperature in (None, *_temperatures(known.spec)):
        said = f"its own temperature is {have}, recorded was {_degrees(temperature)}"
        found = Difference(component="temperature", sentence=said)
        yield evolve(request, temperature=temperature), found
    for tools in ((), *(opening.tools for opening in known.openings)):
        said = "the function schemas (tools) differ"
        found = Difference(component="tools", sentence=said, diff=_schemas(tools, request.tools))
        yield evolve(request, tools=tools), found
    if request.step == 0:
        for opening in known.openings:
            before = opening.before(request.messages[-1])
            other = evolve(request, messages=before, tools=opening.tools)
            yield other, _prompt(opening, request)


def _prompt(opening: Opening, request: Request) -> Difference:
    before = opening.before(request.messages[-1])
    which = first_difference(before, request.messages)
    schemas = _schemas(opening.tools, request.tools)
    more = ", and so do the function schemas (tools)" if schemas else ""
    said = difference(before, request.messages)
    return Difference(
        component="prompt",
        sentence=f"the opening messages differ: {which}{more}",
        diff="\n".join(part for part in (said, schemas) if part),
    )


def _opening(known: Known, request: Request, near: Recorded) -> Difference:
    if near.opening == opening_hash(request):
        said = "the messages are the same, so its temperature or sample index differs"
        return Difference(component="temperature", sentence=said)
    kept = SHOWN in known.spec
    why = "" if kept else "; the recording keeps only their hash"
    said = f"the opening messages differ (prompt or problem text has changed{why})"
    return Difference(component="prompt", sentence=said)


def _turn(known: Known, request: Request) -> Difference:
    """Explain a chat whose earlier requests were all answered: only its end can be new."""
    last = [
        item.text
        for item in known.replies
        if (item.job, item.step) == (request.job, request.step - 1)
    ]
    reply, result = request.messages[-2:]
    if reply.content in last:
        said = (
            f"the messages before it differ (a function's result has changed: "
            f"{_brief(reply.content)} now gives {_brief(result.content)})"
        )
        return Difference(component="result", sentence=said)
    said = "the messages before it differ (the reply before it is not the recorded one)"
    return Difference(component="messages", sentence=said)


def _no_such_step(known: Known, request: Request) -> Difference:
    problem, sample = problem_of(request.job), sample_of(request.job)
    jobs = {item.job for item in known.replies}
    samples = sorted(
        (sample_of(job) for job in jobs if problem_of(job) == problem), key=lambda s: (len(s), s)
    )
    if samples and sample not in samples:
        said = f"only samples {', '.join(samples)} were recorded"
        return Difference(component="sample", sentence=said)
    if samples:
        said = "the recorded chain ends earlier (limits have changed)"
        return Difference(component="limits", sentence=said)
    count = len({problem_of(job) for job in jobs})
    said = f"this problem was not recorded, {count} others were"
    return Difference(component="problem", sentence=said)


def _temperatures(data: object) -> Iterator[float]:
    """Yield the numbers in a header's settings; chains' own temperatures are among them."""
    if isinstance(data, dict):
        for value in data.values():
            yield from _temperatures(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _temperatures(value)
    elif type(data) is float:
        yield data


def _degrees(temperature: float | None) -> str:
    return "none" if temperature is None else f"{temperature:g}"


def _schemas(before: object, now: object) -> str:
    old, new = (json.dumps(one, indent=1).splitlines() for one in (before, now))
    return text_difference(old, new)


def _brief(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")  # noqa: PLR2004 - a line's width
