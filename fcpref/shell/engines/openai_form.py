"""A request as a server takes it: the body, without the parameters that this server refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import define, field

from fcpref.core.chains import chat_rows, wire_rows

if TYPE_CHECKING:
    from fcpref.shell.engines.base import Request, Sampling
    from fcpref.shell.engines.openai_wire import RefusalError

# What goes on without it, and what that means.
_OPTIONAL = {
    "seed": "takes no seed; going on without, so sampled replies will differ from run to run",
    "stop": "takes no stop sequences; going on without, replies are cut at the line's end here",
    "parallel_tool_calls": "does not know parallel_tool_calls; going on without, a reply may hold"
    " several calls, which counts as a failure",
    "max_tokens": "wants max_completion_tokens in place of max_tokens; going on with that",
}
_UNKNOWN = re.compile(
    r"unknown|unrecogni[sz]ed|unsupported|unexpected|extra|forbidden|"
    r"not (?:supported|permitted|allowed|recogni[sz]ed)|n[o']t support|invalid (?:param|arg|field)",
    re.IGNORECASE,
)
_BAD_REQUEST = (400, 422)


@define
class Form:
    """How this server is asked; learns from refusals.

    Attributes:
        left_out: parameters that it refused.
    """

    left_out: set[str] = field(factory=set)

    def body(
        self, request: Request, *, model: str, sampling: Sampling, tokens: int, seed: int
    ) -> bytes:
        """Return the JSON of a request for at most so many tokens."""
        heat = sampling.temperature if request.temperature is None else request.temperature
        asked: dict[str, Any] = {
            "model": model,
            "messages": (wire_rows if request.tools else chat_rows)(request.messages),
            "max_tokens": tokens,
            "temperature": heat,
            "top_p": sampling.top_p,
            "seed": seed,
        }
        if request.tools:
            asked |= {"tools": list(request.tools), "parallel_tool_calls": False}
        else:
            # A call in text is one line; a structured one may be written over several.
            asked["stop"] = ["\n"]
        for name in self.left_out & asked.keys():
            del asked[name]
        if "max_tokens" in self.left_out:
            asked["max_completion_tokens"] = tokens
        return msgspec.json.encode(asked)

    def learn(self, refusal: RefusalError, body: bytes) -> str | None:
        """Leave out the parameter that a refusal of a body is about.

        Returns:
            What to tell the user; empty when it is known by now; None where the refusal is about
            something else.
        """
        if refusal.status not in _BAD_REQUEST or not _UNKNOWN.search(refusal.text):
            return None
        sent = msgspec.json.decode(body).keys() & _OPTIONAL.keys()
        named = [name for name in _OPTIONAL if name in sent and _names(refusal.text, name)]
        if not named:
            return None
        news = "" if named[0] in self.left_out else _OPTIONAL[named[0]]
        self.left_out.add(named[0])
        return news


def _names(text: str, parameter: str) -> bool:
    if parameter == "max_tokens" and "max_completion_tokens" not in text:
        return False
    return re.search(rf"\b{parameter}\b", text) is not None
