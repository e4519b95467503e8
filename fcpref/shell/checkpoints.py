"""Checkpoints of a training run on disk: each whole or not there, the last two kept.

They are in ``FOLDER/ENVIRONMENT/step-N``. The environment is a hash of what else the weights depend
on, such as versions of libraries: a checkpoint goes on only where it was made.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from fcpref.core.canon import content_id, short
from fcpref.errors import ArtifactError
from fcpref.shell import processes
from fcpref.shell.store import file_hash

KEPT = 2
SECONDS = 120.0
"""Between checkpoints, where no number of steps is given."""

_CONTENTS = "contents.json"


@frozen(kw_only=True)
class Checkpoints:
    """Where the checkpoints of a run go, and how often.

    Attributes:
        folder: of this run alone.
        every: optimizer steps between checkpoints; 0 for none, None for every `SECONDS`.
        note: is told of what a run goes on from.
    """

    folder: Path
    every: int | None = None
    note: Callable[[str], None] = lambda _text: None

    def newest(self, environment: Mapping[str, object]) -> Path | None:
        """Return the newest whole checkpoint, or None; what is damaged or half written goes.

        Args:
            environment: what the weights depend on beside the run's key.
        """
        own = self._own(environment)
        first = processes.is_first()
        if first:
            for left in own.glob(".writing-*"):
                shutil.rmtree(left, ignore_errors=True)
        for path in reversed(_steps(own)):
            if _whole(path):
                self._say(f"going on from step {_step(path)}, {path}")
                return path
            self._say(f"{path}: is damaged and not used")
            if first:
                shutil.rmtree(path, ignore_errors=True)
        if any(_steps(other) for other in self.folder.glob("*")):
            self._say(
                f"{self.folder}: its checkpoints are of other versions, another device or number "
                "of processes, and not used; training starts from the beginning"
            )
        return None

    def write(
        self,
        step: int,
        files: Mapping[str, bytes],
        environment: Mapping[str, object],
        wait: Callable[[], None] = lambda: None,
    ) -> None:
        """Write a checkpoint and remove all but the last two; every process calls this.

        Args:
            step: optimizer steps done.
            files: by name, those of this process.
            environment: as of `newest`.
            wait: returns when all processes have come to it.

        Raises:
            ArtifactError: the disk is full or cannot be written; the checkpoints before stay.
        """
        own, first = self._own(environment), processes.is_first()
        part = own / f".writing-{step}"
        try:
            if first:
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
            wait()
            for name, data in files.items():
                write_synced(part / name, data)
            wait()
            if first:
                _finish(part, own / f"step-{step}", environment)
                self._tidy(own)
        except OSError as error:
            kept = [_step(path) for path in _steps(own)]
            good = f"the one of step {kept[-1]} stays" if kept else "there is none before it"
            message = (
                f"{own}: the checkpoint of step {step} cannot be written "
                f"({error.strerror or error}) and {good}; free space and run the same command "
                "again to go on"
            )
            raise ArtifactError(message) from None
        finally:
            if first:
                shutil.rmtree(part, ignore_errors=True)

    def remove(self) -> None:
        """Remove all checkpoints of the run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tidy(self, own: Path) -> None:
        others = [path for path in self.folder.iterdir() if path != own]
        for old in [*_steps(own)[:-KEPT], *others]:
            shutil.rmtree(old, ignore_errors=True)

    def _own(self, environment: Mapping[str, object]) -> Path:
        return self.folder / short(content_id(dict(environment)), 8)

    def _say(self, text: str) -> None:
        if processes.is_first():
            self.note(text)


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _finish(part: Path, whole: Path, environment: Mapping[str, object]) -> None:
    """Put a list of its files into a checkpoint, and the checkpoint in its place."""
    contents = {
        "environment": dict(environment),
        "files": {path.name: file_hash(path) for path in sorted(part.iterdir())},
    }
    write_synced(part / _CONTENTS, (json.dumps(contents, indent=1) + "\n").encode())
    _sync_folder(part)
    shutil.rmtree(whole, ignore_errors=True)
    part.replace(whole)
    _sync_folder(whole.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # has no such thing
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(path: Path) -> bool:
    try:
        files = json.loads((path / _CONTENTS).read_bytes())["files"]
        return bool(files) and all(file_hash(path / name) == files[name] for name in files)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _steps(own: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first."""
    found = [path for path in own.glob("step-*") if path.name.removeprefix("step-").isdecimal()]
    return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
