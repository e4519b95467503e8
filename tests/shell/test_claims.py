"""A named folder is of the run that left it, and is replaced by no other."""

from __future__ import annotations

import pytest

from fcpref.errors import ArtifactError
from fcpref.shell.claims import claim
from fcpref.shell.workspace import Workspace


def filled(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_bytes(b"")


def test_a_folder_is_of_the_run_that_claimed_it_last_while_it_was_free(workspace):
    folder = workspace.local / "adapters" / "mine"
    # The first run is killed before it leaves anything, so the name is free for the second.
    for key in ("sha256:1", "sha256:2"):
        claim(workspace, folder, key)
    filled(folder)
    claim(Workspace(workspace.root), folder, "sha256:2")
    with pytest.raises(ArtifactError, match=r"mine: is there already and not of this run; choose"):
        claim(workspace, folder, "sha256:1")
    # Having been refused, it has no claim.
    with pytest.raises(ArtifactError):
        claim(workspace, folder, "sha256:1")
    claim(workspace, folder, "sha256:2")


def test_a_folder_that_no_run_claimed_is_nobodys_to_replace(workspace):
    folder = workspace.local / "adapters" / "copied"
    filled(folder)
    with pytest.raises(ArtifactError, match="remove the folder"):
        claim(workspace, folder, "sha256:1")
    (folder / "weights").unlink()
    claim(workspace, folder, "sha256:1")
    folder.rmdir()
    folder.write_bytes(b"a file")
    claim(workspace, folder, "sha256:1")
    with pytest.raises(ArtifactError):
        claim(workspace, folder, "sha256:2")


def test_adapters_and_models_of_one_name_are_two_folders_and_other_spellings_one(workspace):
    adapter, model = (workspace.local / kind / "one" for kind in ("adapters", "models"))
    claim(workspace, adapter, "sha256:1")
    filled(adapter)
    claim(workspace, model, "sha256:2")
    filled(model)
    claim(workspace, adapter, "sha256:1")
    claim(workspace, model / ".." / "one", "sha256:2")
    claim(workspace, workspace.root.parent / "elsewhere", "sha256:3")
    for folder, key in ((adapter, "sha256:2"), (model / ".." / "one", "sha256:1")):
        with pytest.raises(ArtifactError):
            claim(workspace, folder, key)


def test_only_the_first_of_several_processes_notes_a_claim(workspace, monkeypatch):
    folder = workspace.local / "adapters" / "ours"
    monkeypatch.setenv("RANK", "1")
    claim(workspace, folder, "sha256:1")
    assert not workspace.local.exists()
    monkeypatch.setenv("RANK", "0")
    claim(workspace, folder, "sha256:1")
    filled(folder)
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ArtifactError):
        claim(workspace, folder, "sha256:2")
