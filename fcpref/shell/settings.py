"""Settings by name: ``{"lora.rank": 8}`` applied to a frozen value, types checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fcpref.core.codec import structure, unstructure
from fcpref.errors import CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def changed(value: T, changes: Mapping[str, object]) -> T:
    """Return a value with some fields set; a dot goes into a field that is a value itself.

    Args:
        value: a frozen value.
        changes: field name -> plain data.

    Raises:
        UsageError: no such field, or data that the field does not take.
    """
    plain: dict[str, Any] = unstructure(value)
    for name, new in changes.items():
        *outer, last = name.split(".")
        inner: Any = plain
        for part in outer:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            raise UsageError(f"there is no setting {name!r}; there are {', '.join(plain)}")
        inner[last] = new
    try:
        return structure(plain, type(value))
    except CodecError as error:
        raise UsageError(f"a setting cannot be used: {error}") from None
