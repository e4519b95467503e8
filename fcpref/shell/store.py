"""Artifacts on disk: content-hashed, written whole or not at all, verified on every read.

A file is a header line and one record a line, sorted; its id is the hash of those bytes before
compression. The name carries the first 16 hex digits of the id.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from attrs import field, frozen

from fcpref.core.canon import bytes_id, canonical_bytes, short
from fcpref.core.codec import structure, unstructure, value_bytes
from fcpref.errors import ArtifactError, CodecError
from fcpref.shell.bulk import bulk
from fcpref.shell.rows import NoJsonError, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")
FORMAT = 1
_COMPRESS_ABOVE = 32_768
_MAX_BYTES = 2**31
# msgspec lets wrong UTF-8 and too deep nesting out as what they are.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@frozen(kw_only=True)
class Header:
    """The first line of an artifact.

    Attributes:
        format: version of this layout.
        stage: what kind of records follow.
        parents: ids of the artifacts that the records were made from.
        spec: the settings that they were made with, as plain data.
        versions: versions of libraries that the content depends on.
        count: number of records.
    """

    format: int
    stage: str
    parents: tuple[str, ...] = ()
    spec: dict[str, Any] = field(factory=dict)
    versions: dict[str, str] = field(factory=dict)
    count: int = 0


@frozen(kw_only=True)
class Artifact:
    """A read or written artifact; `records` are plain data."""

    id: str
    path: Path
    header: Header
    records: tuple[object, ...]

    @bulk()
    def values(self, cls: type[T]) -> tuple[T, ...]:
        """Return the records as values of a class.

        Raises:
            ArtifactError: a record does not have that shape; names file and line.
        """
        return tuple(self.each(cls))

    def each(self, cls: type[T]) -> Iterator[T]:
        """Yield the records as values of a class, one at a time.

        Raises:
            ArtifactError: a record does not have that shape; names file and line.
        """
        for number, record in enumerate(self.records, start=2):
            try:
                value = structure(record, cls)
            except CodecError as error:
                message = f"{self.path}, line {number}: {error}"
                raise ArtifactError(message) from None
            yield value


@bulk()
def write_artifact(
    folder: Path,
    stage: str,
    values: Iterable[object],
    *,
    parents: Sequence[str] = (),
    spec: Mapping[str, object] | None = None,
    versions: Mapping[str, str] | None = None,
    out: Path | None = None,
) -> Artifact:
    """Write values as an artifact and return it.

    Args:
        folder: the root under which ``stage/NAME`` is made.
        stage: the stage's name.
        values: records; they are sorted by their canonical bytes. One that is bytes has been
            encoded so before, by a worker.
        parents: ids of what they were made from.
        spec: settings.
        versions: library versions that the content depends on.
        out: write to this path instead.
    """
    lines = sorted(value if isinstance(value, bytes) else value_bytes(value) for value in values)
    header = Header(
        format=FORMAT,
        stage=stage,
        parents=tuple(parents),
        # As it will be read: settings that are tuples here are lists there.
        spec=msgspec.json.decode(canonical_bytes(dict(spec or {}))),
        versions=dict(versions or {}),
        count=len(lines),
    )
    data = b"\n".join([canonical_bytes(unstructure(header)), *lines]) + b"\n"
    identifier = bytes_id(data)
    suffix = ".jsonl.gz" if len(data) > _COMPRESS_ABOVE else ".jsonl"
    path = out or folder / stage / f"{short(identifier)}{suffix}"
    packed = gzip.compress(data, mtime=0) if path.suffix == ".gz" else data
    write_bytes(path, packed)
    records = tuple(msgspec.json.decode(line) for line in lines)
    return Artifact(id=identifier, path=path, header=header, records=records)


@bulk()
def read_artifact(path: Path, *, stage: str | None = None) -> Artifact:
    """Read an artifact and verify it.

    Args:
        path: the file.
        stage: the stage that it must come from, if any.

    Raises:
        ArtifactError: it cannot be read, is truncated, edited, of another version or stage.
    """
    data = _unpacked(path)
    lines = data.split(b"\n")
    if lines[-1] != b"":
        message = f"{path}: the last line is cut off; write the artifact again"
        raise ArtifactError(message)
    header = _header(path, lines[0])
    if stage is not None and header.stage != stage:
        message = f"{path}: holds {header.stage}, and {stage} is needed here"
        raise ArtifactError(message)
    identifier = bytes_id(data)
    expected = path.name.partition(".")[0]
    if _is_hex(expected) and expected != short(identifier):
        message = (
            f"{path}: content hash {short(identifier)} is not its name; the file was edited or "
            "damaged, restore it"
        )
        raise ArtifactError(message)
    if header.count != len(lines) - 2:
        message = (
            f"{path}: has {len(lines) - 2} records, its header says {header.count}; it was cut or "
            "edited, restore it"
        )
        raise ArtifactError(message)
    # What its name vouches for was written by us; any other file may have been edited.
    read = msgspec.json.decode if _is_hex(expected) else decode
    records = tuple(
        _record(path, number, line, read) for number, line in enumerate(lines[1:-1], start=2)
    )
    return Artifact(id=identifier, path=path, header=header, records=records)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a temporary file, synced, renamed.

    Raises:
        ArtifactError: the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        message = (
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another "
            "--out"
        )
        raise ArtifactError(message) from None
    finally:
        # An interrupted run leaves nothing either.
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def is_free(folder: Path) -> bool:
    """Tell whether nothing is there that writing a folder would replace: it is new or empty."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = _gunzip(data)
    except FileNotFoundError:
        message = f"{path}: no such artifact"
        raise ArtifactError(message) from None
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path}: cannot be read ({error}); restore it or write it again"
        raise ArtifactError(message) from None
    return data


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(data, _MAX_BYTES)
    if not unpacker.eof or unpacker.unused_data:
        message = "the compressed data is cut off or larger than 2 GiB"
        raise EOFError(message)
    return unpacked


def _header(path: Path, line: bytes) -> Header:
    try:
        data = msgspec.json.decode(line)
        version = data.get("format") if isinstance(data, dict) else None
        if version != FORMAT:
            message = (
                f"{path}, line 1: format {version!r} is not {FORMAT}; it was written by another "
                "version of fcpref, or is no artifact"
            )
            raise ArtifactError(message)
        return structure(data, Header)
    except (*_UNREADABLE, CodecError) as error:
        message = f"{path}, line 1: no artifact header ({error})"
        raise ArtifactError(message) from None


def _record(path: Path, number: int, line: bytes, read: Callable[[bytes], object]) -> object:
    try:
        return read(line)
    except (*_UNREADABLE, NoJsonError) as error:
        message = f"{path}, line {number}: {error}"
        raise ArtifactError(message) from None


def _is_hex(text: str) -> bool:
    return len(text) == 16 and all(c in "0123456789abcdef" for c in text)  # noqa: PLR2004 - see short()
