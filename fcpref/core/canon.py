"""Value -> canonical bytes -> id.

Canonical bytes are JSON with sorted keys, as UTF-8, without spaces. Two equal values give the
same bytes in every process and on every machine.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

import msgspec

from fcpref.errors import CanonError

_ENCODER = msgspec.json.Encoder(order="sorted")
ID_PREFIX = "sha256:"
MAX_NESTING = 200
MAX_INTEGER_BITS = 2_048
_SMALL = 2**62
# Too many digits for an integer that is allowed, if they are one.
_LONG = re.compile(rb"[0-9]{600}")


def canonical_bytes(value: object) -> bytes:
    """Encode plain data (mappings, list, tuple, str, int, float, bool, None) canonically.

    Equal values of one type give equal bytes: -0.0 is written as 0.0, and a subclass (of str, say)
    as what it is equal to.

    Raises:
        CanonError: on NaN, an infinity (nested too), a lone surrogate, a key that is not text, an
            integer of more than 2,048 bits, nesting deeper than 200, or any other type. msgspec
            would write NaN as null, so the check comes first.
    """
    return _ENCODER.encode(value if _is_flat(value) else _plain(value, "$", 0))


def floatless_bytes(value: object) -> bytes:
    """Encode plain data that is known to hold no float and no keys but texts; as `canonical_bytes`.

    Nothing is looked at one by one: msgspec itself refuses what else has no canonical form.

    Raises:
        CanonError: see `canonical_bytes`.
    """
    try:
        data = _ENCODER.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return canonical_bytes(value)
    return canonical_bytes(value) if _LONG.search(data) else data


def content_id(value: object) -> str:
    """Return ``sha256:`` and the hex digest of the value's canonical bytes."""
    return bytes_id(canonical_bytes(value))


def bytes_id(data: bytes) -> str:
    """Return ``sha256:`` and the hex digest of bytes that are canonical already."""
    return ID_PREFIX + hashlib.sha256(data).hexdigest()


def short(identifier: str, digits: int = 16) -> str:
    """Return the first hex digits of an id, for file names and messages."""
    return identifier.removeprefix(ID_PREFIX)[:digits]


def _is_flat(value: object) -> bool:
    """Tell whether a value is a list of plain ASCII texts and small integers.

    Such a list is canonical already; labels of random streams are, and there are very many.
    """
    return type(value) is list and all(
        (type(item) is str and item.isascii()) or (type(item) is int and abs(item) <= _SMALL)
        for item in value
    )


def _plain(value: object, path: str, depth: int) -> object:
    if depth > MAX_NESTING:
        # Only the start of the path: a cycle's own path would be all there is to read.
        message = f"nested deeper than {MAX_NESTING}, so no canonical form @ {path[:60]}"
        raise CanonError(message)
    # Most of what is written is short texts in lists: they take the short way.
    if type(value) is str and value.isascii():
        return value
    match value:
        case None | bool():
            return value
        case int():
            return _integer(int(value), path)
        case float():
            return _float(float(value), path)
        case str():
            return _text(value, path)
        case list() | tuple():
            inside = depth < MAX_NESTING
            return [
                item
                if type(item) is str and inside and item.isascii()
                else _plain(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(value)
            ]
        case Mapping():
            return {
                _key(key, path): _plain(item, f"{path}.{key}", depth + 1)
                for key, item in value.items()
            }
    message = f"{type(value).__name__} has no canonical form @ {path}"
    raise CanonError(message)


def _integer(value: int, path: str) -> int:
    if value.bit_length() > MAX_INTEGER_BITS:
        message = f"an integer of over {MAX_INTEGER_BITS} bits has no canonical form @ {path}"
        raise CanonError(message)
    return value


def _float(value: float, path: str) -> float:
    if not math.isfinite(value):
        message = f"{value} has no canonical form @ {path}"
        raise CanonError(message)
    return value + 0.0  # -0.0 equals 0.0


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        message = f"key {key!r} is not text @ {path}"
        raise CanonError(message)
    return _text(key, path)


def _text(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"text with a lone surrogate has no canonical form @ {path}"
        raise CanonError(message) from None
    return str.__str__(text)
