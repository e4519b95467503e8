"""What goes over the wire to a chat completions server, and what can come back.

Whatever goes wrong becomes a `RefusalError`: what the server did, what to do about it, and whether
another attempt may help. Bodies are bounded and texts are made safe to show.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fcpref.core.functions import wire_reply
from fcpref.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from openai import APIStatusError

_KEYS = ("FCPREF_API_KEY", "OPENAI_API_KEY")
_NO_KEY = "none"
_LARGEST = 1_000_000
_LONGEST_WAIT = 600.0
_SHOWN = 200
_MOST_TOKENS = 1 << 31
_SERVER_ERROR = 500
_PASSING = (408, 429)
_SET_KEY = f"set {' or '.join(_KEYS)} to a key that the server takes"
_NOT_CHAT = "make sure that this is an OpenAI-compatible chat completions server"
_ADVICE = {
    401: _SET_KEY,
    403: _SET_KEY,
    404: "check the endpoint (it mostly ends in /v1) and the model's name",
    429: "wait, or lower the concurrency",
}


class RefusalError(Exception):
    """A request came to nothing.

    Attributes:
        what: what the server did, in the past tense.
        advice: what to do about it.
        status: the HTTP status; None when no answer came.
        passing: another attempt may do better.
        wait: seconds that the server asks to wait before it.
    """

    def __init__(
        self,
        what: str,
        advice: str = _NOT_CHAT,
        *,
        status: int | None = None,
        passing: bool = False,
        wait: float = 0.0,
    ) -> None:
        """Keep what happened; a wait beyond 10 minutes is no passing thing."""
        super().__init__(what)
        self.what, self.advice, self.status = what, advice, status
        self.passing, self.wait = passing and wait <= _LONGEST_WAIT, wait


def valid_endpoint(endpoint: str) -> str:
    """Return a server's base URL without a slash at the end.

    Raises:
        EndpointError: it is no http or https URL, or could carry a secret; it is not repeated.
    """
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not endpoint.isprintable() or set("@?# ") & set(endpoint):
        raise EndpointError(
            "the endpoint must be http://HOST[:PORT]/PATH or https, without user, query and"
            f" fragment; a key goes into {_KEYS[0]}"
        )
    return endpoint.rstrip("/")


def api_key() -> str:
    """Return the key from the environment; ``none`` where there is none, for local servers.

    Raises:
        EndpointError: it holds what a header cannot carry.
    """
    found = (os.environ.get(name, "").strip() for name in _KEYS)
    key = next(filter(None, found), _NO_KEY)
    if not (key.isascii() and key.isprintable()):
        raise EndpointError(
            f"the API key holds characters that no header can carry; set {_KEYS[0]} again"
        )
    return key


def one_line(text: str) -> str:
    """Return a foreign text fit for a message: one line, short, without the API key."""
    key = api_key()
    text = text if key == _NO_KEY else text.replace(key, "[key]")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


async def fetch(ask: AbstractAsyncContextManager[Any], limit: float) -> object:
    """Send a request and return the JSON value of the answer.

    Args:
        ask: one of the client's `with_streaming_response` calls.
        limit: seconds until the last byte; the client's own limits are between bytes.

    Raises:
        RefusalError: anything but a JSON answer of at most 1 MB with a good status.
    """
    import httpx2  # the client's HTTP library, whose errors come out while a body is read
    import openai

    body = bytearray()
    try:
        async with asyncio.timeout(limit), ask as response:
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise RefusalError("answered with more than 1 MB", status=200)
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
        advice = "allow more time for a request, or lower the concurrency"
        raise RefusalError(f"timed out after {limit:g} s", advice, passing=True) from None
    except openai.APIStatusError as error:
        raise _refused(error) from None
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        advice = "start the server, or correct the endpoint"
        raise RefusalError(_lost(error), advice, passing=True) from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError("answered with something that is not JSON", status=200) from None


def completion_text(completion: object) -> str:
    """Return what the model said; nothing where it only thought, or called a tool.

    Raises:
        RefusalError: this is no chat completion, or one without choices.
    """
    match completion:
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            # A lone surrogate is legal in JSON and nowhere else.
            return text.encode(errors="replace").decode()
        case {"choices": [{"message": dict()}, *_]}:
            return ""
    raise RefusalError("answered with no choices", status=200)


def completion_calls(completion: object) -> str:
    """Return the structured tool calls of an answer as a reply's text; empty when it has none."""
    match completion:
        case {"choices": [{"message": {"tool_calls": list(tool_calls)}}, *_]}:
            return wire_reply(tool_calls)
    return ""


def token_counts(completion: object) -> tuple[int, int] | None:
    """Return the prompt's and the reply's tokens as the server counted them, if it did sanely."""
    match completion:
        case {"usage": {"prompt_tokens": int(prompt), "completion_tokens": int(reply)}}:
            sane = range(_MOST_TOKENS)
            return (prompt, reply) if prompt in sane and reply in sane else None
    return None


def model_names(listing: object) -> tuple[str, ...]:
    """Return the names in a list of models; none where this is no such list."""
    match listing:
        case {"data": list(entries)}:
            return tuple(str(e["id"]) for e in entries if isinstance(e, dict) and "id" in e)
    return ()


def _refused(error: APIStatusError) -> RefusalError:
    status = error.status_code
    body = error.body if isinstance(error.body, dict) else {"message": error.response.text}
    said = one_line(str(body.get("message") or body.get("detail") or body))
    wait = _retry_after(error.response.headers.get("retry-after", ""))
    delay = f" and asks to wait {wait:.0f} s" if wait > _LONGEST_WAIT else ""
    general = "look at the server's log" if status >= _SERVER_ERROR else "correct the request"
    return RefusalError(
        f"answered {status} ({said}){delay}",
        _ADVICE.get(status, general),
        status=status,
        passing=status in _PASSING or status >= _SERVER_ERROR,
        wait=wait,
    )


def _retry_after(text: str) -> float:
    """Read a Retry-After header: seconds or a date (RFC 9110, 10.2.3); 0 where it is neither."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _lost(error: BaseException) -> str:
    """Say how a connection failed, by the system's own error beneath the library's."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return f"cannot be reached ({cause.strerror})"
        if isinstance(cause, ssl.SSLError):
            return f"cannot be reached over TLS ({one_line(str(cause.reason or cause))})"
        if isinstance(cause, ConnectionRefusedError):
            return "cannot be reached (connection refused)"
        if isinstance(cause, OSError) and cause.errno:
            return f"dropped the connection ({os.strerror(cause.errno).lower()})"
    return "dropped the connection"


def _causes(error: BaseException) -> Iterator[BaseException]:
    deeper: BaseException | None = error
    while deeper is not None:
        yield deeper
        if isinstance(deeper, BaseExceptionGroup):
            deeper = deeper.exceptions[0]  # several addresses were tried: the first one's failure
        else:
            deeper = deeper.__cause__ or deeper.__context__
