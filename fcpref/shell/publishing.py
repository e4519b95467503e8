"""Live outputs made public: copied out of ``local``, and listed in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.canon import short
from fcpref.errors import ArtifactError, ModelError
from fcpref.shell.models import TEMPLATE, ModelName, public_base
from fcpref.shell.store import Artifact, file_hash, read_artifact, write_bytes
from fcpref.shell.workspace import STAGES, Workspace, ancestry

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "manifest.json"
_NEEDED = ("adapter_config.json", "adapter_model.safetensors")
_OWN = "fcpref.json"


@frozen(kw_only=True)
class Published:
    """What came of publishing.

    Attributes:
        written: the new files; what is public already is not written again.
        manifest: the renewed manifest.
        bytes: size of all that is public now.
    """

    written: tuple[Path, ...]
    manifest: Path
    bytes: int


def publish_named(
    workspace: Workspace, names: Iterable[str], adapters: Iterable[Path] = ()
) -> Published:
    """Copy artifacts, all that they were made from, and adapters; renew the manifest.

    Args:
        workspace: holds them.
        names: artifacts, by path or by the start of an id.
        adapters: folders of adapters; each goes to ``adapters/NAME``.

    Raises:
        ArtifactError: one is not here, or damaged, or lacks what it was made from, or another
            adapter has that name; nothing is copied then. Or a public file is damaged.
    """
    found = [workspace.locate(name, *STAGES) for name in names]
    copies: dict[Path, bytes] = {}
    for adapter in adapters:
        copies |= _adapter(workspace, adapter)
    written = publish(workspace, found)
    for target, data in copies.items():
        write_bytes(target, data)
        written.append(target)
    manifest = write_manifest(workspace.root)
    public = (path for path in workspace.root.rglob("*") if workspace.local not in path.parents)
    size = sum(path.stat().st_size for path in public if path.is_file())
    return Published(written=tuple(written), manifest=manifest, bytes=size)


def publish(workspace: Workspace, artifacts: Iterable[Artifact]) -> list[Path]:
    """Copy artifacts with all that they were made from out of ``local``; return the new files.

    Raises:
        ArtifactError: something that they were made from is not here.
    """
    lineage = ancestry(workspace, artifacts)
    here = {artifact.id for artifact in lineage}
    for artifact in lineage:
        for parent in artifact.header.parents:
            if parent not in here:
                raise ArtifactError(
                    f"{artifact.path}: was made from {short(parent)}, which is not in "
                    f"{workspace.root}; restore it or make it again"
                )
    written = []
    for artifact in lineage:
        folder = workspace.root / artifact.header.stage
        if not any(folder.glob(f"{short(artifact.id)}.jsonl*")):
            suffix = ".jsonl.gz" if artifact.path.suffix == ".gz" else ".jsonl"
            target = folder / f"{short(artifact.id)}{suffix}"
            write_bytes(target, artifact.path.read_bytes())
            written.append(target)
    return written


def _adapter(workspace: Workspace, folder: Path) -> dict[Path, bytes]:
    """Return the files that publishing an adapter writes, without folders of this machine."""
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder}: has no {name}; name the folder of an adapter")
    target = workspace.root / "adapters" / folder.resolve().name
    files = {name: (folder / name).read_bytes() for name in _NEEDED}
    files[_NEEDED[0]] = _portable(folder / _NEEDED[0], "base_model_name_or_path")
    if (folder / TEMPLATE).is_file():
        files[TEMPLATE] = (folder / TEMPLATE).read_bytes()
    if (folder / _OWN).is_file():
        files[_OWN] = _portable(folder / _OWN, "base")
    missing = {}
    for name, data in files.items():
        path = target / name
        if not path.exists():
            missing[path] = data
        elif path.read_bytes() != data:
            raise ArtifactError(f"{path}: is another adapter's; rename {folder} to publish it")
    return missing


def _portable(path: Path, field: str) -> bytes:
    """Return a JSON file whose field names a model, that name without folders of this machine."""
    data = path.read_bytes()
    try:
        value = json.loads(data)
        before = value.get(field) if isinstance(value, dict) else None
    except ValueError as error:
        raise ArtifactError(f"{path}: is no JSON ({error}); write it again") from None
    after = _public(before) if isinstance(before, str) else before
    if after == before:
        return data
    return (json.dumps({**value, field: after}, indent=1) + "\n").encode()


def _public(model: str) -> str:
    try:
        return str(public_base(ModelName.parse(model)))
    except ModelError:  # PEFT's own way: a hub id, or a folder
        return Path(model).name if Path(model).is_absolute() else model


def write_manifest(root: Path) -> Path:
    """Write ``manifest.json`` over the artifacts under a root, ``local`` left out."""
    rows = []
    for stage in STAGES:
        for path in sorted((root / stage).glob("*.jsonl*")):
            artifact = read_artifact(path, stage=stage)
            rows.append(
                {
                    "stage": stage,
                    "id": artifact.id,
                    "parents": list(artifact.header.parents),
                    "count": artifact.header.count,
                    "bytes": path.stat().st_size,
                    "byte_hash": file_hash(path),
                    "path": path.relative_to(root).as_posix(),
                }
            )
    # One artifact a line, so that a change reads well in a diff.
    lines = ",\n".join(json.dumps(row, sort_keys=True) for row in rows)
    target = root / MANIFEST
    write_bytes(target, f'{{"artifacts": [\n{lines}\n]}}\n'.encode())
    return target
