"""On a GPU the same run comes out the same within a tolerance; README states it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from fcpref.core.training import DpoSpec, RunRecord, SftSpec
from fcpref.shell import stages
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from fcpref.shell.settings import changed
from fcpref.shell.workspace import Workspace
from tests.training_runs import Data, training_data

if TYPE_CHECKING:
    from pathlib import Path

    from fcpref.shell.store import Artifact

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

LOSSES, WEIGHTS = 1e-2, 2e-3
SETTINGS = {"batch": 4, "epochs": 3, "lora.rank": 4, "max_tokens": 2_000}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 16)


def trained(data: Data, kind: str, root: Path) -> tuple[Artifact, Path]:
    """Train in a folder of its own, where nothing was done before."""
    shutil.copytree(data.root, root)
    workspace = Workspace(root)
    rows = workspace.locate(data.rows[kind], "scores", "pairs")
    spec = changed(SftSpec() if kind == "sft" else DpoSpec(), SETTINGS)
    found = stages.train(workspace, kind, [rows], data.student, spec)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_the_same_run_comes_out_the_same_within_the_tolerance(data, kind, tmp_path):
    runs = [trained(data, kind, tmp_path / str(number)) for number in range(2)]
    records = [run.values(RunRecord)[0] for run, _ in runs]
    for name, (first, last) in records[0].metrics.items():
        assert records[1].metrics[name] == pytest.approx((first, last), abs=LOSSES), name
    weights = [
        load_model(resolve(ModelName.parse(f"adapter:{folder}")), dtype="float32").state_dict()
        for _, folder in runs
    ]
    for name, tensor in weights[0].items():
        assert weights[1][name].allclose(tensor, atol=WEIGHTS), name
