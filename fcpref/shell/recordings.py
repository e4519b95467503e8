"""Recordings: every reply of a run, written as it comes, resumable.

A reply's key is the hash of all that it depends on: the engine's identity (engine, model, revision,
chat template, sampling), the messages, the function schemas where there are any, the sample index,
and the chain's own temperature where it has one. While a run goes on, replies are appended to a
``.part`` file; `seal` turns it into an artifact.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import msgspec
from attrs import evolve, field, frozen

from fcpref.core.canon import canonical_bytes
from fcpref.core.chains import Reply
from fcpref.core.codec import LATER, structure, unstructure
from fcpref.errors import ArtifactError, CodecError, ReplayMissError
from fcpref.shell.reply_keys import ReplyKeys, opening_hash, reply_key
from fcpref.shell.store import FORMAT, Artifact, Header, write_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from io import FileIO
    from pathlib import Path
    from typing import Self

    from fcpref.shell.engines.base import Engine, OnReply, Request

__all__ = [
    "PART",
    "STAGE",
    "Place",
    "Recorded",
    "Recording",
    "RecordingEngine",
    "Replies",
    "expect_identity",
    "opening_hash",
    "read_part",
    "recording_header",
    "reply_key",
    "seal",
]

STAGE = "recording"
PART = ".part"

Place = tuple[str, str]
"""Where a reply belongs: job and key. Two problems of the same words have the same keys."""


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
        silent: there is no reply, for the engine had nothing more to say; the chain ends here.
    """

    job: str
    step: int
    key: str
    opening: str
    text: str
    tokens: int
    silent: bool = field(default=False, metadata=LATER)

    @property
    def place(self) -> Place:
        """Job and key."""
        return self.job, self.key


class Recording:
    """The replies of one run, in a ``.part`` file that only grows.

    One process writes it at a time. Its lines are whole at any moment but for the last one, which
    may be under way; whoever opens the file next drops that one.
    """

    def __init__(self, path: Path, header: Header | None = None) -> None:
        """Open or create the file and read what is there; a cut last line is dropped.

        Args:
            path: the ``.part`` file.
            header: what the recording will be sealed with; goes into the first line of a new file,
                so that the file says by itself what it is.

        Raises:
            ArtifactError: the file cannot be opened or is damaged, or another run is writing it.
        """
        self.path = path
        self.replies: dict[Place, Recorded] = {}
        try:
            self._file = _opened(path)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            self._file.seek(0)
            self._length = self._load(self._file.readall())
            self._file.truncate(self._length)
            if header is not None and not self._length:
                self._write(canonical_bytes(unstructure(header)) + b"\n")
        except OSError as error:
            self.close()
            raise _unusable(path, error) from None
        except ArtifactError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what was appended stays."""
        self.close()

    def append(self, recorded: Recorded) -> None:
        """Write one reply through to the file; a place that has one keeps it.

        Raises:
            ArtifactError: it cannot be written; the file ends with the reply before.
        """
        if recorded.place in self.replies:
            return
        self._write(msgspec.json.encode(unstructure(recorded)) + b"\n")
        self.replies[recorded.place] = recorded

    def know(self, replies: Iterable[Recorded]) -> None:
        """Answer from these too; they are kept elsewhere and not written to the file."""
        for recorded in replies:
            self.replies.setdefault(recorded.place, recorded)

    def close(self) -> None:
        """Close the file, and let others write it."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file, once it is sealed; another run that holds it open sees that it went."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _write(self, line: bytes) -> None:
        if self._file.closed:
            raise ArtifactError(f"{self.path}: is closed; run again, what was recorded is kept")
        try:
            rest = line
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._cut_back()
            message = (
                f"{self.path}: cannot be written ({error.strerror or error}); free space and run "
                "again, what was recorded is kept"
            )
            raise ArtifactError(message) from None
        except BaseException:
            self._cut_back()
            raise
        self._length += len(line)

    def _cut_back(self) -> None:
        """Drop half a line; where even that fails, make sure that nothing is written after it."""
        try:
            self._file.truncate(self._length)
        except OSError:
            self.close()

    def _load(self, data: bytes) -> int:
        """Read what is recorded and return its length; bytes after the last line end are cut."""
        # The chain went on from the first of a place; a second one was never heard.
        self.know(_read(self.path, data)[1])
        return data.rfind(b"\n") + 1


def read_part(path: Path) -> tuple[Header | None, tuple[Recorded, ...]]:
    """Read a ``.part`` file, which another process may be writing; its last line may be half.

    Returns:
        The header, which files of earlier versions lack, and the replies in the order of their
        coming.

    Raises:
        ArtifactError: it cannot be read or is damaged.
    """
    try:
        return _read(path, path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _read(path: Path, data: bytes) -> tuple[Header | None, tuple[Recorded, ...]]:
    header, replies = None, []
    # What follows the last line end was being written.
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            fields = msgspec.json.decode(line)
            if number == 1 and isinstance(fields, dict) and "format" in fields:
                header = structure(fields, Header)
            else:
                replies.append(structure(fields, Recorded))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, CodecError) as error:
            # To go on from here would throw away replies that were paid for.
            message = f"{path}, line {number}: {error}; remove that line and run again"
            raise ArtifactError(message) from None
    return header, tuple(replies)


def _opened(path: Path) -> FileIO:
    """Open a file for this process alone; its name still leads to it when that is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        # Unbuffered, so that what was written is known; whatever is written goes to the end.
        file = path.open("a+b", buffering=0)
        try:
            _lock(path, file)
            if _is_at(path, file):
                return file
        except BaseException:
            file.close()
            raise
        # Another run sealed and removed it between our opening and our locking.
        file.close()


def _is_at(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lock(path: Path, file: FileIO) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = (
            f"{path}: another run is writing this recording; wait for it or choose another --out"
        )
        raise ArtifactError(message) from None


def _unusable(path: Path, error: OSError) -> ArtifactError:
    return ArtifactError(
        f"{path}: cannot be opened for recording ({error.strerror or error}); choose another --out"
    )


class Replies(Protocol):
    """Where replies are kept: a `Recording`, or memory that goes into one later."""

    replies: dict[Place, Recorded]

    def append(self, recorded: Recorded) -> None:
        """Keep one more; a place that has one keeps it."""
        ...


class RecordingEngine:
    """Answers from a recording what it holds, asks an engine for the rest, and records that.

    Attributes:
        reached: the replies that the chains were made of, known and new ones.
    """

    def __init__(self, engine: Engine, recording: Replies) -> None:
        """Wrap an engine."""
        self.reached: dict[Place, Recorded] = {}
        self._engine = engine
        self._recording = recording
        self._openings: dict[str, str] = {}
        self._keys = ReplyKeys(engine.identity)

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the wrapped engine."""
        return self._engine.identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a request that the engine leaves unanswered is recorded as `silent`."""
        asked: dict[str, Request] = {}

        def ask(request: Request | None) -> Request | None:
            rest = self._go_on(request, on_reply)
            if rest is not None:
                asked[rest.job] = rest
            return rest

        def record(request: Request, reply: Reply) -> Request | None:
            asked.pop(request.job, None)
            # Half a character has no bytes: what cannot be recorded is not heard either.
            reply = evolve(reply, text=reply.text.encode(errors="replace").decode())
            self._keep(request, text=reply.text, tokens=reply.tokens)
            return ask(on_reply(request, reply))

        missing = [rest for request in requests if (rest := ask(request)) is not None]
        if missing:
            self._engine.run(missing, record)
        for request in asked.values():
            self._keep(request, silent=True)

    def _go_on(self, request: Request | None, on_reply: OnReply) -> Request | None:
        """Answer from the recording as far as it goes; return the first request that it lacks."""
        while request is not None:
            # A chain may be asked for in the place of another one that has ended.
            if request.step == 0 or request.job not in self._openings:
                self._openings[request.job] = opening_hash(request)
            recorded = self._recording.replies.get((request.job, self._keys.of(request)))
            if recorded is None:
                return request
            self.reached[recorded.place] = recorded
            if recorded.silent:
                return None
            request = on_reply(request, Reply(text=recorded.text, tokens=recorded.tokens))
        return None

    def _keep(
        self, request: Request, *, text: str = "", tokens: int = 0, silent: bool = False
    ) -> None:
        recorded = Recorded(
            job=request.job,
            step=request.step,
            key=self._keys.of(request),
            opening=self._openings[request.job],
            text=text,
            tokens=tokens,
            silent=silent,
        )
        self._recording.append(recorded)
        self.reached[recorded.place] = recorded


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


def recording_header(
    *,
    identity: Mapping[str, str],
    parents: Sequence[str],
    spec: Mapping[str, object],
    versions: Mapping[str, str] | None = None,
) -> Header:
    """Return the header of a recording; nothing is counted yet.

    Args:
        identity: of the engine.
        parents: the problems' id.
        spec: the sampling plan and what was shown, as plain data.
        versions: of libraries that the replies depend on.
    """
    return Header(
        format=FORMAT,
        stage=STAGE,
        parents=tuple(parents),
        spec={**spec, "identity": dict(identity)},
        versions=dict(versions or {}),
    )


def seal(folder: Path, replies: Iterable[Recorded], header: Header) -> Artifact:
    """Write a finished recording as an artifact."""
    return write_artifact(
        folder,
        STAGE,
        replies,
        parents=header.parents,
        spec=header.spec,
        versions=header.versions,
    )
