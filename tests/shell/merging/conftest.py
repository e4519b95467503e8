"""What the tests of merging share: an adapter that was trained twice, and what is merged of it."""

from __future__ import annotations

import pytest

from fcpref.shell.merging import merge_model
from fcpref.shell.workspace import Workspace
from tests.merged import trained_twice


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Give a workspace that tests only add to."""
    return Workspace(tmp_path_factory.mktemp("merging") / "artifacts")


@pytest.fixture(scope="session")
def trained(workspace, tmp_path_factory):
    """Train twice; nothing may be written into the base's or the adapters' folders."""
    return trained_twice(workspace, tmp_path_factory)


@pytest.fixture(scope="session")
def name(trained):
    """Name the second adapter on its base."""
    return f"adapter:{trained['second'][1]}@path:{trained['base']}"


@pytest.fixture(scope="session")
def merged(workspace, name, tmp_path_factory):
    """Merge that adapter; nothing may be written into the folder."""
    return merge_model(workspace, name, tmp_path_factory.mktemp("out") / "student").folder
