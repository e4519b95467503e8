"""Rows of files that people bring: JSON Lines, a JSON list, Parquet, or a folder of these."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.errors import ProblemError
from fcpref.shell.rows import NoJsonError, decode, json_rows
from fcpref.shell.store import file_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

_SUFFIXES = (".jsonl", ".json", ".parquet")
# What describes a dataset, and is none of its rows.
_ABOUT = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")


@frozen
class FileRow:
    """One row of a file.

    Attributes:
        file: where it is.
        number: the line or row, from 1.
        unit: ``line`` or ``row``.
        data: its value.
    """

    file: Path
    number: int
    unit: str
    data: object

    @property
    def where(self) -> str:
        """Return the place, for messages."""
        return f"{self.file}, {self.unit} {self.number}"


def files_of(path: Path, suffixes: Sequence[str] = _SUFFIXES) -> list[Path]:
    """Return a file, or the files of a folder in order; one of each name.

    Args:
        path: the file or folder.
        suffixes: of files in a folder, those first that are taken where the same rows are there
            twice: an exported dataset has them as JSON Lines and as Parquet.

    Raises:
        ProblemError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    found: dict[Path, Path] = {}
    for suffix in suffixes:
        for file in sorted(path.rglob(f"*{suffix}")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if not hidden and file.name not in _ABOUT:
                found.setdefault(file.with_suffix(""), file)
    if not found:
        raise ProblemError(f"{path}: has no rows; give a folder of {', '.join(suffixes)} files")
    return [found[name] for name in sorted(found)]


def file_rows(file: Path, longest: int | None = None) -> Iterator[FileRow]:
    """Yield the rows of a file.

    Args:
        file: ``.parquet``, ``.json`` with a list or JSON Lines, or any other with JSON Lines.
        longest: bytes that a line may have; no limit when None.

    Raises:
        ProblemError: it cannot be read, or holds nothing.
    """
    if file.suffix == ".parquet":
        yield from _parquet(file)
    elif file.suffix == ".json" and _is_list(file):
        yield from _listed(file)
    else:
        for number, data in json_rows(file, longest):
            yield FileRow(file, number, "line", data)


def rows_hash(path: Path) -> str:
    """Return a hash of a file's bytes, or of all files of a folder, as hex."""
    if not path.is_dir():
        return file_hash(path)
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file_hash(file)}\n".encode())
    return digest.hexdigest()


def _is_list(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except OSError:
        return False  # reading it says why


def _listed(file: Path) -> Iterator[FileRow]:
    try:
        data = decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except NoJsonError as error:
        raise ProblemError(f"{file}: {error}; give a list of JSON objects") from None
    if not isinstance(data, list) or not data:
        raise ProblemError(f"{file}: is empty; give a list of JSON objects")
    for number, row in enumerate(data, start=1):
        yield FileRow(file, number, "row", row)


def _parquet(file: Path) -> Iterator[FileRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with file.open("rb") as opened, pq.ParquetFile(opened) as table:
            for batch in table.iter_batches(batch_size=1024):
                names = batch.schema.names
                columns = [_plain(one.type, one.to_pylist()) for one in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield FileRow(file, number, "row", dict(zip(names, values, strict=True)))
    except OSError as error:
        what = error.strerror or "it is damaged"
        raise ProblemError(f"{file}: cannot be read ({what}); check the path") from None
    except (pa.ArrowException, ValueError) as error:
        what = str(error).splitlines()[0]
        raise ProblemError(f"{file}: is no Parquet that can be read ({what})") from None
    if not number:
        raise ProblemError(f"{file}: is empty; give a file with rows")


def _plain(kind: pa.DataType, values: list[Any]) -> list[Any]:
    """Return a column's values as JSON has them: a struct's missing fields are not there."""
    import pyarrow as pa

    if isinstance(kind, pa.JsonType):
        return [None if one is None else json.loads(one) for one in values]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [None if one is None else _plain(kind.value_type, one) for one in values]
    if pa.types.is_struct(kind):
        return [None if one is None else _fields(kind, one) for one in values]
    return values


def _fields(kind: pa.StructType, value: dict[str, Any]) -> dict[str, Any]:
    fields = (kind.field(at) for at in range(kind.num_fields))
    present = (field for field in fields if value[field.name] is not None)
    return {field.name: _plain(field.type, [value[field.name]])[0] for field in present}
