"""What comes back from a chat completions server, read without trust.

Whatever goes wrong becomes a `RefusalError`: what the server did, what to do about it, and whether
another attempt may help. Texts are made safe to show.
"""

from __future__ import annotations

import json
import os
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

from fcpref.core.functions import wire_reply
from fcpref.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("FCPREF_API_KEY", "OPENAI_API_KEY")
_NO_KEY = "none"
_LONGEST_WAIT = 600.0
_SHOWN = 200
_KEPT = 4_000
_MOST_TOKENS = 1 << 31
_BYTES_A_TOKEN = 4
_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)
_PASSING = (408, 429)
BUSY = (429, 503)
_SET_KEY = f"set {' or '.join(_KEYS)} to a key that the server takes"
_NOT_CHAT = "make sure that this is an OpenAI-compatible chat completions server"
_SHORTER = "show fewer examples, allow shorter chains, or serve the model with a longer context"
_ADVICE = {
    401: _SET_KEY,
    403: _SET_KEY,
    404: "check the endpoint (it mostly ends in /v1) and the model's name",
    429: "wait, or lower the concurrency",
}
# How servers name a model's context in their lists: vLLM and SGLang, OpenRouter, Groq, Mistral.
_CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")
_ON_LENGTH = (400, 413, 422)
_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|too (long|many tokens)", re.IGNORECASE)


class RefusalError(Exception):
    """A request came to nothing.

    Attributes:
        what: what the server did, in the past tense.
        advice: what to do about it.
        status: the HTTP status; None when no answer came.
        passing: another attempt may do better.
        late: the answer did not come in time.
        lost: the server may have answered, and charge for it.
        wait: seconds that the server asks to wait before another attempt.
        text: the start of what it said, as it stands.
    """

    def __init__(
        self,
        what: str,
        advice: str = _NOT_CHAT,
        *,
        status: int | None = None,
        passing: bool = False,
        late: bool = False,
        lost: bool = False,
        wait: float = 0.0,
        text: str = "",
    ) -> None:
        """Keep what happened; a wait beyond 10 minutes is no passing thing."""
        super().__init__(what)
        self.what, self.advice, self.status, self.text = what, advice, status, text
        self.passing, self.wait = passing and wait <= _LONGEST_WAIT, wait
        self.late, self.lost = late, lost

    @property
    def too_long(self) -> bool:
        """The server says that the request is longer than the model reads."""
        return _is_too_long(self.status, self.text)


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


@frozen(kw_only=True)
class Answer:
    """What a server made of a request.

    Attributes:
        text: what the model said; in the `tools` grammar its calls, where it made some.
        model: the name that the server gives to what answered; empty where it gives none.
        prompt_tokens: tokens of the request.
        tokens: tokens generated.
        counted: the server counted both; otherwise they are guessed by the length, so that limits
            and budgets hold all the same.
    """

    text: str
    model: str
    prompt_tokens: int
    tokens: int
    counted: bool


def read_answer(completion: object, *, tools: bool, sent: int) -> Answer:
    """Read a chat completion.

    Args:
        completion: the JSON value that came.
        tools: whether calls are structured.
        sent: the request's length in bytes.

    Raises:
        RefusalError: this is no chat completion, or one without choices.
    """
    text = (completion_calls(completion) if tools else "") or completion_text(completion)
    counts = token_counts(completion)
    prompt, tokens = counts or (sent // _BYTES_A_TOKEN, len(text) // _BYTES_A_TOKEN + 1)
    model = completion.get("model") if isinstance(completion, dict) else None
    return Answer(
        text=text,
        model=model if isinstance(model, str) else "",
        prompt_tokens=prompt,
        tokens=tokens,
        counted=counts is not None,
    )


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


def context_length(listing: object, model: str) -> int | None:
    """Return how many tokens a model reads at most, where the list of models says so."""
    match listing:
        case {"data": list(entries)}:
            own = [e for e in entries if isinstance(e, dict) and e.get("id") == model]
            found = (entry.get(name) for entry in own for name in _CONTEXTS)
            return next((n for n in found if type(n) is int and n > 0), None)
    return None


def refused(status: int, headers: Mapping[str, str], body: bytes) -> RefusalError:
    """Return the refusal that an answer with a bad status is."""
    text = body[:_KEPT].decode(errors="replace")
    # Whole: a key that is cut in two would not be found in it.
    said = one_line(_message(body) or body.decode(errors="replace"))
    if status in _REDIRECTS:
        target = one_line(headers.get("location", "").partition("?")[0])
        return RefusalError(
            f"answered {status}, a redirect to {target or 'nowhere'}",
            "give the address that it should be as the endpoint; the key is sent to no other",
            status=status,
        )
    wait = _retry_after(headers.get("retry-after", ""))
    delay = f" and asks to wait {wait:.0f} s" if wait > _LONGEST_WAIT else ""
    advice = "look at the server's log" if status >= _SERVER_ERROR else "correct the request"
    if _is_too_long(status, text):
        advice = _SHORTER
    return RefusalError(
        f"answered {status} ({said}){delay}",
        _ADVICE.get(status, advice),
        status=status,
        passing=status in _PASSING or status >= _SERVER_ERROR,
        wait=wait,
        text=text,
    )


def _is_too_long(status: int | None, text: str) -> bool:
    return status in _ON_LENGTH and _TOO_LONG.search(text) is not None


def _message(body: bytes) -> str:
    """Return what the JSON of an error says, wherever it says it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        value = value["error"]
    if isinstance(value, dict):
        value = value.get("message") or value.get("detail") or value
    return str(value)


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
