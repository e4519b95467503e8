"""Fixtures that several test files share."""

from __future__ import annotations

import pytest

from fcpref.core.problems import Problem
from fcpref.shell import stages
from fcpref.shell.workspace import Workspace
from tests.model_files import random_model
from tests.staged import KNOBS, PLAN, Teacher


@pytest.fixture
def workspace(tmp_path):
    """Give a workspace without artifacts; `fcpref` runs commands on the same folder."""
    return Workspace(tmp_path / "artifacts")


@pytest.fixture
def problems(workspace):
    """Make three problems of `fol.deduction`."""
    return stages.make_problems(workspace, "fol.deduction", "train", 3, 5, KNOBS)


@pytest.fixture
def chains(workspace, problems):
    """Sample two chains of each problem; a teacher solves it in the first and not in the second."""
    return stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), PLAN)


@pytest.fixture
def scores(workspace, chains):
    """Score the teacher's chains."""
    return stages.score(workspace, chains)


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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Make a tiny student and chains and pairs to train it on; see `tests.trained`."""
    from tests.trained import training_rows  # which loads torch

    return training_rows(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def sft(data, tmp_path_factory):
    """Train that student on its correct chains."""
    from tests.trained import trained_sft

    return trained_sft(data, tmp_path_factory.mktemp("runs") / "sft")
