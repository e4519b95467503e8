"""Rows on disk as a Hugging Face dataset: JSON Lines and Parquet, written as they come.

Memory holds one row group a split. Files have temporary names until all of them are whole and
synced; only then are they renamed, so that what ends an export leaves what was there before.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fcpref.errors import ArtifactError
from fcpref.shell.row_tables import RowEncoder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from types import TracebackType

    from fcpref.core.pairs.export import Kind

SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""Our splits, as `datasets` names them."""
SUFFIXES = (".jsonl", ".parquet")
MARK = "\ntags: [fcpref, "
"""What the card of an export has in its head."""

GROUP_BYTES = 4_000_000
"""JSON bytes of a row group, in which Parquet is written and read."""
_LEVEL = 1


class DatasetFiles:
    """The files of a dataset in the making; a context manager that leaves all of them or none.

    Attributes:
        counts: rows of each split so far.
        bytes: JSON Lines bytes written so far.
    """

    def __init__(self, folder: Path, columns: Mapping[str, Kind]) -> None:
        """Begin to write.

        Args:
            folder: is made if need be.
            columns: what rows hold, in order; a row may leave out a list.
        """
        self._folder, self._columns = folder, columns
        self._splits: dict[str, _Split] = {}
        self.counts: dict[str, int] = {}
        self.bytes = 0

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Write a row.

        Raises:
            ArtifactError: the disk is full or the folder cannot be written.
        """
        with _writing(self._folder):
            if split not in self._splits:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._splits[split] = _Split(self._folder, split, self._columns)
            self.bytes += self._splits[split].add(row)
        self.counts[split] = self.counts.get(split, 0) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """The files' names."""
        return tuple(f"{split}{suffix}" for split in sorted(self._splits) for suffix in SUFFIXES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with _writing(self._folder):
                    for split in self._splits.values():
                        split.finish()
                    for split in self._splits.values():
                        split.rename()
        finally:
            # An interrupted run leaves nothing either.
            for split in self._splits.values():
                split.discard()


class _Split:
    """The two files of one split."""

    def __init__(self, folder: Path, name: str, columns: Mapping[str, Kind]) -> None:
        self._encoder = RowEncoder(columns)
        self._waiting: list[Mapping[str, Any]] = []
        self._bytes = 0
        self._files: list[_File] = []
        self._lines = self._open(folder / f"{name}.jsonl")
        self._parquet = self._open(folder / f"{name}.parquet")
        self._tables: Any = None

    def _open(self, path: Path) -> _File:
        self._files.append(_File(path))
        return self._files[-1]

    def add(self, row: Mapping[str, Any]) -> int:
        line = self._encoder.line(row)
        self._lines.write(line)
        self._waiting.append(row)
        self._bytes += len(line)
        if self._bytes >= GROUP_BYTES:
            self._group()
        return len(line)

    def _group(self) -> None:
        if not self._waiting:
            return
        import pyarrow.parquet as pq

        table = self._encoder.table(self._waiting)
        if self._tables is None:
            self._tables = pq.ParquetWriter(
                self._parquet, table.schema, compression="zstd", compression_level=_LEVEL
            )
        self._tables.write_table(table, row_group_size=len(table))
        self._waiting.clear()
        self._bytes = 0

    def finish(self) -> None:
        self._group()
        if self._tables is not None:
            self._tables.close()
        for file in self._files:
            file.sync()

    def rename(self) -> None:
        for file in self._files:
            file.rename()

    def discard(self) -> None:
        for file in self._files:
            file.discard()


class _File:
    """A file with a temporary name; pyarrow writes to it as to any other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        self._temporary: Path | None = Path(name)
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        self._at = 0

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        self._at += self._file.write(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        self._file.flush()

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def rename(self) -> None:
        if self._temporary is not None:
            self._temporary.chmod(0o644)
            self._temporary.replace(self._path)
            self._temporary = None

    def discard(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):  # what is buffered has no place to go
                self._file.close()
            self._temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"{folder}: cannot be written ({error.strerror or error}); free space or choose "
            "another --out"
        ) from None


def clear(folder: Path, kept: Collection[str], *others: str) -> None:
    """Remove what an earlier export left in a folder; only where its card says that it was one.

    Args:
        folder: the dataset.
        kept: names of files that stay.
        others: names beside those of the splits that an export may have.
    """
    try:
        ours = MARK in (folder / "README.md").read_text()
    except (OSError, UnicodeDecodeError):
        return
    names = [f"{split}{suffix}" for split in SPLITS.values() for suffix in SUFFIXES]
    for name in (*names, *others) if ours else ():
        if name not in kept:
            (folder / name).unlink(missing_ok=True)
