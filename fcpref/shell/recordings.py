"""Recordings: every reply of a run, written as it comes, resumable, replayed strictly.

A reply's key is the hash of all that it depends on: the engine's identity (engine, model, revision,
chat template, sampling), the messages, the function schemas where there are any, and the sample
index. While a run goes on, replies are
appended to a ``.part`` file; `seal` turns it into an artifact.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import msgspec
from attrs import frozen

from fcpref.core.canon import content_id, short
from fcpref.core.chains import Reply
from fcpref.core.codec import structure, unstructure
from fcpref.errors import ArtifactError, CodecError, ReplayMissError
from fcpref.shell.store import Artifact, write_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from fcpref.shell.engines.base import Engine, OnReply, Request

STAGE = "recording"
_KEY_DIGITS = 32
_PART_DIGITS = 12


@frozen(kw_only=True)
class Recorded:
    """One recorded reply.

    Attributes:
        job: ``PROBLEM-ID/SAMPLE``.
        step: which reply of the chain.
        key: hash of everything that the reply depends on.
        opening: hash of the first request's messages; tells a changed prompt from a changed turn.
        text: the reply.
        tokens: tokens generated.
    """

    job: str
    step: int
    key: str
    opening: str
    text: str
    tokens: int


def reply_key(identity: Mapping[str, str], request: Request) -> str:
    """Return the key of the reply to a request."""
    return short(
        content_id(
            {
                "identity": dict(identity),
                "messages": [[m.role, m.content] for m in request.messages],
                "sample": request.job.rpartition("/")[2],
                **({"tools": list(request.tools)} if request.tools else {}),
                **({} if request.temperature is None else {"temperature": request.temperature}),
            }
        ),
        _KEY_DIGITS,
    )


class Recording:
    """The replies of one run, in a ``.part`` file that only grows."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and read what is there; a cut last line is dropped."""
        self.path = path
        self.replies: dict[str, Recorded] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whatever is written goes to the end, so opening harms no other writer.
            self._file = path.open("a+b")
        except OSError as error:
            raise self._unusable(error) from None
        try:
            self._lock()
            self._file.seek(0)
            self._file.truncate(self._load(self._file.read()))
        except OSError as error:
            self._file.close()
            raise self._unusable(error) from None
        except ArtifactError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what was appended stays."""
        # Every append is flushed, so all that closing can still fail on was reported there.
        with contextlib.suppress(OSError):
            self._file.close()

    def append(self, recorded: Recorded) -> None:
        """Write one reply through to the file."""
        try:
            self._file.write(msgspec.json.encode(unstructure(recorded)) + b"\n")
            self._file.flush()
        except OSError as error:
            message = (
                f"{self.path}: cannot be written ({error.strerror or error}); free space and run "
                "again, what was recorded is kept"
            )
            raise ArtifactError(message) from None
        self.replies[recorded.key] = recorded

    def _load(self, data: bytes) -> int:
        """Read what is recorded and return its length; bytes after the last line end are cut."""
        kept = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:kept].split(b"\n")[:-1], start=1):
            try:
                recorded = structure(msgspec.json.decode(line), Recorded)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, CodecError) as error:
                # To go on from here would throw away replies that were paid for.
                message = f"{self.path}, line {number}: {error}; remove that line and run again"
                raise ArtifactError(message) from None
            self.replies[recorded.key] = recorded
        return kept

    def _unusable(self, error: OSError) -> ArtifactError:
        return ArtifactError(
            f"{self.path}: cannot be opened for recording ({error.strerror or error}); "
            "choose another --out"
        )

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = (
                f"{self.path}: another run is writing this recording; wait for it or choose "
                "another --out"
            )
            raise ArtifactError(message) from None


class Replies(Protocol):
    """Where replies are kept: a `Recording`, or the memory of a worker."""

    replies: dict[str, Recorded]

    def append(self, recorded: Recorded) -> None:
        """Keep one more."""
        ...


class RecordingEngine:
    """Answers from a recording what it holds, asks an engine for the rest, and records that."""

    def __init__(self, engine: Engine, recording: Replies) -> None:
        """Wrap an engine."""
        self._engine = engine
        self._recording = recording
        self._openings: dict[str, str] = {}

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the wrapped engine."""
        return self._engine.identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`."""
        identity = self.identity

        def noted(request: Request, reply: Reply) -> Request | None:
            following = on_reply(request, reply)
            if following is not None and following.step == 0:
                self._openings[following.job] = opening_hash(following)
            return following

        def record(request: Request, reply: Reply) -> Request | None:
            self._recording.append(
                Recorded(
                    job=request.job,
                    step=request.step,
                    key=reply_key(identity, request),
                    opening=self._openings[request.job],
                    text=reply.text,
                    tokens=reply.tokens,
                )
            )
            return noted(request, reply)

        missing = []
        for request in requests:
            self._openings[request.job] = opening_hash(request)
            rest = _fast_forward(request, identity, self._recording.replies, noted)
            if rest is not None:
                missing.append(rest)
        if missing:
            self._engine.run(missing, record)


class ReplayEngine:
    """Answers from a sealed recording only; never goes live."""

    def __init__(self, artifact: Artifact) -> None:
        """Read the recording's replies."""
        recorded = artifact.values(Recorded)
        self._artifact = artifact
        self._replies = {item.key: item for item in recorded}
        self._by_job = {(item.job, item.step): item for item in recorded}
        identity = artifact.header.spec.get("identity")
        if not isinstance(identity, dict):
            message = f"{artifact.path}: the header has no identity of the engine"
            raise ArtifactError(message)
        self._identity = {str(name): str(value) for name, value in identity.items()}

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the engine that was recorded."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`.

        Raises:
            ReplayMissError: a reply is not in the recording; the message says which part of its
                key differs from the nearest recorded reply.
        """
        for request in requests:
            rest = _fast_forward(request, self._identity, self._replies, on_reply)
            if rest is not None:
                raise ReplayMissError(self._explain(rest))

    def _explain(self, request: Request) -> str:
        problem, _, sample = request.job.rpartition("/")
        where = (
            f"{self._artifact.path}: no reply for problem {short(problem)}, sample {sample}, "
            f"step {request.step}"
        )
        near = self._by_job.get((request.job, request.step))
        if near is not None:
            if request.step == 0 and near.opening != opening_hash(request):
                return f"{where}; the opening messages differ (prompt or problem text has changed)"
            return f"{where}; the messages before it differ (a function's result has changed)"
        jobs = (job.rpartition("/") for job, _ in self._by_job)
        samples = sorted({job[2] for job in jobs if job[0] == problem}, key=lambda s: (len(s), s))
        if samples and sample not in samples:
            return f"{where}; only samples {', '.join(samples)} were recorded"
        if samples:
            return f"{where}; the recorded chain ends earlier (limits have changed)"
        return f"{where}; this problem was not recorded"


def expect_identity(artifact: Artifact, wanted: Mapping[str, str]) -> None:
    """Refuse a recording of another engine, model, template or sampling.

    Raises:
        ReplayMissError: names the components that differ.
    """
    have = artifact.header.spec.get("identity")
    have = have if isinstance(have, dict) else {}
    differ = [
        f"{name} is {have.get(name)!r}, wanted {value!r}"
        for name, value in wanted.items()
        if have.get(name) != value
    ]
    if differ:
        message = f"{artifact.path}: {'; '.join(differ)}"
        raise ReplayMissError(message)


def seal(
    folder: Path,
    recording: Iterable[Recorded],
    *,
    identity: Mapping[str, str],
    parents: Sequence[str],
    spec: Mapping[str, object],
    versions: Mapping[str, str] | None = None,
) -> Artifact:
    """Write a finished recording as an artifact."""
    full = {**spec, "identity": dict(identity)}
    return write_artifact(folder, STAGE, recording, parents=parents, spec=full, versions=versions)


def opening_hash(request: Request) -> str:
    """Return a short hash of a request's messages and function schemas."""
    said: list[object] = [[m.role, m.content] for m in request.messages]
    return short(content_id([*said, *request.tools]), _PART_DIGITS)


def _fast_forward(
    request: Request,
    identity: Mapping[str, str],
    replies: Mapping[str, Recorded],
    on_reply: OnReply,
) -> Request | None:
    """Answer from the recording as far as it goes; return the first request that it lacks."""
    current: Request | None = request
    while current is not None:
        recorded = replies.get(reply_key(identity, current))
        if recorded is None:
            return current
        current = on_reply(current, Reply(text=recorded.text, tokens=recorded.tokens))
    return None
