"""Compares the manifest with the files that are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.errors import ArtifactError
from fcpref.shell.manifest import MANIFEST, Derivable, Row, read_manifest
from fcpref.shell.remaking import flaws
from fcpref.shell.store import file_hash, read_artifact
from fcpref.shell.workspace import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fcpref.shell.manifest import Manifest


def compared(root: Path) -> tuple[Mapping[str, Derivable], list[str]]:
    """Return what the manifest lists as derivable, by id, and how it differs from the files."""
    path = root / MANIFEST
    if not path.exists():
        return {}, []
    try:
        manifest = read_manifest(root)
    except ArtifactError as error:
        return {}, [str(error)]
    return manifest.listed, list(_differences(root, manifest))


def _differences(root: Path, manifest: Manifest) -> Iterator[str]:
    path = root / MANIFEST
    for flaw in flaws(manifest):
        yield f"{path}: {flaw}"
    rows = manifest.artifacts
    for row in rows:
        yield from _row(root, row)
    named = {row.path for row in rows}
    for stage in STAGES:
        for file in sorted((root / stage).glob("*.jsonl*")):
            if file.relative_to(root).as_posix() not in named:
                yield f"{file}: is not in {path}"


def _row(root: Path, row: Row) -> Iterator[str]:
    file = root / row.path
    if not file.is_file():
        yield f"{file}: is in {MANIFEST} and missing here; restore it"
    elif file.stat().st_size != row.bytes:
        yield f"{file}: has {file.stat().st_size} bytes, {MANIFEST} says {row.bytes}"
    elif file_hash(file) != row.byte_hash:
        yield f"{file}: its bytes hash otherwise than {MANIFEST} says; it was edited, restore it"
    else:
        try:
            artifact = read_artifact(file, stage=row.stage)
        except ArtifactError:
            return  # told of when the artifact itself is checked
        header = artifact.header
        same = (artifact.id, header.parents, header.count) == (row.id, row.parents, row.count)
        if not same:
            yield f"{file}: its id, parents or count are not what {MANIFEST} says"
