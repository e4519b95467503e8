"""Rows -> lines of JSON and Arrow tables, column by column: faster than from rows as objects."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import frozen

from fcpref.core.pairs.export import Fields, ListOf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from fcpref.core.pairs.export import Kind

_JSON = msgspec.json.Encoder()
_SHARED = 256


@frozen
class _Tools:
    """The functions that rows share; `items` is kept so that its address stays its own."""

    items: list[Any]
    line: msgspec.Raw
    texts: list[str]


class RowEncoder:
    """Encodes rows of some columns; what they share is encoded once."""

    def __init__(self, columns: Mapping[str, Kind]) -> None:
        """Take what rows hold, in order."""
        self._columns = columns
        self._shared: dict[int, _Tools] = {}

    def line(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as one line of JSON, its columns in order; what it lacks is null."""
        data = {name: row.get(name) for name in self._columns}
        if isinstance(data.get("tools"), list):
            data["tools"] = self._tools(data["tools"]).line
        return _JSON.encode(data) + b"\n"

    def table(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Return rows as a table; `datasets` reads the columns' features from its types."""
        import pyarrow as pa

        columns = {
            name: self._json_lists([row.get(name) for row in rows])
            if name == "tools" and kind == ListOf("json")
            else _array(kind, [row.get(name) for row in rows])
            for name, kind in self._columns.items()
        }
        return pa.table(columns)

    def _json_lists(self, values: list[Any]) -> pa.Array:
        texts = [None if one is None else self._tools(one).texts for one in values]
        return _list_array(texts, _json_array(list(chain.from_iterable(filter(None, texts)))))

    def _tools(self, tools: Any) -> _Tools:  # noqa: ANN401 - a list of plain data
        known = self._shared.get(id(tools))
        if known is None:
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            known = _Tools(tools, msgspec.Raw(_JSON.encode(tools)), _texts(tools))
            self._shared[id(tools)] = known
        return known


def _array(kind: Kind, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    if isinstance(kind, ListOf):
        items = list(chain.from_iterable(filter(None, values)))
        return _list_array(values, _array(kind.item, items))
    if isinstance(kind, Fields):
        parts = [_array(one, [v[name] for v in values]) for name, one in kind.fields.items()]
        return pa.StructArray.from_arrays(parts, names=list(kind.fields))
    if kind == "json":
        return _json_array(_texts(values))
    return pa.array(values, pa.string() if kind == "text" else pa.bool_())


def _list_array(values: Sequence[Sequence[Any] | None], items: pa.Array) -> pa.Array:
    import pyarrow as pa

    ends = list(accumulate((len(one or ()) for one in values), initial=0))
    missing = pa.array([one is None for one in values], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, mask=missing)


def _json_array(texts: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))


def _texts(values: Sequence[object]) -> list[str]:
    return [_JSON.encode(one).decode() for one in values]
