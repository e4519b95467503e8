"""Chats from elsewhere: rows of training data or of logged completions, read as replies.

A row is what `chat_rows` reads, such as ``{"messages": [...]}``, or one request to a server and its
response, ``{"request": {"messages": [...]}, "response": {"choices": [...]}}``. A chat whose turns
were logged one request at a time is its longest row; the others are its earlier turns.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.functions import Call, parse_call, parse_tool_call
from fcpref.core.functions.tool_calls import show_tool_call, wire_reply
from fcpref.errors import ProblemError
from fcpref.shell.chat_rows import FORMS, chats_of, judged, offers_tools
from fcpref.shell.row_files import FileRow, file_rows, files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fcpref.core.functions import Grammar

LONGEST = 4_000_000
"""Bytes that a line may have."""
_SHOWN = 40


@frozen(kw_only=True)
class Said:
    """One message of a row: who spoke, the text, and whether it came as structured calls."""

    role: str
    text: str
    structured: bool = False


@frozen(kw_only=True)
class ChatRow:
    """One chat of a file.

    Attributes:
        file: where it is, by its name within the folder; empty for a file by itself.
        line: the line or row in it, from 1.
        problem: the id that the row gives, or its start; empty when it gives none.
        said: all messages in order.
        tokens: of each message, where the row or an earlier turn's tells; else 0.
        logged: it is one request and its response, which may be one turn of a longer chat.
        judged: it is of preference data, where one chat may stand in many rows.
        offered: the row has function schemas.
    """

    file: str
    line: int
    problem: str
    said: tuple[Said, ...]
    tokens: tuple[int, ...]
    logged: bool
    judged: bool = False
    offered: bool = False

    @property
    def place(self) -> int | str:
        """Return where it is, for people: a line, with the file where there are several."""
        return f"{self.file} {self.line}" if self.file else self.line

    @property
    def grammar(self) -> Grammar:
        """`tools` where its calls are JSON, as structured calls or as text.

        Of a chat without any call the schemas that it comes with tell.
        """
        replies = [one for one in self.said if one.role == "assistant"]
        if any(one.structured for one in replies):
            return "tools"
        if all(_is_json_call(one.text) for one in replies):
            return "tools"
        no_call = not any(isinstance(parse_call(one.text), Call) for one in replies)
        return "tools" if self.offered and no_call else "python"


def read_chats(path: Path) -> tuple[list[ChatRow], int]:
    """Read a file of chats, or the files of a folder (see `row_files`).

    Returns:
        The chats in their order, and the number of rows that are earlier turns of one of them.

    Raises:
        ProblemError: a file cannot be read or is empty, or a row is no chat; names the line.
    """
    rows = [
        row
        for file in files_of(path)
        for one in file_rows(file, LONGEST)
        for row in _chats(file.relative_to(path).as_posix() if file != path else "", one)
    ]
    turns = [_digests(row) for row in rows]
    logged = [(row, one) for row, one in zip(rows, turns, strict=True) if row.logged]
    earlier = {digest for _, digests in logged for digest in digests[:-1]}
    tokens = {digests[-1]: row.tokens[-1] for row, digests in logged}
    kept = [
        evolve(row, tokens=_tokens(row, digests, tokens))
        for row, digests in zip(rows, turns, strict=True)
        if not (row.logged and digests[-1] in earlier)
    ]
    return kept, len(rows) - len(kept)


def _chats(file: str, row: FileRow) -> Iterator[ChatRow]:
    where, data = row.where, row.data
    named = data.get("problem", "") if isinstance(data, dict) else ""
    if named is None:
        named = ""
    if not isinstance(named, str):
        raise ProblemError(f"{where}: problem is no text; give a problem's id, or leave it out")
    about = ChatRow(file=file, line=row.number, problem=named, said=(), tokens=(), logged=False)
    match data:
        case {"request": {"messages": list() as asked}, "response": response}:
            for answer, tokens in _answers(where, response):
                said = tuple(_said(where, one) for one in (*asked, answer))
                counts = (0,) * len(asked) + (tokens,)
                yield _spoken(where, evolve(about, said=said, tokens=counts, logged=True))
        case dict():
            about = evolve(about, judged=judged(data), offered=offers_tools(data))
            for messages in chats_of(where, data):
                said = tuple(_said(where, one) for one in messages)
                yield _spoken(where, evolve(about, said=said, tokens=(0,) * len(said)))
        case _:
            raise ProblemError(f"{where}: has no messages; {FORMS}")


def _spoken(where: str, row: ChatRow) -> ChatRow:
    if not any(one.role == "assistant" for one in row.said):
        raise ProblemError(f"{where}: has no assistant turn; there is nothing to import from it")
    return row


def _answers(where: str, response: object) -> Iterator[tuple[object, int]]:
    """Yield each choice's message of a response, and its tokens where there is one choice."""
    if isinstance(response, dict) and isinstance(response.get("body"), dict):
        response = response["body"]  # as batch files wrap it
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or not choices:
        raise ProblemError(f"{where}: the response has no choices; leave failed requests out")
    match response:
        case {"usage": {"completion_tokens": int(count)}} if len(choices) == 1 and count >= 0:
            tokens = count
        case _:
            tokens = 0
    for choice in choices:
        if not isinstance(choice, dict) or "message" not in choice:
            raise ProblemError(f"{where}: a choice has no message; log chat completions whole")
        yield choice["message"], tokens


def _said(where: str, message: object) -> Said:
    match message:
        case {"role": "assistant", "tool_calls": [_, *_] as calls}:
            return Said(role="assistant", text=wire_reply(calls), structured=True)
        case {"role": "assistant", "content": str(text), "call": True}:
            call = parse_tool_call(text)
            text = show_tool_call(call) if isinstance(call, Call) else text
            return Said(role="assistant", text=text, structured=True)
        case {"role": str(role), "content": str(text)}:
            return Said(role=role, text=text)
        case {"role": str(role), "content": [*parts]} if all(map(_is_text, parts)):
            return Said(role=role, text="".join(part["text"] for part in parts))
        case {"role": "assistant", "content": None}:
            return Said(role="assistant", text="")
    brief = json.dumps(message, ensure_ascii=False)[:_SHOWN]
    raise ProblemError(f"{where}: {brief} is no message of text; it needs a role and content")


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and type(part.get("text")) is str


def _is_json_call(text: str) -> bool:
    return isinstance(parse_tool_call(text), Call)


def _digests(row: ChatRow) -> list[bytes]:
    """Return, for each assistant turn, a hash of the chat up to it."""
    digest = hashlib.sha256()
    found = []
    for one in row.said:
        for text in (one.role, one.text):
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
        if one.role == "assistant":
            found.append(digest.digest())
    return found


def _tokens(row: ChatRow, digests: list[bytes], known: dict[bytes, int]) -> tuple[int, ...]:
    turns = iter(digests)
    counts = [known.get(next(turns), 0) if one.role == "assistant" else 0 for one in row.said]
    return tuple(counts)
