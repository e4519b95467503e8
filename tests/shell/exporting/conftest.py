"""What the tests of exports share: chains and pairs of both grammars, and their export."""

from __future__ import annotations

import pytest

from fcpref.shell.workspace import Workspace
from tests.exported import chains_of
from tests.exported_formats import GRAMMARS, every_pair, exporting


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Give a workspace that tests only add to."""
    return Workspace(tmp_path_factory.mktemp("exporting") / "artifacts")


@pytest.fixture(scope="session")
def chains(workspace):
    """Write chains, by grammar."""
    return {grammar: chains_of(workspace, grammar) for grammar in GRAMMARS}


@pytest.fixture(scope="session")
def pairs(workspace, chains):
    """Pair those chains, by grammar and kind."""
    return every_pair(workspace, chains)


@pytest.fixture
def exported(workspace, chains, pairs, tmp_path):
    """Return a function that exports what a format is made of to a test's own folder."""
    return exporting(workspace, chains, pairs, tmp_path)
