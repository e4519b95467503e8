"""JSON from files that people make and edit: strict, and clear about what is wrong where."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import msgspec

from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class NoJsonError(ValueError):
    """Bytes are not one JSON value, or one that loses something when read."""


def decode(data: bytes) -> object:
    """Return the value of JSON in UTF-8; a key that comes twice is refused, not dropped.

    Raises:
        NoJsonError: it is none; says why.
    """
    try:
        value = msgspec.json.decode(data)
        json.loads(data, object_pairs_hook=_once)
    except NoJsonError:
        raise
    except UnicodeDecodeError as error:
        raise NoJsonError(f"no UTF-8 ({error.reason})") from None
    except RecursionError:
        raise NoJsonError("no JSON that can be read: nested too deep") from None
    except ValueError as error:
        what = str(error).removeprefix("JSON is malformed: ")
        raise NoJsonError(f"no JSON ({what})") from None
    return value


def json_rows(file: Path, longest: int | None = None) -> Iterator[tuple[int, object]]:
    """Yield the line number and the value of each line that is not blank.

    Args:
        file: JSON Lines in UTF-8.
        longest: bytes that a line may have; no limit when None.

    Raises:
        ProblemError: the file cannot be read, holds nothing, or has a line that is no JSON.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ProblemError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProblemError(f"{file}: is UTF-16; save it as UTF-8")
    # Some editors put the mark before UTF-8 too; it says nothing.
    lines = data.removeprefix(codecs.BOM_UTF8).splitlines()
    if not any(line.strip() for line in lines):
        raise ProblemError(f"{file}: is empty; give a file with one JSON object a line")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if longest is not None and len(line) > longest:
            raise ProblemError(
                f"{file}, line {number}: has {len(line):,} bytes; at most {longest:,} are read"
            )
        try:
            yield number, decode(line)
        except NoJsonError as error:
            hint = "; each line is one JSON object" if str(error).startswith("no JSON") else ""
            raise ProblemError(f"{file}, line {number}: {error}{hint}") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NoJsonError(f"field {twice!r} is given twice")
    return fields
