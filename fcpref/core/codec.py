"""Values <-> plain data: the one place where cattrs is configured.

Hooks are strict ('3' is not 3, 2.7 is not 2, text is not a tuple of characters), unknown keys are
refused, and an exact rational is text ("10/3").
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import BaseValidationError, transform_error
from cattrs.gen import make_dict_structure_fn
from cattrs.preconf.msgspec import MsgspecJsonConverter, make_converter

from fcpref.core.canon import content_id
from fcpref.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_RATIONAL = re.compile(r"-?\d+(/[1-9]\d*)?")


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
    except (BaseValidationError, TypeError, ValueError, KeyError) as error:
        raise CodecError(_explain(error)) from None


def value_id(value: object) -> str:
    """Return the content id of a value: declared types are applied before hashing."""
    return content_id(unstructure(value))


def _explain(error: Exception) -> str:
    if isinstance(error, BaseValidationError):
        return "; ".join(transform_error(error)[:3])
    return f"{error} @ $"


def _exactly(kind: type) -> Callable[[object, Any], Any]:
    def hook(data: object, _: object) -> object:
        if type(data) is not kind:
            message = f"expected {kind.__name__}, got {type(data).__name__} {data!r:.60}"
            raise ValueError(message)
        return data

    return hook


def _float(data: object, _: object) -> float:
    # JSON does not tell 1 from 1.0; a field declared float takes both and is one value.
    if type(data) not in (int, float):
        message = f"expected a number, got {type(data).__name__} {data!r:.60}"
        raise ValueError(message)
    return float(cast("float", data))


def _fraction(data: object, _: object) -> Fraction:
    if type(data) is not str or not _RATIONAL.fullmatch(data):
        message = f"expected an exact number such as '10/3', got {data!r:.60}"
        raise ValueError(message)
    return Fraction(data)


def _tuple_factory(cls: Any) -> Callable[[object, Any], tuple[Any, ...]]:  # noqa: ANN401
    arguments = get_args(cls)
    variadic = len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004 - tuple[T, ...]

    def hook(data: object, _: object) -> tuple[Any, ...]:
        if not isinstance(data, list | tuple):
            message = f"expected a list, got {type(data).__name__} {data!r:.60}"
            raise ValueError(message)  # noqa: TRY004 - cattrs collects ValueError with its path
        kinds = (arguments[0],) * len(data) if variadic else arguments
        if len(kinds) != len(data):
            message = f"expected {len(kinds)} items, got {len(data)}"
            raise ValueError(message)
        return tuple(
            CONVERTER.structure(item, kind) for item, kind in zip(data, kinds, strict=True)
        )

    return hook


def _configure() -> MsgspecJsonConverter:
    converter = make_converter(forbid_extra_keys=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Fraction, _fraction)
    converter.register_unstructure_hook(Fraction, str)
    converter.register_unstructure_hook(float, float)
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, StrEnum), lambda item: item.value
    )
    converter.register_structure_hook_factory(
        lambda cls: get_origin(cls) is tuple, _tuple_factory
    )
    converter.register_structure_hook_factory(
        attrs.has,
        lambda cls: make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True),
    )
    return converter


CONVERTER = _configure()
