"""Engine `replay`: answers from a sealed recording and never goes live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Reply
from fcpref.errors import ArtifactError
from fcpref.shell.misses import Known, miss
from fcpref.shell.recordings import Recorded
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
        self.reached: dict[tuple[str, str], Recorded] = {}
        self._identity = {str(name): str(value) for name, value in identity.items()}
        self._artifact = artifact
        self._replies: dict[tuple[str, str], Recorded] = {}
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
            known = Known(
                path=self._artifact.path,
                spec=self._artifact.header.spec,
                identity=self._identity,
                replies=tuple(self._replies.values()),
            )
            raise miss(known, request)
        self.reached[recorded.place] = recorded
        return recorded
