"""Whose a named folder under ``local`` is: no run replaces what another run has left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fcpref.errors import ArtifactError
from fcpref.shell import processes
from fcpref.shell.store import is_free
from fcpref.shell.workspace import work_key

if TYPE_CHECKING:
    from pathlib import Path

    from fcpref.shell.workspace import Workspace


def claim(workspace: Workspace, folder: Path, key: str) -> None:
    """Note that a run is about to leave its weights in a folder.

    A run that is killed after it has left them and before it is done finds them its own again.

    Args:
        workspace: keeps the note.
        folder: of the weights; need not be there.
        key: of the run.

    Raises:
        ArtifactError: something is there that is not of this run.
    """
    note = work_key("folder", {"path": os.path.relpath(folder, workspace.local)})
    if not is_free(folder) and workspace.entry(note).get("run") != key:
        message = (
            f"{folder}: is there already and not of this run; choose another --name or remove the "
            "folder"
        )
        raise ArtifactError(message)
    if processes.is_first():
        workspace.record(note, {"run": key})
