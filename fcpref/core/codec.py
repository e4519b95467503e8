"""Values <-> plain data: the one place where cattrs is configured.

Hooks are strict ('3' is not 3, 2.7 is not 2, text is not a tuple of characters), unknown keys are
refused, and an exact rational is text in lowest terms ("10/3").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from fractions import Fraction
from reprlib import repr as brief
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
import msgspec
from cattrs import (
    BaseValidationError,
    IterableValidationError,
    IterableValidationNote,
    transform_error,
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.msgspec import MsgspecJsonConverter, make_converter
from cattrs.v import format_exception

from fcpref.core.canon import bytes_id, canonical_bytes, floatless_bytes
from fcpref.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that came after values had been written: it is left out of plain data while
it has its default, so that what was written before keeps its bytes and its id."""

_RATIONAL = re.compile(r"-?\d{1,600}(/\d{1,600})?", re.ASCII)


class _WrongData(ValueError):  # noqa: N818 - never leaves this module
    """Data of the wrong type; the message is ours and says what was expected."""


def unstructure(value: object) -> Any:  # noqa: ANN401 - plain data has no narrower type
    """Turn a value into plain data that `canon` accepts."""
    return CONVERTER.unstructure(value)


def structure(data: object, cls: type[T]) -> T:
    """Turn plain data into a value of the declared type.

    Raises:
        CodecError: the data does not have exactly that type; the message has the path.
    """
    try:
        return CONVERTER.structure(data, cls)
    except (BaseValidationError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise CodecError(_explain(error)) from None


def value_id(value: object) -> str:
    """Return the content id of a value: declared types are applied before hashing."""
    return bytes_id(value_bytes(value))


def value_bytes(value: object) -> bytes:
    """Return the canonical bytes of a value, those of its plain data.

    Raises:
        CanonError: see `canonical_bytes`.
    """
    data = unstructure(value)
    kind: Any = type(value)
    return floatless_bytes(data) if _is_floatless(kind) else canonical_bytes(data)


@functools.cache
def _is_floatless(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    """Tell whether values of a type hold texts, enumerations, integers, rationals and None only."""
    if attrs.has(kind):
        hints = get_type_hints(kind)
        return all(_is_floatless(hints[one.name]) for one in attrs.fields(kind))
    if get_origin(kind) is Literal:
        return all(type(choice) is str for choice in get_args(kind))
    if get_args(kind):
        inner = (one for one in get_args(kind) if one is not Ellipsis)
        return get_origin(kind) in {tuple, Union, UnionType} and all(map(_is_floatless, inner))
    plain = kind in {str, int, bool, type(None), Fraction}
    return plain or (isinstance(kind, type) and issubclass(kind, StrEnum))


@functools.cache
def _is_plain(cls: Any) -> bool:  # noqa: ANN401
    """Tell whether values can be made by msgspec: it sets fields, and runs nothing else of ours."""
    if attrs.has(cls):
        runs = any(one.validator or one.converter for one in attrs.fields(cls))
        kept = hasattr(cls, "__attrs_post_init__") or hasattr(cls, "_attrs_cached_hash")
        hints = get_type_hints(cls)
        inside = (hints[one.name] for one in attrs.fields(cls))
        return not (runs or kept) and all(map(_is_plain_inside, inside))
    return False


def _is_plain_inside(kind: Any) -> bool:  # noqa: ANN401
    if attrs.has(kind):
        return _is_plain(kind)
    if get_args(kind) and get_origin(kind) is not Literal:
        inner = (one for one in get_args(kind) if one is not Ellipsis)
        return get_origin(kind) in {tuple, Union, UnionType} and all(map(_is_plain_inside, inner))
    return _is_floatless(kind)


def _fraction_hook(kind: type, data: object) -> object:
    if kind is not Fraction:
        raise _expected(kind.__name__, data)
    return _fraction(data, kind)


def _explain(error: Exception) -> str:
    if isinstance(error, BaseValidationError):
        return "; ".join(transform_error(error, format_exception=_format)[:3])
    return f"{error} @ $"


def _format(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, ValueError) else format_exception(error, kind)


def _expected(what: str, data: object) -> _WrongData:
    return _WrongData(f"expected {what}, got {type(data).__name__} {brief(data)}")


def _exactly(kind: type) -> Callable[[object, Any], Any]:
    def hook(data: object, _: object) -> object:
        if type(data) is not kind:
            raise _expected(kind.__name__, data)
        return data

    return hook


def _member(data: object, cls: type[StrEnum]) -> StrEnum:
    found = _members(cls).get(data) if type(data) is str else None
    if found is None:
        raise _expected(f"one of {', '.join(cls)}", data)
    return found


@functools.cache
def _members(cls: type[StrEnum]) -> dict[str, StrEnum]:
    return {one.value: one for one in cls}


def _is_literal(cls: Any) -> bool:  # noqa: ANN401 - cattrs passes any annotation
    return get_origin(cls) is Literal


def _literal_factory(cls: Any) -> Callable[[object, Any], Any]:  # noqa: ANN401
    choices = get_args(cls)
    texts = {choice: choice for choice in choices if type(choice) is str}

    def hook(data: object, _: object) -> object:
        if type(data) is str and data in texts:
            return data
        if not any(type(data) is type(choice) and data == choice for choice in choices):
            raise _expected(f"one of {', '.join(map(str, choices))}", data)
        return data

    return hook


def _float(data: object, _: object) -> float:
    # JSON does not tell 1 from 1.0; a field declared float takes both and is one value.
    if type(data) is float:
        return data
    if type(data) is not int:
        raise _expected("a number", data)
    try:
        return float(data)
    except OverflowError:
        raise _expected("a number in range", data) from None


def _fraction(data: object, _: object) -> Fraction:
    what = "an exact number in lowest terms, such as '10/3'"
    if type(data) is not str or not _RATIONAL.fullmatch(data):
        raise _expected(what, data)
    try:
        value = Fraction(data)
    except ZeroDivisionError:
        raise _expected(what, data) from None
    if str(value) != data:
        raise _expected(what, data)
    return value


def _is_tuple(cls: Any) -> bool:  # noqa: ANN401
    return get_origin(cls) is tuple


def _tuple_factory(cls: Any) -> Callable[[object, Any], tuple[Any, ...]]:  # noqa: ANN401
    arguments = get_args(cls)
    variadic = len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004 - tuple[T, ...]

    def hook(data: object, _: object) -> tuple[Any, ...]:
        if not isinstance(data, list | tuple):
            raise _expected("a list", data)
        if variadic:
            # Most data is sound; what is wrong with the rest is found out item by item.
            with suppress(Exception):
                return tuple([CONVERTER.structure(item, arguments[0]) for item in data])
        kinds = (arguments[0],) * len(data) if variadic else arguments
        if len(kinds) != len(data):
            message = f"expected {len(kinds)} items, got {len(data)}"
            raise _WrongData(message)
        return _items(data, kinds, cls)

    return hook


def _items(
    data: list[Any] | tuple[Any, ...],
    kinds: tuple[Any, ...],
    cls: Any,  # noqa: ANN401
) -> tuple[Any, ...]:
    items, errors = [], []
    for index, (item, kind) in enumerate(zip(data, kinds, strict=True)):
        try:
            items.append(CONVERTER.structure(item, kind))
        except Exception as error:  # noqa: BLE001 - kept beside its index, raised below
            note = IterableValidationNote(f"Structuring {cls} @ index {index}", index, kind)
            error.__notes__ = [*getattr(error, "__notes__", []), note]
            errors.append(error)
    if errors:
        message = f"While structuring {cls}"
        raise IterableValidationError(message, errors, cls)
    return tuple(items)


def _attrs_factory(cls: type[Any]) -> Callable[[object, Any], Any]:
    inner = make_dict_structure_fn(cls, CONVERTER, _cattrs_forbid_extra_keys=True)
    names = {one.name for one in attrs.fields(cls)}
    kind: Any = cls
    plain = _is_plain(kind)

    def hook(data: object, _: object) -> object:
        # What comes out as it went in had exactly that type. Most data is such, and soon told so;
        # the path to what is wrong with the rest is found field by field.
        if plain:
            with suppress(msgspec.ValidationError, _WrongData):
                value = msgspec.convert(data, cls, dec_hook=_fraction_hook)
                if unstructure(value) == data:
                    return value
        # cattrs' own hook would read "" or [] as an object without fields.
        if type(data) is dict and data.keys() <= names:
            return inner(data, cls)
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise _expected(f"an object ({cls.__name__})", data)
        return inner(data, cls)

    return hook


def _has_later(cls: Any) -> bool:  # noqa: ANN401
    return attrs.has(cls) and any("later" in one.metadata for one in attrs.fields(cls))


def _later_factory(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    later = (one.name for one in attrs.fields(cls) if "later" in one.metadata)
    overrides: dict[str, Any] = {name: override(omit_if_default=True) for name in later}
    return make_dict_unstructure_fn(cls, CONVERTER, **overrides)


def _configure() -> MsgspecJsonConverter:
    converter = make_converter(forbid_extra_keys=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    # A StrEnum is a str too: without its own hook it would stay plain text.
    converter.register_structure_hook(StrEnum, _member)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Fraction, _fraction)
    converter.register_unstructure_hook(Fraction, str)
    converter.register_unstructure_hook(float, float)
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, StrEnum), lambda item: item.value
    )
    converter.register_structure_hook_factory(_is_literal, _literal_factory)
    converter.register_structure_hook_factory(_is_tuple, _tuple_factory)
    converter.register_structure_hook_factory(attrs.has, _attrs_factory)
    converter.register_unstructure_hook_factory(_has_later, _later_factory)
    return converter


CONVERTER = _configure()
