"""Engine `replay`: answers from a sealed recording and never goes live."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from fcpref.core.chains import Reply
from fcpref.errors import ArtifactError, ReplayMissError
from fcpref.shell.misses import Known, miss
from fcpref.shell.openings import recorded_openings
from fcpref.shell.recordings import Place, Recorded
from fcpref.shell.reply_keys import ReplyKeys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.shell.engines.base import OnReply, Request
    from fcpref.shell.store import Artifact


class ReplayEngine:
    """Answers from a sealed recording only.

    Attributes:
        reached: the replies that were given, by their places.
    """

    def __init__(self, artifact: Artifact) -> None:
        """Read the recording's replies.

        Raises:
            ArtifactError: it is damaged, or its header does not say whose replies these are.
        """
        identity = artifact.header.spec.get("identity")
        if not isinstance(identity, dict):
            message = f"{artifact.path}: the header has no identity of the engine"
            raise ArtifactError(message)
        self.reached: dict[Place, Recorded] = {}
        self._identity = {str(name): str(value) for name, value in identity.items()}
        self._artifact = artifact
        self._replies: dict[Place, Recorded] = {}
        self._by_key: dict[str, Recorded] = {}
        for item in artifact.values(Recorded):
            self._replies[item.place] = item
            # A problem whose id alone has changed is asked about in the same words.
            self._by_key.setdefault(item.key, item)
        self._keys = ReplyKeys(self._identity)

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the engine that was recorded."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`.

        Raises:
            ReplayMissError: a reply is not in the recording; says which part of its key differs
                from the nearest recorded reply, and has the difference in full.
        """
        for first in requests:
            request: Request | None = first
            while request is not None:
                recorded = self._reply(request)
                if recorded.silent:
                    break
                request = on_reply(request, Reply(text=recorded.text, tokens=recorded.tokens))

    def _reply(self, request: Request) -> Recorded:
        key = self._keys.of(request)
        recorded = self._replies.get((request.job, key)) or self._by_key.get(key)
        if recorded is None:
            raise miss(self._known, request)
        self.reached[recorded.place] = recorded
        return recorded

    @functools.cached_property
    def _known(self) -> Known:
        spec = self._artifact.header.spec
        return Known(
            path=self._artifact.path,
            spec=spec,
            identity=self._identity,
            replies=tuple(self._replies.values()),
            openings=recorded_openings(spec),
        )


class SurveyEngine:
    """Answers as `ReplayEngine` does, and keeps each miss instead of stopping at the first.

    Attributes:
        misses: by the job of the chain that cannot go on.
    """

    def __init__(self, artifact: Artifact) -> None:
        """Read the recording's replies; see `ReplayEngine`."""
        self.misses: dict[str, ReplayMissError] = {}
        self._replay = ReplayEngine(artifact)

    @property
    def identity(self) -> Mapping[str, str]:
        """That of the engine that was recorded."""
        return self._replay.identity

    @property
    def reached(self) -> Mapping[Place, Recorded]:
        """The replies that were given, by their places."""
        return self._replay.reached

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a chain that the recording cannot go on with ends there."""
        for request in requests:
            try:
                self._replay.run([request], on_reply)
            except ReplayMissError as error:
                self.misses[error.job] = error
