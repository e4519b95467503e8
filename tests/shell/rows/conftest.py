"""What the tests of imported rows share: chains and pairs of every kind."""

from __future__ import annotations

import pytest

from fcpref.shell.workspace import Workspace
from tests.imported import every_kind


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Give a workspace that tests only add to."""
    return Workspace(tmp_path_factory.mktemp("rows") / "artifacts")


@pytest.fixture(scope="session")
def made(workspace):
    """Write chains and pairs, by task, grammar and kind."""
    return every_kind(workspace)
