"""What publishing leaves out: ancestors that can be made again and that only training needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.canon import short
from fcpref.errors import ArtifactError
from fcpref.shell.manifest import Derivable, entry_of, read_manifest
from fcpref.shell.remaking import bring, derivable, of_oracle, remade
from fcpref.shell.store import Artifact, read_artifact
from fcpref.shell.workspace import STAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fcpref.shell.store import Header
    from fcpref.shell.workspace import Link, Workspace


@frozen(kw_only=True)
class Spared:
    """What need not be public.

    Attributes:
        entries: of the manifest's list, in the order of their stages.
        kept: why something that looks derivable has to be public all the same, a line each.
    """

    entries: tuple[Derivable, ...]
    kept: tuple[str, ...]


def left_out(
    workspace: Workspace, named: Iterable[Artifact], links: Sequence[Link], *, checked: bool
) -> Spared:
    """Choose what need not be public of what artifacts were made from.

    That is problems of a generator, rewrites of problems, chains of the oracle and their scores,
    where nothing public but training runs, and others that are left out, was made from them.

    Args:
        workspace: holds all.
        named: they are published, whatever they are.
        links: they and all that they were made from.
        checked: make each again, unless this code has made it before, and keep what comes out with
            another id.
    """
    listed = read_manifest(workspace.root).listed
    public = {one.id: one.header for one in _public(workspace.root)}
    here = {link.id: link.header for link in links if isinstance(link, Artifact)} | public
    headers = {one.id: one.header for one in listed.values()} | here
    asked = {artifact.id for artifact in named}
    free = {link.id for link in links if link.id in here and _may_go(headers, link.id)} - asked
    kept: list[str] = []
    if checked:
        for entry in _entries(headers, unneeded(headers, free, here)):
            try:
                _check(workspace, entry, listed)
            except ArtifactError as error:
                free.discard(entry.id)
                kept.append(str(error))
    return Spared(entries=_entries(headers, unneeded(headers, free, here)), kept=tuple(kept))


def _may_go(headers: Mapping[str, Header], identifier: str) -> bool:
    header = headers[identifier]
    if header.stage == "scores":
        chains = headers.get(header.parents[0]) if header.parents else None
        return derivable(header) and chains is not None and of_oracle(chains)
    return derivable(header)


def unneeded(
    headers: Mapping[str, Header], free: set[str], here: Collection[str]
) -> frozenset[str]:
    """Return which of some artifacts nothing needs but training runs and each other.

    Args:
        headers: of all that is known, by id.
        free: those that may go.
        here: those that have files; what has none was left out before, and needs nothing.
    """
    out = frozenset(free)
    while True:
        needed = {
            parent
            for identifier, header in headers.items()
            if header.stage != "run" and identifier in here and identifier not in out
            for parent in header.parents
        }
        if not out & needed:
            return out
        out -= needed


def _entries(headers: Mapping[str, Header], chosen: Iterable[str]) -> tuple[Derivable, ...]:
    order = sorted(chosen, key=lambda one: (STAGES.index(headers[one].stage), one))
    return tuple(entry_of(one, headers[one]) for one in order)


def _check(workspace: Workspace, entry: Derivable, listed: Mapping[str, Derivable]) -> None:
    """Refuse what does not come out the same."""
    workspace.progress.note(f"checking that {entry.stage} {short(entry.id)} comes out the same")
    bring(workspace, entry.parents, listed)
    remade(workspace, entry)


def _public(root: Path) -> Iterator[Artifact]:
    for stage in STAGES:
        for path in sorted((root / stage).glob("*.jsonl*")):
            yield read_artifact(path, stage=stage)
