"""The command that trains online: from problems to an adapter and its run."""

from __future__ import annotations

import json

import pytest

from fcpref.core.training import RunRecord
from fcpref.shell import stages_training
from fcpref.shell.adapters import WEIGHTS
from fcpref.shell.model_names import ModelName
from fcpref.shell.resolving import resolve
from fcpref.shell.store import file_hash
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, made_by, refused
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

SMALL = ("batch=4", "samples=2", "limits.calls=2", "limits.reply_tokens=8", "lora.rank=4")


@pytest.fixture
def student(tmp_path):
    save_tiny(tmp_path / "base", byte_tokenizer([CHATML]), scale=0.1)
    return f"path:{tmp_path / 'base'}"


@pytest.fixture
def fcpref(tmp_path):
    def run(*words):
        return invoke(tmp_path / "artifacts", *words, "--json", "--quiet")

    return run


@pytest.fixture
def problems(fcpref):
    def make(split):
        made = made_by(fcpref("problems", "math.word", "--split", split, "--count", 3))
        return made["id"].removeprefix("sha256:")[:8]

    return make


def settings(*more):
    return [word for one in (*SMALL, *more) for word in ("--set", one)]


def test_problems_become_an_adapter_and_its_run(
    fcpref, problems, student, tmp_path, monkeypatch
) -> None:
    words = ("train", "grpo", problems("train"), "--student", student, *settings("epochs=2"))
    made = made_by(fcpref(*words))
    workspace = Workspace(tmp_path / "artifacts")
    run = workspace.locate(made["path"], "run")
    (record,) = run.values(RunRecord)
    folder = ModelName.parse(made["adapter"]).target
    assert (record.kind, record.steps) == ("grpo", 2)
    assert record.rows in {2, 3}  # a pass leaves out the one that fills no step
    assert record.adapter == file_hash(workspace.local / "adapters" / folder / WEIGHTS)
    assert resolve(ModelName.parse(f"{made['adapter']}@{student}")).adapter is not None
    assert [workspace.find(one, "problems").header.count for one in run.header.parents] == [3]
    rows = [json.loads(line) for line in (workspace.local / "logs" / "run.jsonl").open()]
    steps = [row for row in rows if row["event"] == "step"]
    assert [row["step"] for row in steps] == [1, 2]
    assert all({"reward", "correct", "malformed", "calls"} <= row.keys() for row in steps)
    assert not (workspace.local / "checkpoints").exists() or not any(
        (workspace.local / "checkpoints").iterdir()
    )

    monkeypatch.setattr(stages_training, "train_grpo", None)  # would fail if it were called
    assert made_by(fcpref(*words)) == made
    assert made_by(fcpref("verify"))["differences"] == []


def test_held_out_problems_are_not_trained_on(fcpref, problems, student) -> None:
    both = (problems("train"), problems("test"))
    result = fcpref("train", "grpo", *both, "--student", student, *settings())
    refused(result, "test problems", "train split")


def test_a_setting_that_cannot_be_is_refused_in_a_line(fcpref, problems, student) -> None:
    name = problems("train")
    for setting, said in (
        ("samples=1", ">= 2"),
        ("loss=best", "dapo"),
        ("reward.unsupported=1", "unsupported"),
        ("batch=12", "multiple of 'samples'"),
        ("problems=2", "no setting 'problems'"),
        ('prompt.without=["Fly"]', "Fly"),
        ("prompt.shots=99", "worked examples"),
        ("probe.every=2", "not probed"),
    ):
        words = ("train", "grpo", name, "--student", student, "--set", setting)
        refused(fcpref(*words), said)


def test_scores_are_no_problems(fcpref, problems, student) -> None:
    chains = made_by(fcpref("chains", problems("train")))
    refused(fcpref("train", "grpo", chains["path"], "--student", student), "chains", "problems")
