"""Rows of training data -> chats, whichever tool they were made for.

Read are TRL's preference rows (`prompt`, `chosen`, `rejected`; or the prompt within both sides),
its unpaired ones (`prompt`, `completion`) and `messages`; LLaMA-Factory's ShareGPT rows
(`conversations`, with `chosen` and `rejected` or without); axolotl's (`messages`, with both or
without). What rows say of worth, such as labels, is not read: calls are executed and scored anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "observation": "tool",
    "function_response": "tool",
}
_SHOWN = 40
_OPENINGS = ("messages", "conversations")
FORMS = (
    "a row has messages or conversations, prompt with completion, or chosen with rejected, each as "
    "a list of messages; or request and response"
)


def chats_of(where: str, row: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the chats of a row, as messages with role and content; two of a preference row.

    Raises:
        ProblemError: it holds no chats; says what to change.
    """
    row = {name: value for name, value in row.items() if value is not None}
    system = _system(row)
    if "completions" in row and "labels" in row:
        raise ProblemError(
            f"{where}: is stepwise supervision, whose steps are text and no chat; import the "
            "chains that it was made from, or their rows as trl-kto"
        )
    if "chosen" in row or "rejected" in row:
        for name in ("chosen", "rejected"):
            if name not in row:
                raise ProblemError(f"{where}: has no {name}; a preference row has both sides")
            yield [*system, *_joined(where, row, name)]
    elif "completion" in row:
        if "prompt" not in row:
            raise ProblemError(f"{where}: has a completion and no prompt; give both")
        yield [*system, *_joined(where, row, "completion")]
    else:
        found = next((name for name in _OPENINGS if name in row), None)
        if found is None:
            raise ProblemError(f"{where}: has no messages; {FORMS}")
        yield [*system, *_chat(where, found, row[found])]


def judged(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is preference data, where one chat may stand in many rows."""
    return any(row.get(name) is not None for name in ("chosen", "completion"))


def offers_tools(row: Mapping[str, Any]) -> bool:
    """Tell whether a row comes with function schemas."""
    return row.get("tools") not in (None, "", [], "[]")


def _joined(where: str, row: Mapping[str, Any], name: str) -> list[Any]:
    side = _side(where, name, row[name])
    opening = next((one for one in ("prompt", *_OPENINGS) if one in row), None)
    first = side[0] if side else None
    if isinstance(first, dict) and first.get("role") in {"user", "system"}:
        return side  # the prompt is within; what stands beside it only repeats it
    if opening is None:
        return side
    said = row[opening]
    if isinstance(said, str):
        return [{"role": "user", "content": said}, *side]
    return [*_chat(where, opening, said), *side]


def _side(where: str, name: str, value: object) -> list[Any]:
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, str):
        raise ProblemError(
            f"{where}: {name} is text; rows are read where it is a message or a list of messages, "
            "each with role and content"
        )
    return _chat(where, name, value)


def _chat(where: str, name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        brief = json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]
        raise ProblemError(f"{where}: has no messages, {name} is {brief}; {FORMS}")
    return [_message(one) for one in value]


def _message(message: object) -> object:
    """Return a ShareGPT turn as a message with role and content; all else as it is."""
    match message:
        case {"from": str(speaker), "value": str(text)}:
            if speaker == "function_call":
                return {"role": "assistant", "content": text, "call": True}
            return {"role": _SPEAKERS.get(speaker, speaker), "content": text}
    return message


def _system(row: Mapping[str, Any]) -> Sequence[Any]:
    system = row.get("system")
    return [{"role": "system", "content": system}] if isinstance(system, str) and system else []
