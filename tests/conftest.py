"""Settings that every test runs under, and the command line on artifacts of a test's own."""

from __future__ import annotations

import os
from functools import partial

import pytest
from hypothesis import HealthCheck, settings

# No test downloads a model; read before huggingface_hub is imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Examples build whole problems, which a loaded machine may do slowly: no deadline, no speed check.
_COMMON = {
    "deadline": None,
    "max_examples": 40,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("dev", **_COMMON)
settings.register_profile("ci", derandomize=True, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


@pytest.fixture
def fcpref(tmp_path):
    """Run a command on a test's own artifacts."""
    from tests.command_line import invoke

    return partial(invoke, tmp_path / "artifacts")


@pytest.fixture
def made(fcpref):
    """Run a command that succeeds and return its JSON."""
    from tests.command_line import succeeding

    return succeeding(fcpref)
