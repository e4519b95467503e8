"""Engine `import`: replies with what was said elsewhere, one row of a file a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Reply
    from fcpref.shell.engines.base import OnReply, Request


class ImportedEngine:
    """Gives each chain its replies in order and then falls silent."""

    def __init__(self, replies: Mapping[str, Sequence[Reply]], identity: Mapping[str, str]) -> None:
        """Keep the replies.

        Args:
            replies: of each job.
            identity: who said them, as far as that is known; see `Engine.identity`.
        """
        self._replies = replies
        self._identity = identity

    @property
    def identity(self) -> Mapping[str, str]:
        """As given."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a chain that goes on after its last reply is left unanswered."""
        for first in requests:
            request: Request | None = first
            while request is not None and request.step < len(self._replies[request.job]):
                request = on_reply(request, self._replies[request.job][request.step])
