"""Value -> canonical bytes -> id.

Canonical bytes are JSON with sorted keys, as UTF-8, without spaces. Two equal values give the
same bytes in every process and on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import msgspec

from fcpref.errors import CanonError

_ENCODER = msgspec.json.Encoder(order="sorted")
ID_PREFIX = "sha256:"


def canonical_bytes(value: object) -> bytes:
    """Encode plain data (dict, list, tuple, str, int, float, bool, None) canonically.

    Raises:
        CanonError: on NaN, an infinity (nested too), a lone surrogate, a key that is not text, or
            any other type. msgspec would write NaN as null, so the check comes first.
    """
    _check(value, "$")
    return _ENCODER.encode(value)


def content_id(value: object) -> str:
    """Return ``sha256:`` and the hex digest of the value's canonical bytes."""
    return bytes_id(canonical_bytes(value))


def bytes_id(data: bytes) -> str:
    """Return ``sha256:`` and the hex digest of bytes that are canonical already."""
    return ID_PREFIX + hashlib.sha256(data).hexdigest()


def short(identifier: str, digits: int = 16) -> str:
    """Return the first hex digits of an id, for file names and messages."""
    return identifier.removeprefix(ID_PREFIX)[:digits]


def _check(value: object, path: str) -> None:
    match value:
        case None | bool() | int():
            return
        case float():
            if not math.isfinite(value):
                message = f"{value} has no canonical form @ {path}"
                raise CanonError(message)
        case str():
            _check_text(value, path)
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, f"{path}[{index}]")
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    message = f"key {key!r} is not text @ {path}"
                    raise CanonError(message)
                _check_text(key, path)
                _check(item, f"{path}.{key}")
        case _:
            message = f"{type(value).__name__} has no canonical form @ {path}"
            raise CanonError(message)


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"text with a lone surrogate has no canonical form @ {path}"
        raise CanonError(message) from None
