"""What the tests of shards share: a server to ask, and what one process makes of its answers."""

from __future__ import annotations

import pytest

from tests.sharded_stages import asking, make, serving
from tests.teacher_server import KEY


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Let every test ask servers on this machine, with their key."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FCPREF_API_KEY", KEY)


@pytest.fixture(scope="module")
def server():
    """Serve a teacher that no test changes; gives the endpoint and the behaviour."""
    with serving() as (endpoint, behaviour):
        yield endpoint, behaviour


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """Make everything in one process, in a workspace that tests only add to."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch, serving() as (endpoint, _):
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("FCPREF_API_KEY", KEY)
        return make(folder, asking(endpoint))
