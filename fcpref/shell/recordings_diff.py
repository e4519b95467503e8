"""Two recordings compared, or one with what the current code asks; what differs first, in full."""

from __future__ import annotations

import gzip
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import frozen

from fcpref.core.canon import short
from fcpref.core.chains import Chain, Message
from fcpref.errors import ArtifactError
from fcpref.shell.engines.replay import SurveyEngine
from fcpref.shell.openings import SHOWN, difference, text_difference
from fcpref.shell.recordings_show import opening_of, read_recording
from fcpref.shell.reply_keys import problem_of, sample_of
from fcpref.shell.sampling import sample_chains
from fcpref.shell.stages_chains import plan_of
from fcpref.shell.store import read_artifact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fcpref.shell.recordings import Recorded
    from fcpref.shell.recordings_show import Contents
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


@frozen(kw_only=True)
class Finding:
    """One thing that differs.

    Attributes:
        what: identity, plan, prompt, problems, chains, reply or result.
        text: what differs, in words.
        diff: the same as a unified diff, where there is one.
    """

    what: str
    text: str
    diff: str = ""


def compare(workspace: Workspace, one: str, other: str) -> tuple[Finding, ...]:
    """Return what differs between two recordings, in the order in which it matters.

    Raises:
        ArtifactError: one is not here, or damaged.
    """
    before, now = read_recording(workspace, one), read_recording(workspace, other)
    return (*_headers(before, now), *_problems(before, now), *_chains(workspace, before, now))


def against_now(workspace: Workspace, recording: Artifact) -> tuple[Finding, ...]:
    """Return where the current code asks for what a recording does not have.

    Raises:
        ArtifactError: its problems are not here.
    """
    contents = read_recording(workspace, str(recording.path))
    if not contents.problems:
        raise ArtifactError(f"{recording.path}: its problems are not here; restore their artifact")
    engine = SurveyEngine(recording)
    chains = sample_chains(tuple(contents.problems.values()), engine, plan_of(recording))
    if not engine.misses:
        return ()
    count = f"{len(engine.misses)} of {len(chains)} chains cannot be replayed"
    job, first = next(iter(engine.misses.items()))
    diff = first.diff
    if first.component == "result":
        chain = next(c for c in chains if f"{c.problem}/{c.sample}" == job)
        step = len(chain.turns) - 1
        told = _told(workspace, recording.id, job, step)
        if told is not None:
            diff = text_difference(told.splitlines(), chain.turns[-1].outcome.text.splitlines())
    return (Finding(what="chains", text=count), Finding(what="miss", text=str(first), diff=diff))


def findings_text(found: tuple[Finding, ...]) -> str:
    """Return findings for people."""
    lines = [line for one in found for line in (f"{one.what}: {one.text}", one.diff) if line]
    return "\n".join(lines) or "nothing differs"


def _headers(before: Contents, now: Contents) -> Iterator[Finding]:
    yield from _settings("identity", before.identity, now.identity)
    plans = [
        {name: value for name, value in side.header.spec.items() if name not in {"identity", SHOWN}}
        for side in (before, now)
    ]
    yield from _settings("plan", _flat(plans[0]), _flat(plans[1]))
    yield from _settings("versions", before.header.versions, now.header.versions)


def _settings(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted({*before, *now}):
        have, want = before.get(name, "not given"), now.get(name, "not given")
        if have != want:
            yield Finding(what=what, text=f"{name} is {have} and {want}")


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _problems(before: Contents, now: Contents) -> Iterator[Finding]:
    have, want = ({problem_of(job) for job in side.jobs} for side in (before, now))
    for side, only in ((before, have - want), (now, want - have)):
        if only:
            some = ", ".join(short(name) for name in sorted(only)[:3])
            text = f"{len(only)} are only in {side.name}, such as {some}"
            yield Finding(what="problems", text=text)


def _chains(workspace: Workspace, before: Contents, now: Contents) -> Iterator[Finding]:
    other, own = set(now.jobs), set(before.jobs)
    common = [job for job in before.jobs if job in other]
    shared = {problem_of(job) for job in common}
    for side, only in ((before, own - other), (now, other - own)):
        extra = [job for job in only if problem_of(job) in shared]
        if extra:
            text = f"{len(extra)} samples of the same problems are only in {side.name}"
            yield Finding(what="chains", text=text)
    turns = [_by_job(side) for side in (before, now)]
    pairs = [(turns[0][job], turns[1][job]) for job in common]
    same = before.identity == now.identity
    found = [one for pair in pairs if (one := _first_step(*pair, same=same)) is not None]
    if found:
        text = f"{len(found)} of {len(common)} chains that both have differ; the first difference:"
        yield Finding(what="chains", text=text)
        yield _explained(workspace, before, now, *found[0])


def _by_job(contents: Contents) -> dict[str, list[Recorded]]:
    jobs: dict[str, dict[int, Recorded]] = {}
    for item in contents.replies:
        jobs.setdefault(item.job, {}).setdefault(item.step, item)
    return {job: [steps[step] for step in sorted(steps)] for job, steps in jobs.items()}


def _first_step(
    one: list[Recorded], other: list[Recorded], *, same: bool
) -> tuple[Recorded | None, Recorded | None] | None:
    """Return the first step of two chains that differs, None where one has none.

    Args:
        one: a chain's replies.
        other: the other's.
        same: they are of one engine, so that other keys mean other messages.
    """
    for have, want in zip_longest(one, other):
        if have is None or want is None:
            return have, want
        keys = same and have.key != want.key
        if keys or (have.opening, have.text, have.silent) != (
            want.opening,
            want.text,
            want.silent,
        ):
            return have, want
    return None


def _explained(
    workspace: Workspace,
    before: Contents,
    now: Contents,
    have: Recorded | None,
    want: Recorded | None,
) -> Finding:
    if have is None:
        return Finding(what="reply", text=f"{_where(want)}: only {now.name} goes on")
    if want is None:
        return Finding(what="reply", text=f"{_where(have)}: only {before.name} goes on")
    if have.opening != want.opening:
        text = f"{_where(have)}: the opening messages differ"
        return Finding(what="prompt", text=text, diff=_openings(before, now, have, want))
    if before.identity == now.identity and have.key != want.key:
        text = f"{_where(have)}: the messages before it differ (a function's result)"
        return Finding(what="result", text=text, diff=_results(workspace, before, now, have))
    diff = text_difference(have.text.splitlines(), want.text.splitlines(), (before.name, now.name))
    return Finding(what="reply", text=f"{_where(have)}: the replies differ", diff=diff)


def _openings(before: Contents, now: Contents, have: Recorded, want: Recorded) -> str:
    chats: list[tuple[Message, ...]] = []
    for side, item in ((before, have), (now, want)):
        problem = side.problems.get(problem_of(item.job))
        opening = opening_of(side, problem, item.opening) if problem else None
        if opening is None or problem is None:
            return f"(what {side.name} showed is not kept in it and has changed since)"
        chats.append(opening.before(Message(role="user", content=problem.text)))
    return difference(chats[0], chats[1], (before.name, now.name))


def _results(workspace: Workspace, before: Contents, now: Contents, item: Recorded) -> str:
    told = [_told(workspace, side.id, item.job, item.step - 1) for side in (before, now)]
    if told[0] is None or told[1] is None:
        return "(recordings hold no results, and the chains of both are not here)"
    return text_difference(told[0].splitlines(), told[1].splitlines(), (before.name, now.name))


def _told(workspace: Workspace, recording: str, job: str, step: int) -> str | None:
    """Return the result of a step as the chains made from a recording have it."""
    for path in workspace.paths("chains"):
        if recording not in _parents(path):
            continue
        for chain in read_artifact(path).values(Chain):
            if f"{chain.problem}/{chain.sample}" == job and step < len(chain.turns):
                return chain.turns[step].outcome.text
    return None


def _parents(path: Path) -> list[str]:
    """Return the parents that an artifact's first line names, without reading the rest."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = msgspec.json.decode(file.readline())
    except (OSError, EOFError, msgspec.DecodeError):
        return []
    return header.get("parents", []) if isinstance(header, dict) else []


def _where(item: Recorded | None) -> str:
    if item is None:
        return "the end"
    problem = short(problem_of(item.job))
    return f"problem {problem}, sample {sample_of(item.job)}, step {item.step}"
