"""The ``.part`` file of a run that is recorded: written as replies come, resumable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from fcpref.core.canon import canonical_bytes
from fcpref.core.codec import structure, unstructure
from fcpref.errors import ArtifactError, CodecError
from fcpref.shell.recordings import Recorded
from fcpref.shell.store import Header

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO
    from pathlib import Path
    from typing import Self

    from fcpref.shell.recordings import Place

PART = ".part"


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
