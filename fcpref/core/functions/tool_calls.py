"""The `tools` call grammar: JSON tool calls, as chat templates and servers write them.

One call is ``{"name": "Add", "arguments": {"a": 2, "b": -3.5}}``, bare (Llama 3, which says
``parameters``), in a code fence, or between ``<tool_call>`` and ``</tool_call>`` (Hermes, Qwen2.5).
It may be the only item of a list, and wrapped as the chat completions API wraps it
(``{"type": "function", "function": {...}}``, arguments as JSON text). A thought before it, between
``<think>`` and ``</think>`` (Qwen3), is no part of it.

Numbers are taken from the source text, so 0.1 is exactly 1/10. Length and nesting are bounded
before reading, digits before a number is made. What JSON has no word for goes so: an endless
decimal is text ("10/3"), and a positional value is named by its place ("0", "1").
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen

from fcpref.core.functions.grammar import (
    MAX_ARGUMENTS,
    MAX_NESTING,
    MAX_REPLY,
    NAME,
    BadCall,
    exact,
    refusal,
    unfenced,
)
from fcpref.core.functions.values import Call, FailureCode, Outcome, Value
from fcpref.core.numbers import show_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OPENING, CLOSING = "<tool_call>", "</tool_call>"
THOUGHT, THOUGHT_END = "<think>", "</think>"
MARKS = ("<|python_tag|>", "[TOOL_CALLS]")
"""What Llama 3.1 and Mistral put before a call."""

# Around an argument: the arguments, the call, the API's wrapping, a list.
_MAX_DEPTH = MAX_NESTING + 4
_PLACE = re.compile(r"0|[1-9]\d?", re.ASCII)
_ANOTHER = re.compile(rf"{OPENING}|[{{\[]")
_FORM = '{"name": ..., "arguments": {...}}'


def parse_tool_call(reply: str) -> Call | Outcome:
    """Read a reply as exactly one call; on any other text return the failure. Never raises.

    The codes are those of `parse_call`. JSON's ``true``, ``false`` and ``null`` are the texts
    "True", "False" and "None", as there.
    """
    if len(reply) > MAX_REPLY:
        return refusal(FailureCode.LIMIT, f"a reply may have {MAX_REPLY} characters at most")
    text = reply.strip()
    # A template may open the thought itself, so that the reply only closes it.
    if text.startswith((THOUGHT, THOUGHT_END)):
        text = text.partition(THOUGHT_END)[2]
    text = unfenced(text)
    for mark in MARKS:
        text = text.removeprefix(mark).lstrip()
    tagged = text.startswith(OPENING)
    text = text.removeprefix(OPENING).lstrip()
    if not tagged and not text.startswith(("{", "[")):
        return refusal(FailureCode.NOT_A_CALL, "reply with one function call and nothing else")
    try:
        value, rest = _load(text)
        call = _call(value)
    except BadCall as bad:
        return refusal(bad.code, str(bad))
    if tagged:
        if not rest.startswith(CLOSING):
            return refusal(FailureCode.UNPARSEABLE, f"{CLOSING} expected after the call")
        rest = rest.removeprefix(CLOSING)
    rest = rest.strip().strip(";`").strip()
    if not rest:
        return call
    if _ANOTHER.search(rest):
        return refusal(FailureCode.SEVERAL_CALLS, "reply with one call at a time")
    return refusal(FailureCode.NOT_A_CALL, "nothing may follow the call")


def show_tool_call(call: Call) -> str:
    """Print a call in its bare form, so that `parse_tool_call` gives it back."""
    return f'{{"name": {_quoted(call.function)}, "arguments": {arguments_text(call)}}}'


def arguments_text(call: Call) -> str:
    """Return a call's arguments as the text of a JSON object; numbers are exact."""
    return _shown((name, value) for name, value in _named(call))


def arguments_data(call: Call) -> dict[str, Any]:
    """Return a call's arguments as plain data, for a chat template to print.

    A number is an int or a float where that says it exactly, and its text elsewhere.
    """
    return {name: _plain(value) for name, value in _named(call)}


def wire_reply(tool_calls: Sequence[object]) -> str:
    """Return the structured `tool_calls` of a server's answer as the text of a reply.

    Total: whatever the server sent, `parse_tool_call` says of the text what is wrong. Calls that
    can be read are printed by `show_tool_call`, so the same call is the same text whatever server
    it came from; several stand one a line.
    """
    return "\n".join(_wire_one(one) for one in tool_calls)


def _wire_one(one: object) -> str:
    match one:
        case {"function": {"name": name, **others}}:
            call = {"name": name, "arguments": others.get("arguments")}
        case _:
            call = {"tool_call": one}
    try:
        text = json.dumps(call, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "{"
    # A lone surrogate is legal in JSON and nowhere else.
    text = text.encode(errors="replace").decode()
    parsed = parse_tool_call(text)
    return show_tool_call(parsed) if isinstance(parsed, Call) else text


@frozen
class _Object:
    """A JSON object as it stands: a dict would forget that a key came twice."""

    pairs: list[tuple[str, object]]


def _constant(word: str) -> NoReturn:
    raise BadCall(FailureCode.UNPARSEABLE, f"{word} is no number")


# Not strict about line breaks inside a text: the python grammar takes them too.
_DECODER = json.JSONDecoder(
    parse_int=exact,
    parse_float=exact,
    parse_constant=_constant,
    object_pairs_hook=_Object,
    strict=False,
)


def _load(text: str) -> tuple[object, str]:
    """Read one JSON value; return it and what follows."""
    if _depth(text) > _MAX_DEPTH:
        raise BadCall(FailureCode.LIMIT, f"lists nested deeper than {MAX_NESTING}")
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        what = f"no JSON: {error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}"
        raise BadCall(FailureCode.UNPARSEABLE, what) from None
    return value, text[end:].lstrip()


def _depth(text: str) -> int:
    """Return how deep brackets nest outside of texts."""
    depth = deepest = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _call(value: object) -> Call:
    if isinstance(value, list):
        if len(value) > 1 and all(isinstance(item, _Object) for item in value):
            raise BadCall(FailureCode.SEVERAL_CALLS, "reply with one call at a time")
        value = value[0] if len(value) == 1 else None
    fields = _fields(value)
    if isinstance(fields.get("function"), _Object) and not fields.keys() - {
        *("function", "type", "id", "index")
    }:
        fields = _fields(fields["function"])
    name = fields.get("name")
    given = [key for key in ("arguments", "parameters") if key in fields]
    others = fields.keys() - {"name", "arguments", "parameters", "type", "id"}
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(given) != 1 or others:
        raise BadCall(FailureCode.NOT_A_CALL, f"a call is {_FORM}")
    positional, keywords = _arguments(fields[given[0]])
    return Call(function=name, positional=positional, keywords=keywords)


def _fields(value: object) -> dict[str, object]:
    if not isinstance(value, _Object):
        raise BadCall(FailureCode.NOT_A_CALL, f"a call is {_FORM}")
    fields = dict(value.pairs)
    if len(fields) < len(value.pairs):
        raise BadCall(FailureCode.UNPARSEABLE, "a part of the call is given twice")
    return fields


def _arguments(given: object) -> tuple[tuple[Value, ...], tuple[tuple[str, Value], ...]]:
    pairs = _pairs(given)
    if len(pairs) > MAX_ARGUMENTS:
        raise BadCall(FailureCode.LIMIT, f"more than {MAX_ARGUMENTS} arguments")
    bound: dict[str, Value] = {}
    for name, value in pairs:
        if not _PLACE.fullmatch(name) and not NAME.fullmatch(name):
            raise BadCall(FailureCode.EXTRA_ARGUMENT, "an argument's name is letters, digits and _")
        if name in bound:
            raise BadCall(FailureCode.EXTRA_ARGUMENT, f"argument {name} is given twice")
        bound[name] = _value(value, 0)
    count = sum(name.isdigit() for name in bound)
    places = [str(place) for place in range(count)]
    if not bound.keys() >= set(places):
        raise BadCall(FailureCode.UNPARSEABLE, "arguments named by their place start at 0")
    keywords = tuple((name, value) for name, value in bound.items() if not name.isdigit())
    return tuple(bound[place] for place in places), keywords


def _pairs(given: object) -> list[tuple[str, object]]:
    if isinstance(given, str):
        # The API sends arguments as JSON text; a server may send none at all for none.
        given, rest = _load(given.strip() or "{}")
        if rest:
            raise BadCall(FailureCode.UNPARSEABLE, "arguments are no JSON object")
    match given:
        case None:
            return []
        case list():
            return [(str(place), value) for place, value in enumerate(given)]
        case _Object():
            return given.pairs
    raise BadCall(FailureCode.UNPARSEABLE, "arguments are no JSON object")


def _value(value: object, depth: int) -> Value:
    if depth > MAX_NESTING:
        raise BadCall(FailureCode.LIMIT, f"lists nested deeper than {MAX_NESTING}")
    match value:
        case Fraction():
            return value
        case bool() | None:
            return str(value)
        case str():
            return _text(value)
        case list():
            if len(value) > MAX_ARGUMENTS:
                raise BadCall(FailureCode.LIMIT, f"more than {MAX_ARGUMENTS} items in a list")
            return tuple(_value(item, depth + 1) for item in value)
    raise BadCall(FailureCode.ARGUMENT_TYPE, "an argument is a number, a text or a list")


def _text(text: str) -> str:
    # JSON can escape half a character, which no canonical form and no tokenizer takes.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadCall(FailureCode.UNPARSEABLE, "a text holds half a character")
    return text


def _named(call: Call) -> Iterable[tuple[str, Value]]:
    yield from ((str(place), value) for place, value in enumerate(call.positional))
    yield from call.keywords


def _shown(items: Iterable[tuple[str, Value]]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: {_show(value)}" for name, value in items) + "}"


def _show(value: Value) -> str:
    match value:
        case Fraction():
            text = show_number(value)
            return _quoted(text) if "/" in text else text
        case str():
            return _quoted(value)
        case tuple():
            return f"[{', '.join(_show(item) for item in value)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(value: Value) -> Any:  # noqa: ANN401 - plain data has no narrower type
    match value:
        case Fraction():
            if value.denominator == 1:
                return value.numerator
            text = show_number(value)
            inexact = "/" in text or Fraction(repr(float(value))) != value
            return text if inexact else float(value)
        case str():
            return value
        case tuple():
            return [_plain(item) for item in value]
