"""Messages as chat templates and servers take them.

A `Message` holds a reply as it stands, so that it can be hashed, recorded and compared as text. In
the `tools` grammar a reply that is one call becomes a structured tool call only here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fcpref.core.chains.values import Message
from fcpref.core.functions import Call, parse_tool_call
from fcpref.core.functions.tool_calls import arguments_data, arguments_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fcpref.core.functions import Grammar


# The same reply is told its outcome and shown again in every later chat.
_parsed = lru_cache(maxsize=16_384)(parse_tool_call)


def told(reply: str, result: str, grammar: Grammar) -> Message:
    """Return the message that tells the outcome of a reply.

    In the `tools` grammar its role is ``tool`` after a call. A reply that is no call has no call
    to answer to, so what is wrong with it is told by the user.
    """
    called = grammar == "tools" and isinstance(_parsed(reply), Call)
    return Message(role="tool" if called else "user", content=result)


def chat_rows(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages of the `python` grammar: role and content, nothing else."""
    return [{"role": message.role, "content": message.content} for message in messages]


def template_rows(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages of the `tools` grammar as chat templates and TRL take them.

    A call is ``{"role": "assistant", "content": "", "tool_calls": [{"type": "function",
    "function": {"name": ..., "arguments": {...}}}]}`` with its arguments as plain data, its result
    ``{"role": "tool", "name": ..., "content": ...}``.
    """

    def called(call: Call, _: str) -> dict[str, Any]:
        function = {"name": call.function, "arguments": arguments_data(call)}
        return {"content": "", "tool_calls": [{"type": "function", "function": function}]}

    return _rows(messages, called, lambda call, _: {"name": call.function})


def wire_rows(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages of the `tools` grammar as the chat completions API takes them.

    Arguments are JSON text. A call's id is made from its place in the chat: a server's own is
    random, and would be in no replay. It has nine letters and digits, as Mistral's servers demand.
    """

    def called(call: Call, identifier: str) -> dict[str, Any]:
        function = {"name": call.function, "arguments": arguments_text(call)}
        made = {"id": identifier, "type": "function", "function": function}
        return {"content": None, "tool_calls": [made]}

    return _rows(messages, called, lambda _, identifier: {"tool_call_id": identifier})


def _rows(
    messages: Iterable[Message],
    called: Callable[[Call, str], dict[str, Any]],
    answered: Callable[[Call, str], dict[str, Any]],
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    last: Call | None = None
    for place, message in enumerate(messages):
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "assistant":
            parsed = _parsed(message.content)
            last = parsed if isinstance(parsed, Call) else None
            row |= called(last, f"call{place:05d}") if last is not None else {}
        elif message.role == "tool" and last is not None:
            row |= answered(last, f"call{place - 1:05d}")
        rows.append(row)
    return rows
