"""Fixtures that several test files share."""

from __future__ import annotations

import pytest

from tests.model_files import random_model


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    """Give fcpref a cache folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FCPREF_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Save a random model; nothing may be written into its folder."""
    folder = tmp_path_factory.mktemp("plain")
    random_model().save_pretrained(folder)
    return folder
