"""What can be wrong with one preference row: each rule is a small function in a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.pairs.findings import Severity

_ROLES = ("system", "developer", "user", "assistant", "tool")
_NULLS_ALLOWED = ("default", "const", "enum", "example", "examples")
_AS_JSON = "write the column as List(Json()) of datasets or as JSON Lines, or drop the null keys"

Message = Mapping[str, Any]
RowRule = Callable[[Mapping[str, Any]], str | None]
"""Returns what is wrong with a row whose columns are sound, and what to change, if anything is."""


def columns(row: object) -> str | None:
    """There is a chosen and a rejected completion, both texts or both lists of messages."""
    if not isinstance(row, Mapping):
        return f"holds {type(row).__name__} and no object; write an object with prompt, chosen, ..."
    missing = [name for name in ("chosen", "rejected") if row.get(name) is None]
    if missing:
        return f"has no {' and no '.join(missing)}; write prompt, chosen and rejected"
    named = [name for name in ("prompt", "chosen", "rejected") if row.get(name) is not None]
    for name in named:
        if not isinstance(row[name], str) and not _is_chat(row[name]):
            return f"{name} is no text and no list of messages; write messages with role, content"
    if len({isinstance(row[name], str) for name in named}) > 1:
        return "has both texts and lists of messages; write all three in one form"
    tools = schemas(row)
    if tools is not None and not (
        isinstance(tools, list) and all(isinstance(one, Mapping) for one in tools)
    ):
        return "tools is no list of JSON schemas; write schemas as objects"
    return None


def schemas(row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data
    """Return the functions' JSON schemas, which TRL takes as JSON text too."""
    tools = row.get("tools")
    if not isinstance(tools, str):
        return tools
    try:
        return json.loads(tools)
    except ValueError:
        return tools


def sides(row: Mapping[str, Any]) -> tuple[list[Message], list[Message], list[Message]]:
    """Return prompt, chosen and rejected as message lists; an implicit prompt is what both share.

    Args:
        row: one whose `columns` are sound.
    """
    chosen, rejected = _chat(row["chosen"], "assistant"), _chat(row["rejected"], "assistant")
    if row.get("prompt") is not None:
        return _chat(row["prompt"], "user"), chosen, rejected
    # As TRL's extract_prompt: up to the first message that differs.
    shared = next(
        (at for at, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    return chosen[:shared], chosen[shared:], rejected[shared:]


def answers(messages: Sequence[Message]) -> list[str]:
    """Return what the assistant says, its calls as JSON."""
    said = (message for message in messages if message["role"] == "assistant")
    return [
        _text(message.get("content")) + "".join(json.dumps(call) for call in _calls(message))
        for message in said
    ]


def without_nulls(data: Any) -> Any:  # noqa: ANN401 - plain data
    """Return plain data without keys whose value is null, as before a struct column added them."""
    if isinstance(data, Mapping):
        return {key: without_nulls(item) for key, item in data.items() if item is not None}
    if isinstance(data, list | tuple):
        return [without_nulls(item) for item in data]
    return data


def roles(row: Mapping[str, Any]) -> str | None:
    """All messages have a role that chats know, and say or call something."""
    for message in _all(row):
        if message["role"] not in _ROLES:
            return f"role {message['role']!r} is none of {', '.join(_ROLES)}; rename it"
        if not isinstance(message.get("content"), str | list) and not _calls(message):
            return f"a message of {message['role']} has no content and no calls; drop it"
    return None


def empty(row: Mapping[str, Any]) -> str | None:
    """Both completions say something."""
    for name, side in zip(("chosen", "rejected"), sides(row)[1:], strict=True):
        if not any(text.strip() for text in answers(side)):
            return f"{name} says nothing; drop the row"
    return None


def equal(row: Mapping[str, Any]) -> str | None:
    """Chosen and rejected differ."""
    _, chosen, rejected = sides(row)
    if without_nulls(chosen) != without_nulls(rejected):
        return None
    return "chosen equals rejected; drop the row"


def ends(row: Mapping[str, Any]) -> str | None:
    """A completion begins and ends with the assistant, and the prompt ends with another."""
    prompt, chosen, rejected = sides(row)
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        for place, message in (("begins", side[:1]), ("ends", side[-1:])):
            if message and message[0]["role"] != "assistant":
                return (
                    f"{name} {place} with a message of {message[0]['role']}; move it to the prompt "
                    "or drop it"
                )
    if prompt and prompt[-1]["role"] == "assistant":
        return "the prompt ends with the assistant; move that message to the completions"
    return None


def prompt(row: Mapping[str, Any]) -> str | None:
    """The prompt is a column of its own."""
    if row.get("prompt") is not None:
        return None
    return "has no prompt, so what both completions share is taken for it; write the column prompt"


def repeated(row: Mapping[str, Any]) -> str | None:
    """The completions do not repeat the prompt."""
    if row.get("prompt") is None:
        return None
    prompt, *both = without_nulls(sides(row))
    for name, side in zip(("chosen", "rejected"), both, strict=True):
        if prompt and side[: len(prompt)] == prompt:
            return f"{name} begins with the prompt once more; take the prompt out of it"
    return None


def null_arguments(row: Mapping[str, Any]) -> str | None:
    """Calls have no null arguments that their function's schema does not allow."""
    offered = dict(map(_named, schemas(row) or ()))
    for message in _all(row):
        for call in _calls(message):
            function = _function(call)
            given = _object(function.get("arguments"))
            known = offered.get(str(function.get("name")), {})
            wrong = [
                key
                for key, value in given.items()
                if _has_null(value) and not (value is None and _nullable(known.get(key)))
            ]
            if wrong:
                return (
                    f"a call of {function.get('name')} has null for {', '.join(wrong)}, as struct "
                    f"columns give each call the arguments of all; {_AS_JSON}"
                )
    return None


def null_schemas(row: Mapping[str, Any]) -> str | None:
    """Schemas have no null keys."""
    for tool in schemas(row) or ():
        paths = list(_nulls(tool, ""))
        if paths:
            some = ", ".join(paths[:3])
            return f"the schema of {_named(tool)[0]} has null at {some}; {_AS_JSON}"
    return None


def null_fields(row: Mapping[str, Any]) -> str | None:
    """Messages have no null fields but the content of one that calls."""
    names = {
        key
        for message in _all(row)
        for key, value in message.items()
        if value is None and not (key == "content" and _calls(message))
    }
    if not names:
        return None
    return (
        f"messages have null for {', '.join(sorted(names))}, which some chat templates print; "
        f"{_AS_JSON}"
    )


def argument_text(row: Mapping[str, Any]) -> str | None:
    """Arguments are objects."""
    for message in _all(row):
        for call in _calls(message):
            function = _function(call)
            if isinstance(function.get("arguments"), str):
                return (
                    f"the arguments of {function.get('name')} are text, which chat templates quote "
                    "once more; write them as an object"
                )
    return None


def tools(row: Mapping[str, Any]) -> str | None:
    """There are schemas where there are calls, and never an empty list."""
    if schemas(row) == []:
        return "tools is an empty list, which some templates announce; write null"
    if row.get("tools") is None and any(_calls(message) for message in _all(row)):
        return "has calls and no tools, so the prompt offers no function; add the column tools"
    return None


ROW_RULES: Mapping[str, tuple[Severity, RowRule]] = MappingProxyType(
    {
        "roles": ("error", roles),
        "empty": ("error", empty),
        "equal": ("error", equal),
        "ends": ("error", ends),
        "repeated": ("error", repeated),
        "null_arguments": ("error", null_arguments),
        "null_schemas": ("error", null_schemas),
        "null_fields": ("warning", null_fields),
        "argument_text": ("warning", argument_text),
        "prompt": ("warning", prompt),
        "tools": ("warning", tools),
    }
)


def _is_chat(data: object) -> bool:
    return isinstance(data, list) and all(
        isinstance(message, Mapping)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str | list | None)
        and isinstance(message.get("tool_calls"), list | None)
        and all(isinstance(call, Mapping) for call in message.get("tool_calls") or ())
        for message in data
    )


def _chat(data: str | list[Message], role: str) -> list[Message]:
    return [{"role": role, "content": data}] if isinstance(data, str) else data


def _all(row: Mapping[str, Any]) -> Iterator[Message]:
    for side in sides(row):
        yield from side


def _calls(message: Message) -> list[Mapping[str, Any]]:
    return message.get("tool_calls") or []


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is called, with or without the wrapper."""
    function = call.get("function")
    return function if isinstance(function, Mapping) else call


def _text(content: object) -> str:
    """Return the text of a message; content in parts has it in several places."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _object(arguments: object) -> Mapping[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return {}
    return arguments if isinstance(arguments, Mapping) else {}


def _named(tool: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return a function's name and the schemas of its arguments."""
    function = _function(tool)
    parameters = function.get("parameters")
    known = parameters.get("properties") if isinstance(parameters, Mapping) else None
    return str(function.get("name")), known if isinstance(known, Mapping) else {}


def _nullable(schema: object) -> bool:
    """Tell whether a schema takes null."""
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    either = [one for key in ("anyOf", "oneOf") for one in _list(schema.get(key))]
    return (
        kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or schema.get("nullable") is True
        or any(_nullable(one) for one in either)
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _has_null(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    if isinstance(value, list):
        return any(map(_has_null, value))
    return value is None


def _nulls(data: object, path: str) -> Iterator[str]:
    """Yield the paths of null keys."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if value is None and key not in _NULLS_ALLOWED:
                yield f"{path}.{key}".lstrip(".")
            elif key not in _NULLS_ALLOWED:
                yield from _nulls(value, f"{path}.{key}")
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from _nulls(value, f"{path}[{at}]")
