"""An engine that answers from a recording what it holds, and records what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import evolve

from fcpref.core.chains import Reply
from fcpref.shell.recordings import Recorded
from fcpref.shell.reply_keys import ReplyKeys, opening_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.shell.engines.base import Engine, OnReply, Request
    from fcpref.shell.recordings import Place


class Replies(Protocol):
    """Where replies are kept: a `Recording`, or memory that goes into one later."""

    replies: dict[Place, Recorded]

    def append(self, recorded: Recorded) -> None:
        """Keep one more; a place that has one keeps it."""
        ...


class RecordingEngine:
    """Answers from a recording what it holds, asks an engine for the rest, and records that.

    Attributes:
        reached: the replies that the chains were made of, known and new ones.
    """

    def __init__(self, engine: Engine, recording: Replies) -> None:
        """Wrap an engine."""
        self.reached: dict[Place, Recorded] = {}
        self._engine = engine
        self._recording = recording
        self._openings: dict[str, str] = {}
        self._keys = ReplyKeys(engine.identity)

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the wrapped engine."""
        return self._engine.identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a request that the engine leaves unanswered is recorded as `silent`."""
        asked: dict[str, Request] = {}

        def ask(request: Request | None) -> Request | None:
            rest = self._go_on(request, on_reply)
            if rest is not None:
                asked[rest.job] = rest
            return rest

        def record(request: Request, reply: Reply) -> Request | None:
            asked.pop(request.job, None)
            # Half a character has no bytes: what cannot be recorded is not heard either.
            reply = evolve(reply, text=reply.text.encode(errors="replace").decode())
            self._keep(request, text=reply.text, tokens=reply.tokens)
            return ask(on_reply(request, reply))

        missing = [rest for request in requests if (rest := ask(request)) is not None]
        if missing:
            self._engine.run(missing, record)
        for request in asked.values():
            self._keep(request, silent=True)

    def _go_on(self, request: Request | None, on_reply: OnReply) -> Request | None:
        """Answer from the recording as far as it goes; return the first request that it lacks."""
        while request is not None:
            # A chain may be asked for in the place of another one that has ended.
            if request.step == 0 or request.job not in self._openings:
                self._openings[request.job] = opening_hash(request)
            recorded = self._recording.replies.get((request.job, self._keys.of(request)))
            if recorded is None:
                return request
            self.reached[recorded.place] = recorded
            if recorded.silent:
                return None
            request = on_reply(request, Reply(text=recorded.text, tokens=recorded.tokens))
        return None

    def _keep(
        self, request: Request, *, text: str = "", tokens: int = 0, silent: bool = False
    ) -> None:
        recorded = Recorded(
            job=request.job,
            step=request.step,
            key=self._keys.of(request),
            opening=self._openings[request.job],
            text=text,
            tokens=tokens,
            silent=silent,
        )
        self._recording.append(recorded)
        self.reached[recorded.place] = recorded
