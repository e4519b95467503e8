"""Recordings: every reply of a run, under a key that names all that it depends on.

A reply's key is the hash of all that it depends on: the engine's identity (engine, model, revision,
chat template, sampling), the messages, the function schemas where there are any, the sample index,
and the chain's own temperature where it has one. While a run goes on, replies are appended to a
``.part`` file (`recording_files`); `seal` turns it into an artifact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from fcpref.core.codec import LATER
from fcpref.errors import ReplayMissError
from fcpref.shell.store import FORMAT, Artifact, Header, write_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

STAGE = "recording"

Place = tuple[str, str]
"""Where a reply belongs: job and key. Two problems of the same words have the same keys."""


@frozen(kw_only=True)
class Recorded:
    """One recorded reply.

    Attributes:
        job: ``PROBLEM-ID/SAMPLE``.
        step: which reply of the chain.
        key: hash of everything that the reply depends on.
        opening: hash of the first request's messages; tells a changed prompt from a changed turn.
        text: the reply.
        tokens: tokens generated.
        silent: there is no reply, for the engine had nothing more to say; the chain ends here.
    """

    job: str
    step: int
    key: str
    opening: str
    text: str
    tokens: int
    silent: bool = field(default=False, metadata=LATER)

    @property
    def place(self) -> Place:
        """Job and key."""
        return self.job, self.key


def expect_identity(artifact: Artifact, wanted: Mapping[str, str]) -> None:
    """Refuse a recording of another engine, model, template or sampling.

    Raises:
        ReplayMissError: names the components that differ.
    """
    have = artifact.header.spec.get("identity")
    have = have if isinstance(have, dict) else {}
    differ = [
        f"{name} is {have.get(name)!r}, wanted {value!r}"
        for name, value in wanted.items()
        if have.get(name) != value
    ]
    if differ:
        message = f"{artifact.path}: {'; '.join(differ)}"
        raise ReplayMissError(message)


def recording_header(
    *,
    identity: Mapping[str, str],
    parents: Sequence[str],
    spec: Mapping[str, object],
    versions: Mapping[str, str] | None = None,
) -> Header:
    """Return the header of a recording; nothing is counted yet.

    Args:
        identity: of the engine.
        parents: the problems' id.
        spec: the sampling plan and what was shown, as plain data.
        versions: of libraries that the replies depend on.
    """
    return Header(
        format=FORMAT,
        stage=STAGE,
        parents=tuple(parents),
        spec={**spec, "identity": dict(identity)},
        versions=dict(versions or {}),
    )


def seal(folder: Path, replies: Iterable[Recorded], header: Header) -> Artifact:
    """Write a finished recording as an artifact."""
    return write_artifact(
        folder,
        STAGE,
        replies,
        parents=header.parents,
        spec=header.spec,
        versions=header.versions,
    )
