"""Verification: hash, execute, score and pair everything again, and name what differs.

What training and sampling made is hashed only. An artifact whose parents are not here, or that
depends on another version of a library, is not checkable here; that is a note, not a difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.canon import short
from fcpref.core.chains import Chain
from fcpref.core.evaluation import Trial
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.training import RunRecord
from fcpref.errors import ArtifactError, FcprefError
from fcpref.shell.manifest import MANIFEST
from fcpref.shell.progress import SILENT, Progress
from fcpref.shell.recordings import Recorded
from fcpref.shell.store import Artifact, read_artifact
from fcpref.shell.verify_manifest import compared
from fcpref.shell.verify_records import AGAIN, Check
from fcpref.shell.versions import installed
from fcpref.shell.workspace import STAGES, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TYPES: dict[str, type[Any]] = {
    "problems": Problem,
    "recording": Recorded,
    "chains": Chain,
    "scores": ScoredChain,
    "pairs": PreferencePair,
    "run": RunRecord,
    "trials": Trial,
}


@frozen(kw_only=True)
class Verification:
    """What was checked and what came of it.

    Attributes:
        artifacts: number of artifacts by stage.
        calls: calls executed again.
        differences: one line each, in the order found; empty when all is as it was written.
        notes: what could not be checked here.
    """

    artifacts: dict[str, int]
    calls: int
    differences: tuple[str, ...]
    notes: tuple[str, ...]


def verify(root: Path, progress: Progress = SILENT) -> Verification:
    """Check all artifacts under a folder and its ``local``.

    Raises:
        ArtifactError: there is no such folder, or nothing in it.
    """
    if not root.is_dir():
        raise ArtifactError(f"{root}: no such folder; give the folder of the artifacts")
    listed, differences = compared(root)
    check = Check(workspace=Workspace(root), listed=listed, differences=differences)
    paths = [(stage, path) for stage in STAGES for path in check.workspace.paths(stage)]
    if not paths and not (root / MANIFEST).exists():
        raise ArtifactError(f"{root}: holds no artifacts")
    with progress.bar("verify", len(paths)) as bar:
        for stage, path in paths:
            check.differences += _one(check, stage, path)
            check.artifacts[stage] += 1
            bar.advance()
    return Verification(
        artifacts=dict(check.artifacts),
        calls=check.calls,
        differences=tuple(dict.fromkeys(check.differences)),
        notes=tuple(dict.fromkeys(check.notes)),
    )


def _one(check: Check, stage: str, path: Path) -> Iterator[str]:
    try:
        artifact = read_artifact(path, stage=stage)
        if artifact.id in check.seen:
            return
        check.seen.add(artifact.id)
        artifact.values(_TYPES[stage])
        entry = check.listed.get(artifact.id)
        if entry is not None and entry.header != artifact.header:
            yield f"{path}: its header is not what {MANIFEST} lists as derivable"
        check.notes += _absent(check, artifact)
        if other := _other_version(artifact):
            check.notes.append(f"{path}: not checkable here, {other}")
            return
        yield from AGAIN.get(stage, _nothing)(check, artifact)
    except FcprefError as error:
        yield str(error)


def _other_version(artifact: Artifact) -> str:
    for library, wanted in artifact.header.versions.items():
        have = installed(library)
        if have != wanted:
            return f"it was made with {library} {wanted}, here is {have}"
    return ""


def _absent(check: Check, artifact: Artifact) -> Iterator[str]:
    """Name the parents that are not here; what can be made again, by the command that does."""
    for identifier in artifact.header.parents:
        if check.workspace.stage_of(identifier) is not None:
            continue
        name = short(identifier)
        if (entry := check.listed.get(identifier)) is not None:
            yield (
                f"{artifact.path}: was made from {entry.stage} {name}, which is not here; "
                f"`fcpref remake {name}` makes it"
            )
        elif artifact.header.stage not in AGAIN:  # else it is told of where it is needed
            yield f"{artifact.path}: was made from {name}, which is missing"


def _nothing(_check: Check, _artifact: Artifact) -> Iterator[str]:
    return iter(())


def summary(found: Verification) -> str:
    """Return what was verified, for people."""
    total = sum(found.artifacts.values())
    kinds = ", ".join(f"{count} {stage}" for stage, count in found.artifacts.items())
    lines = [f"{total} artifacts ({kinds}), {found.calls} calls executed again"]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"differs: {line}" for line in found.differences]
    return "\n".join(lines if found.differences else [*lines, "all as recorded"])
