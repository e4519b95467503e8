"""Keys of replies: the hash of all that a reply depends on.

A chain's chat grows by two messages a step, so `ReplyKeys` goes on from the hash of the chat before
instead of hashing it all again. `reply_key` says in one line what the key is of.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define

from fcpref.core.canon import canonical_bytes, content_id, short
from fcpref.core.chains import Message

if TYPE_CHECKING:
    from fcpref.shell.engines.base import Request

_KEY_DIGITS = 32
_PART_DIGITS = 12
_SHARED_MESSAGES = 4_096


def reply_key(identity: Mapping[str, str], request: Request) -> str:
    """Return the key of the reply to a request."""
    return short(
        content_id(
            {
                "identity": dict(identity),
                "messages": [[m.role, m.content] for m in request.messages],
                "sample": sample_of(request.job),
                **({"tools": list(request.tools)} if request.tools else {}),
                **({} if request.temperature is None else {"temperature": request.temperature}),
            }
        ),
        _KEY_DIGITS,
    )


def opening_hash(request: Request) -> str:
    """Return a short hash of a request's messages and function schemas."""
    said: list[object] = [[m.role, m.content] for m in request.messages]
    return short(content_id([*said, *request.tools]), _PART_DIGITS)


def problem_of(job: str) -> str:
    """Return the problem's id of a job."""
    return job.rpartition("/")[0]


def sample_of(job: str) -> str:
    """Return the sample's index of a job, as text."""
    return job.rpartition("/")[2]


@define
class _Chat:
    """What was hashed of a chain so far."""

    messages: tuple[Message, ...]
    digest: Any  # hashlib names no type for it
    tools: tuple[Mapping[str, Any], ...]
    ending: bytes


class ReplyKeys:
    """Makes the keys of one engine's replies, the same as `reply_key`."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        """Keep what all keys begin with."""
        # Canonical bytes have sorted keys: identity, messages, sample, temperature, tools.
        self._start = b'{"identity":' + canonical_bytes(dict(identity)) + b',"messages":['
        self._chats: dict[str, _Chat] = {}

    def of(self, request: Request) -> str:
        """Return a request's key."""
        digest = self._chat(request).digest.copy()
        digest.update(b'],"sample":' + canonical_bytes(sample_of(request.job)))
        if request.temperature is not None:
            digest.update(b',"temperature":' + canonical_bytes(request.temperature))
        digest.update(self._chats[request.job].ending)
        return short(digest.hexdigest(), _KEY_DIGITS)

    def _chat(self, request: Request) -> _Chat:
        chat = self._chats.get(request.job)
        if chat is None or chat.messages != request.messages[: len(chat.messages)]:
            digest = hashlib.sha256(self._start)
            chat = self._chats[request.job] = _Chat((), digest, (), b"}")
        if chat.tools is not request.tools:
            tools = canonical_bytes(list(request.tools))
            chat.tools = request.tools
            chat.ending = b',"tools":' + tools + b"}" if request.tools else b"}"
        more = b",".join(map(_encoded, request.messages[len(chat.messages) :]))
        if more:
            chat.digest.update(b"," + more if chat.messages else more)
        chat.messages = request.messages
        return chat


@functools.lru_cache(_SHARED_MESSAGES)
def _encoded(message: Message) -> bytes:
    # The prompt's messages are those of every chain.
    return canonical_bytes([message.role, message.content])
