"""What the columns of a dataset hold, as data that a writer of any file format can follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen


@frozen
class ListOf:
    """A list of one kind; a missing one is None."""

    item: Kind


@frozen
class Fields:
    """An object with the same fields in every row."""

    fields: Mapping[str, Kind]


Kind = Literal["text", "flag", "json"] | ListOf | Fields
"""``json`` is an object whose fields differ from row to row, such as a call's arguments: as a
struct, each would have the fields of all others, most of them null."""

TEXT: Kind = "text"
MESSAGES = ListOf(Fields({"role": "text", "content": "text"}))
OBJECTS = ListOf("json")
