"""What the tests of the openai engine share: the key that it sends."""

from __future__ import annotations

import pytest

from tests.chat_server import KEY


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """Give every request a key, and no proxy."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("FCPREF_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
