"""Settings by name: ``lora.rank=8`` read, and applied to a frozen value, types checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from attrs import fields, has

from fcpref.core.codec import structure, unstructure
from fcpref.core.pairs import PairSpec
from fcpref.core.training import DpoSpec, GrpoSpec, SftSpec
from fcpref.errors import CodecError, UsageError
from fcpref.shell.adapter_size import refuse_other_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


def settings(
    texts: Sequence[str], parse: Callable[[str], object] | None = None
) -> dict[str, object]:
    """Read NAME=VALUE settings; a value is JSON, or else text.

    Raises:
        UsageError: one is not of this form, or a name comes twice.
    """
    found: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"{text!r} is not of the form NAME=VALUE")
        if name in found:
            raise UsageError(f"{name!r} is given twice")
        found[name] = (parse or _value)(value)
    return found


def pair_spec(kinds: Sequence[str], options: Mapping[str, object]) -> PairSpec:
    """Return how pairs are built from KIND or KIND=WEIGHT, and other fields by name.

    Raises:
        UsageError: an unknown kind, a weight that is no number above 0, or a value out of range.
    """
    named = settings([one if "=" in one else f"{one}=1" for one in kinds])
    weighted = any("=" in one for one in kinds)
    changes = {**options, "kinds": list(named) or ["chain"]}
    if weighted:
        changes["weights"] = list(named.values())
    return changed(PairSpec(), changes)


def training_spec(
    kind: Literal["sft", "dpo", "grpo"], options: Mapping[str, object], student: str
) -> SftSpec | DpoSpec | GrpoSpec:
    """Return how a student is trained, from fields by name.

    Raises:
        UsageError: no such field, or data that the field does not take.
        TrainingError: the student's own adapter goes on and has another rank or alpha.
        ModelError: the student's name is none.
    """
    specs: dict[str, SftSpec | DpoSpec | GrpoSpec] = {
        "sft": SftSpec(),
        "dpo": DpoSpec(),
        "grpo": GrpoSpec(),
    }
    spec = changed(specs[kind], options)
    refuse_other_size(student, spec, options)
    return spec


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


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
        holder: Any = value
        for part in outer:
            holder = getattr(holder, part, None)
            # A field may have no place in plain data while it has its default.
            if isinstance(inner, dict):
                inner = inner.setdefault(part, unstructure(holder))
        named = last in _names(holder) or isinstance(holder, dict)
        if not isinstance(inner, dict) or not named:
            known = ", ".join(_names(holder) or _names(value))
            meant = _meant(value, name)
            raise UsageError(
                f"there is no setting {name!r}; "
                + (f"{meant!r} may be meant" if meant else f"there are {known}")
            )
        inner[last] = new
    try:
        return structure(plain, type(value))
    except CodecError as error:
        # Of a value as a whole there is no path to name.
        said = str(error).removesuffix(" @ $")
        raise UsageError(f"a setting cannot be used: {said}") from None


def _meant(value: Any, name: str) -> str:  # noqa: ANN401
    """Return the full name of a setting whose outer name was left out; empty where none is."""
    for outer in _names(value):
        if name in _names(getattr(value, outer)):
            return f"{outer}.{name}"
    return ""


def _names(value: Any) -> list[str]:  # noqa: ANN401
    return [one.name for one in fields(type(value))] if has(type(value)) else []
