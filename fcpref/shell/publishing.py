"""Live outputs made public: copied out of ``local``, and listed in the manifest.

Lean, what no other public artifact needs and `fcpref remake` makes is listed only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.canon import short
from fcpref.errors import ArtifactError, ModelError
from fcpref.shell.manifest import Derivable, Row, read_manifest, save_manifest
from fcpref.shell.model_names import ModelName, public_base
from fcpref.shell.resolving import TEMPLATE
from fcpref.shell.sparing import left_out
from fcpref.shell.store import Artifact, file_hash, read_artifact, write_bytes
from fcpref.shell.workspace import STAGES, Workspace, ancestry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fcpref.shell.workspace import Link

_NEEDED = ("adapter_config.json", "adapter_model.safetensors")
_OWN = "fcpref.json"


@frozen(kw_only=True)
class Published:
    """What came of publishing.

    Attributes:
        written: the new files; what is public already is not written again.
        manifest: the renewed manifest.
        bytes: size of all that is public now.
        removed: files that were public and are only listed now; they are in ``local``.
        derivable: what was left out.
        kept: why something that looks derivable was not left out, a line each.
    """

    written: tuple[Path, ...]
    manifest: Path
    bytes: int
    removed: tuple[Path, ...] = ()
    derivable: tuple[Derivable, ...] = ()
    kept: tuple[str, ...] = ()

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "written": [str(path) for path in self.written],
            "removed": [str(path) for path in self.removed],
            "derivable": [entry.id for entry in self.derivable],
            "kept": list(self.kept),
            "manifest": str(self.manifest),
            "bytes": self.bytes,
        }

    def text(self) -> str:
        """Say it in lines for people."""
        lines = [str(path) for path in self.written]
        lines += [f"removed: {path}" for path in self.removed]
        lines += [f"kept: {reason}" for reason in self.kept]
        for entry in self.derivable:
            what = f"{entry.stage} {short(entry.id)} ({entry.count} records)"
            lines.append(f"left out: {what}; `fcpref remake {short(entry.id)}` makes it")
        count = f"{len(self.written)} new files, {self.bytes / 1e6:.1f} MB in all"
        return "\n".join([*lines, f"{self.manifest}: {count}"])


def publish_named(
    workspace: Workspace,
    names: Iterable[str],
    adapters: Iterable[Path] = (),
    *,
    lean: bool = False,
    checked: bool = True,
) -> Published:
    """Copy artifacts, all that they were made from, and adapters; renew the manifest.

    Args:
        workspace: holds them.
        names: artifacts, by path or by the start of an id.
        adapters: folders of adapters; each goes to ``adapters/NAME``.
        lean: leave out what they were made from where it can be made again and only training runs
            need it; the manifest says how it is made. A file of it that is public goes.
        checked: make what is left out again first, unless this code has made it before.

    Raises:
        ArtifactError: one is not here, or damaged, or lacks what it was made from, or another
            adapter has that name; nothing is copied then. Or a public file is damaged.
    """
    read_manifest(workspace.root)  # a damaged one is refused before anything is copied
    found = [workspace.locate(name, *STAGES) for name in names]
    copies: dict[Path, bytes] = {}
    for adapter in adapters:
        copies |= _adapter(workspace, adapter)
    links = _complete(workspace, found)
    spared = left_out(workspace, found, links, checked=checked) if lean else None
    entries = spared.entries if spared else ()
    written = _copied(workspace, links, {entry.id for entry in entries})
    for target, data in copies.items():
        write_bytes(target, data)
        written.append(target)
    # The list comes first: what it names is not lost when this breaks off.
    manifest = _renewed(workspace.root, [*_not_there(workspace.root), *entries])
    removed = [path for entry in entries for path in _removed(workspace, entry)]
    public = (path for path in workspace.root.rglob("*") if workspace.local not in path.parents)
    size = sum(path.stat().st_size for path in public if path.is_file())
    return Published(
        written=tuple(written),
        manifest=manifest,
        bytes=size,
        removed=tuple(removed),
        derivable=entries,
        kept=spared.kept if spared else (),
    )


def publish(workspace: Workspace, artifacts: Iterable[Artifact]) -> list[Path]:
    """Copy artifacts with all that they were made from out of ``local``; return the new files.

    Raises:
        ArtifactError: something that they were made from is not here.
    """
    return _copied(workspace, _complete(workspace, artifacts), ())


def _complete(workspace: Workspace, artifacts: Iterable[Artifact]) -> list[Link]:
    """Return artifacts and all that they were made from; refuse where some of it is missing."""
    links = ancestry(workspace, artifacts)
    known = {link.id for link in links}
    for link in links:
        for parent in link.header.parents:
            if parent not in known:
                name = link.path if isinstance(link, Artifact) else short(link.id)
                raise ArtifactError(
                    f"{name}: was made from {short(parent)}, which is not in "
                    f"{workspace.root}; restore it or make it again"
                )
    return links


def _copied(workspace: Workspace, links: Iterable[Link], without: Collection[str]) -> list[Path]:
    written = []
    for artifact in links:
        folder = workspace.root / artifact.header.stage
        if isinstance(artifact, Derivable) or artifact.id in without:
            continue
        if not any(folder.glob(f"{short(artifact.id)}.jsonl*")):
            suffix = ".jsonl.gz" if artifact.path.suffix == ".gz" else ".jsonl"
            target = folder / f"{short(artifact.id)}{suffix}"
            write_bytes(target, artifact.path.read_bytes())
            written.append(target)
    return written


def _removed(workspace: Workspace, entry: Derivable) -> list[Path]:
    """Move the public files of an artifact to ``local``; return where they were."""
    removed = []
    for path in sorted((workspace.root / entry.stage).glob(f"{short(entry.id)}.jsonl*")):
        kept = workspace.local / entry.stage / path.name
        if not kept.exists():
            write_bytes(kept, path.read_bytes())
        path.unlink()
        removed.append(path)
    return removed


def _adapter(workspace: Workspace, folder: Path) -> dict[Path, bytes]:
    """Return the files that publishing an adapter writes, without folders of this machine."""
    for name in _NEEDED:
        if not (folder / name).is_file():
            if (folder / "config.json").is_file():
                raise ArtifactError(
                    f"{folder}: is a whole model, and only adapters go among the artifacts; "
                    "publish its runs without it, and keep the folder elsewhere"
                )
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
    """Write ``manifest.json`` over the artifacts under a root, ``local`` left out.

    What was listed as derivable stays so, as far as something public was made from it.

    Raises:
        ArtifactError: an artifact is damaged, or the manifest that is there cannot be read.
    """
    return _renewed(root, _not_there(root))


def _not_there(root: Path) -> Iterable[Derivable]:
    """Return what is listed as derivable and has no file, so that a file takes its place."""
    for entry in read_manifest(root).derivable:
        if not any((root / entry.stage).glob(f"{short(entry.id)}.jsonl*")):
            yield entry


def _renewed(root: Path, left: Iterable[Derivable]) -> Path:
    """Write the manifest; files of what is left out are not public."""
    derivable = {entry.id: entry for entry in left}
    rows = []
    for stage in STAGES:
        for path in sorted((root / stage).glob("*.jsonl*")):
            artifact = read_artifact(path, stage=stage)
            if artifact.id in derivable:
                continue
            rows.append(
                Row(
                    stage=stage,
                    id=artifact.id,
                    parents=artifact.header.parents,
                    count=artifact.header.count,
                    bytes=path.stat().st_size,
                    byte_hash=file_hash(path),
                    path=path.relative_to(root).as_posix(),
                )
            )
    needed: dict[str, Derivable] = {}
    waiting = [parent for row in rows for parent in row.parents]
    while waiting:
        entry = derivable.get(waiting.pop())
        if entry is not None and entry.id not in needed:
            needed[entry.id] = entry
            waiting += entry.parents
    order = sorted(needed.values(), key=lambda one: (STAGES.index(one.stage), one.id))
    return save_manifest(root, rows, order)
