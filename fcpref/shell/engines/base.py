"""What an engine is: the protocol, and the values that cross it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen
from attrs.validators import ge, gt, le

from fcpref.core.chains import Message, Reply, Spoken


@frozen(kw_only=True)
class Sampling:
    """How replies are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p: nucleus; 1 keeps every token.
        reply_tokens: generated tokens one reply may have.
        seed: root of the sampling noise; each reply's own stream is derived from it, the job and
            the step, so batch size and order do not matter.
    """

    temperature: float = field(default=0.0, validator=ge(0))
    top_p: float = field(default=1.0, validator=[gt(0), le(1)])
    reply_tokens: int = field(default=96, validator=ge(1))
    seed: int = 0


@frozen(kw_only=True)
class Request:
    """One reply that is wanted.

    Attributes:
        job: names the chain, ``PROBLEM-ID/SAMPLE``.
        step: which reply of the chain, from 0.
        messages: the whole chat so far.
        tools: JSON schemas of the functions in the `tools` grammar, as the chat completions API and
            chat templates take them; empty in the `python` grammar, whose messages name them.
        temperature: in place of the engine's, for this chain only; None leaves the engine's.
    """

    job: str
    step: int
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    temperature: float | None = None


OnReply = Callable[[Request, Reply], Request | None]
"""Takes a reply; returns what is to be asked next in its place: the chain's next request, the first
request of another chain, or None."""

OnReplies = Callable[[Sequence[tuple[Request, Reply]]], Sequence[Request | None]]
"""Takes what came at the same time; returns what `OnReply` does, of each."""

OnTokens = Callable[[Request, Spoken], None]
"""Is told the tokens of a reply before it is handed over. A reply that was not sampled, because the
context is full, has none."""


class Engine(Protocol):
    """Answers requests and their follow-ups until none is left."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What a reply depends on beside the messages: engine, model, revision, template, sampling.

        Recordings are keyed by these; nothing secret may be among them.
        """
        ...

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """Answer every request, hand each reply to `on_reply`, and go on with what it returns.

        `on_reply` is called from one thread. Replies of different jobs come in any order.
        """
        ...
