"""Where artifacts are: found by id, written under ``local``, made once.

Committed artifacts are under the root, live outputs under ``root/local``. What was done is kept in
``local/done``, one small file for each piece of work, so that the next run goes on from there.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from attrs import define, field

from fcpref.core.canon import content_id, short
from fcpref.errors import ArtifactError
from fcpref.shell.logs import StageLog, stage_log
from fcpref.shell.manifest import Derivable, read_manifest
from fcpref.shell.progress import SILENT, Progress
from fcpref.shell.store import (
    Artifact,
    read_artifact,
    write_artifact,
    write_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

STAGES = ("problems", "recording", "chains", "scores", "pairs", "run", "trials")
_SUFFIXES = (".jsonl", ".jsonl.gz")
_SHORTEST_PREFIX = 4

Link = Artifact | Derivable
"""Something with an id and a header that others were made from: here, or made by a command."""


@define
class Workspace:
    """The artifacts under one folder.

    Attributes:
        root: the folder.
        progress: shows how far the stages are.
    """

    root: Path = Path("artifacts")
    progress: Progress = SILENT
    _read: dict[str, Artifact] = field(factory=dict, init=False, repr=False)

    @property
    def local(self) -> Path:
        """Where new outputs go."""
        return self.root / "local"

    def find(self, identifier: str, stage: str) -> Artifact:
        """Return an artifact by its id; read and verified the first time only.

        Raises:
            ArtifactError: it is not here, or its file is damaged.
        """
        if identifier in self._read:
            return self._read[identifier]
        for path in self.paths(stage, short(identifier)):
            return self._keep(read_artifact(path, stage=stage), identifier)
        name = short(identifier)
        message = f"{self.root}: holds no {stage} {name}; restore the file or run the stage that "
        message += "makes it again"
        if identifier in read_manifest(self.root).listed:
            message = f"{self.root}: {stage} {name} is not here; `fcpref remake {name}` makes it"
        raise ArtifactError(message)

    def stage_of(self, identifier: str) -> str | None:
        """Return the stage of an artifact that is here, or None when it is not."""
        return next((one for one in STAGES if any(self.paths(one, short(identifier)))), None)

    def locate(self, text: str, *stages: str) -> Artifact:
        """Return an artifact named by a path or by the start of its id.

        Raises:
            ArtifactError: there is none, there are several, or it comes from another stage.
        """
        path = Path(text)
        if not path.exists():
            path = self._by_prefix(text, stages)
        artifact = read_artifact(path)
        if artifact.header.stage not in stages:
            wanted = " or ".join(stages)
            message = f"{path}: holds {artifact.header.stage}, and {wanted} is needed here"
            raise ArtifactError(message)
        return self._keep(artifact, artifact.id)

    def write(
        self,
        stage: str,
        values: Iterable[object],
        *,
        parents: Sequence[str] = (),
        spec: Mapping[str, object] | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> Artifact:
        """Write an artifact under ``local`` and return it."""
        artifact = write_artifact(
            self.local, stage, values, parents=parents, spec=spec, versions=versions
        )
        return self._keep(artifact, artifact.id)

    def once(
        self, stage: str, parts: Mapping[str, object], make: Callable[[StageLog], Artifact]
    ) -> Artifact:
        """Return what was made from these parts before, or make it now.

        Args:
            stage: what is made.
            parts: all that it depends on beside the code of core, as plain data.
            make: makes it; is given the stage's log.

        Raises:
            ArtifactError: what was made before is damaged.
        """
        before = self.made(stage, parts)
        if before is not None:
            return before
        key = _once_key(stage, parts)
        with stage_log(self.local / "logs", stage, key=short(key)) as log:
            artifact = make(log)
            log.write("written", id=artifact.id, count=artifact.header.count)
        self.record(key, {"id": artifact.id})
        return artifact

    def made(self, stage: str, parts: Mapping[str, object]) -> Artifact | None:
        """Return what `once` made from these parts before, or None when it would make it now."""
        return self.recall(_once_key(stage, parts), stage)

    def recall(self, key: str, stage: str) -> Artifact | None:
        """Return what a piece of work came to, or None when it is to be done."""
        identifier = self.entry(key).get("id")
        if not isinstance(identifier, str):
            return None
        if identifier not in self._read and not any(self.paths(stage, short(identifier))):
            return None
        return self.find(identifier, stage)

    def entry(self, key: str) -> dict[str, object]:
        """Return the note about a finished piece of work; empty when there is none."""
        try:
            data = msgspec.json.decode(self._entry_path(key).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return data if isinstance(data, dict) else {}

    def record(self, key: str, entry: Mapping[str, object]) -> None:
        """Note that a piece of work is done."""
        write_bytes(self._entry_path(key), msgspec.json.encode(dict(entry)) + b"\n")

    def paths(self, stage: str, prefix: str = "") -> Iterator[Path]:
        """Yield the files of a stage whose names start so, committed ones first."""
        for folder in (self.root / stage, self.local / stage):
            for path in sorted(folder.glob(f"{prefix}*.jsonl*")):
                if path.name.endswith(_SUFFIXES):
                    yield path

    def _entry_path(self, key: str) -> Path:
        return self.local / "done" / f"{short(key, 32)}.json"

    def _by_prefix(self, text: str, stages: Sequence[str]) -> Path:
        prefix = short(text)
        digits = len(prefix) >= _SHORTEST_PREFIX and not set(prefix) - set("0123456789abcdef")
        paths = [path for stage in stages for path in self.paths(stage, prefix)] if digits else []
        names = {path.name.partition(".")[0]: path for path in reversed(paths)}
        if not names:
            wanted = " or ".join(stages)
            message = (
                f"{text}: no such file, and {self.root} holds no {wanted} whose id starts so; "
                "give a path or the first digits of an id"
            )
            listed = read_manifest(self.root).listed if digits else {}
            if left_out := [one for one in listed.values() if short(one.id).startswith(prefix)]:
                name = short(left_out[0].id)
                message = f"{text}: {left_out[0].stage} {name} is not here; `fcpref remake {name}` "
                message += "makes it"
            raise ArtifactError(message)
        if len(names) > 1:
            some = ", ".join(sorted(names)[:3])
            message = f"{text}: {len(names)} artifacts start so, {some}; give more digits"
            raise ArtifactError(message)
        return next(iter(names.values()))

    def _keep(self, artifact: Artifact, identifier: str) -> Artifact:
        # Names carry 64 bits of the id; this compares the rest.
        if artifact.id != identifier:
            message = f"{artifact.path}: its id is {artifact.id}, not {identifier}"
            raise ArtifactError(message)
        return self._read.setdefault(identifier, artifact)


def work_key(stage: str, parts: Mapping[str, object]) -> str:
    """Return the key of a piece of work: the hash of all that it depends on."""
    return content_id({"stage": stage, **parts})


def _once_key(stage: str, parts: Mapping[str, object]) -> str:
    return work_key(stage, {**parts, "code": code_version()})


@functools.cache
def code_version() -> str:
    """Return a hash of core's source, so that changed code is not answered with old outputs."""
    return _source_hash(Path(__file__).parent.parent / "core")


@functools.cache
def package_version() -> str:
    """Return a hash of the whole package's source, which workers of a cluster must share."""
    return _source_hash(Path(__file__).parent.parent)


def _source_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def ancestry(workspace: Workspace, artifacts: Iterable[Artifact]) -> list[Link]:
    """Return artifacts and all that they were made from; each once, of its stage.

    What is not here is what the manifest lists of it, and missing where it lists nothing.

    Raises:
        ArtifactError: one is damaged, or something is not here and the manifest cannot be read.
    """
    found: dict[str, Link] = {}
    waiting: list[Link] = list(artifacts)
    while waiting:
        artifact = waiting.pop()
        if artifact.id in found:
            continue
        found[artifact.id] = artifact
        for parent in artifact.header.parents:
            stage = workspace.stage_of(parent)
            if stage is not None:
                waiting.append(workspace.find(parent, stage))
            elif entry := read_manifest(workspace.root).listed.get(parent):
                waiting.append(entry)
    return sorted(found.values(), key=lambda a: (STAGES.index(a.header.stage), a.id))


def copy_to(artifact: Artifact, path: Path) -> Path:
    """Write an artifact to another file, compressed when that is named ``.gz``."""
    data = artifact.path.read_bytes()
    if artifact.path.suffix == ".gz" and path.suffix != ".gz":
        data = gzip.decompress(data)
    elif artifact.path.suffix != ".gz" and path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    write_bytes(path, data)
    return path
