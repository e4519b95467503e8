"""Reads the header of a GGUF file: metadata, tensor table, and where the tensors' bytes begin.

It is read here because the reader of the `gguf` package takes seconds for each 100,000 vocabulary
entries, and transformers runs it three times.

The GGUF format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fcpref.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tensor(NamedTuple):
    """One line of the tensor table; `shape` is in torch's order."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT, _LIST = 8, 9


class _Cursor:
    """Reads little-endian values one after the other; running off the end is a `struct.error`."""

    def __init__(self, blob: memoryview) -> None:
        self.blob = blob
        self.position = 0

    def scalars(self, code: str, count: int = 1) -> tuple[Any, ...]:
        layout = f"<{count}{code}"
        values = struct.unpack_from(layout, self.blob, self.position)
        self.position += struct.calcsize(layout)
        return values

    def text(self) -> str:
        (length,) = self.scalars("Q")
        (raw,) = self.scalars("s", length)  # one value: "<5s" is five bytes
        return str(raw, "utf-8")

    def value(self, kind: int) -> Any:  # noqa: ANN401 - the file says which type it is
        if kind == _TEXT:
            return self.text()
        if kind != _LIST:
            return self.scalars(_SCALARS[kind])[0]
        (inner,), (count,) = self.scalars("I"), self.scalars("Q")
        if inner == _TEXT:
            return [self.text() for _ in range(count)]
        return self.scalars(_SCALARS[inner], count)


def read_header(blob: memoryview) -> tuple[Mapping[str, Any], list[Tensor], int]:
    """Return metadata, tensor table, and where the tensors' bytes begin.

    Raises:
        ValueError: the file is no GGUF file of a known version.
        KeyError, struct.error: it is damaged.
    """
    cursor = _Cursor(blob)
    if cursor.scalars("s", 4)[0] != b"GGUF":
        raise ValueError("it does not start with GGUF")
    version, tensor_count, value_count = (*cursor.scalars("I"), *cursor.scalars("Q", 2))
    if version not in (2, 3):
        raise ValueError(f"version {version}")
    metadata: dict[str, Any] = {}
    for _ in range(value_count):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.scalars("I")[0])
    tensors = []
    for _ in range(tensor_count):
        name = cursor.text()
        shape = cursor.scalars("Q", cursor.scalars("I")[0])[::-1]
        tensors.append(
            Tensor(
                name=name,
                shape=shape,
                kind=cursor.scalars("I")[0],
                offset=cursor.scalars("Q")[0],
            ),
        )
    alignment = metadata.get("general.alignment", 32)
    return metadata, tensors, -(-cursor.position // alignment) * alignment


def refuse(name: str, why: str) -> NoReturn:
    """Raise the error that says why a file is not converted.

    Raises:
        ModelError: always.
    """
    raise ModelError(
        f"{name} cannot be converted: {why}; use the original weights as hub:ID or path:DIR"
    )
