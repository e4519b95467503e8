"""The stage of training: which rows it takes, and that it is not done again."""

from __future__ import annotations

import shutil

import pytest

from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.training import DpoSpec, RunRecord, SftSpec
from fcpref.errors import ArtifactError, PairError, TrainingError
from fcpref.shell import stages, stages_training
from fcpref.shell.logs import stage_log
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.progress import Progress
from fcpref.shell.settings import changed
from fcpref.shell.store import file_hash
from fcpref.shell.workspace import Workspace
from tests.staged import PLAN, Teacher


def test_held_out_problems_are_found_by_lint_and_refused_by_training(workspace, tmp_path):
    student = ResolvedModel(name="hub:a/b", folder=tmp_path, revision="c0ffee")
    made = stages.make_problems(workspace, "math.word", "test", 2, 1)
    chains = stages.model_chains(workspace, made, Teacher(made.values(Problem)), PLAN)
    scores = stages.score(workspace, chains)
    made = stages.pairs(workspace, [scores], PairSpec())

    assert {"held_out"} == {finding.rule for finding in stages.lint_pairs(workspace, made)}
    rows = stages_training._rows
    with stage_log(workspace.local / "logs", "run") as log:
        with pytest.raises(PairError, match="held_out"):
            rows(workspace, [made], log, student, DpoSpec())
        with pytest.raises(TrainingError, match="test problems"):
            rows(workspace, [scores], log, student, SftSpec())


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    """Training that writes a file; returns the rows of each run."""
    runs = []
    resolved = ResolvedModel(name="hub:a/b", folder=tmp_path, revision="c0ffee")
    monkeypatch.setattr(stages_training, "resolve", lambda *_: resolved)

    def train_sft(rows, spec, job):
        runs.append(rows)
        job.out.mkdir(parents=True, exist_ok=True)
        (job.out / "adapter_model.safetensors").write_bytes(b"%d" % spec.epochs)
        job.on_step(1, 1, {"loss": 0.5})
        return RunRecord(
            kind="sft",
            base="hub:a/b",
            student_revision="c0ffee",
            start="",
            data=job.data,
            spec={"epochs": spec.epochs},
            rows=len(rows),
            left_out=0,
            tokens=1,
            trained_tokens=1,
            steps=1,
            metrics={"loss": (0.5, 0.5)},
            adapter=file_hash(job.out / "adapter_model.safetensors"),
        )

    monkeypatch.setattr(stages_training, "train_sft", train_sft)
    return runs


def test_sft_trains_on_correct_chains_and_counts_their_sources(
    workspace, problems, scores, trainer
):
    oracle = stages.score(workspace, stages.oracle_chains(workspace, problems))

    run, folder = stages.train(workspace, "sft", [oracle, scores], "hub:a/b", SftSpec())

    assert len(trainer[0]) == 6
    assert run.header.spec["sources"] == {"openai:teacher": 3, "oracle": 3}
    assert {oracle.id, scores.id} == set(run.header.parents)
    assert workspace.local / "adapters" == folder.parent


@pytest.mark.usefixtures("trainer")
def test_rows_that_do_not_fill_a_batch_are_told(workspace, problems, capsys):
    oracle = stages.score(workspace, stages.oracle_chains(workspace, problems))
    told = Workspace(workspace.root, Progress())
    said = {}
    for batch in (3, 4):
        stages.train(told, "sft", [oracle], "hub:a/b", SftSpec(batch=batch))
        said[batch] = capsys.readouterr().err
    assert "batch" not in said[3]
    assert said[4].endswith(
        "the run has 3 of the 4 rows of a batch, so each step took them all; set batch lower for "
        "more steps\n"
    )


@pytest.mark.parametrize(
    ("gpus", "count", "said"),
    [
        (1, 1, ""),
        (2, 1, "training on one of 2 GPUs; accelerate launch trains on all, as README says\n"),
        (2, 2, ""),
    ],
)
@pytest.mark.usefixtures("trainer")
def test_gpus_that_are_not_trained_on_are_told(
    workspace, problems, capsys, monkeypatch, gpus, count, said
):
    monkeypatch.setattr(stages_training, "gpu_count", lambda: gpus)
    monkeypatch.setattr(stages_training.processes, "count", lambda: count)
    oracle = stages.score(workspace, stages.oracle_chains(workspace, problems))
    told = Workspace(workspace.root, Progress())
    stages.train(told, "sft", [oracle], "hub:a/b", SftSpec(batch=3))
    err = capsys.readouterr().err
    assert said in err
    assert ("GPUs" in err) == bool(said)


def test_a_run_is_not_done_again_unless_its_adapter_has_changed(workspace, scores, trainer):
    def train(**changes):
        spec = changed(SftSpec(), changes)
        return stages.train(Workspace(workspace.root), "sft", [scores], "hub:a/b", spec)

    first = train()
    assert first[0].id == train()[0].id
    assert len(trainer) == 1
    (first[1] / "adapter_model.safetensors").unlink()
    (first[1]).rmdir()
    train()
    assert len(trainer) == 2
    train(epochs=2)
    assert len(trainer) == 3


def test_a_named_adapter_is_replaced_by_no_other_run(workspace, scores, trainer):
    def train(epochs, name="mine"):
        spec = changed(SftSpec(), {"epochs": epochs})
        return stages.train(Workspace(workspace.root), "sft", [scores], "hub:a/b", spec, name=name)

    first = train(1)
    assert first[1] == workspace.local / "adapters" / "mine"
    with pytest.raises(ArtifactError, match=r"mine: is there already and not of this run") as error:
        train(2)
    assert "\n" not in str(error.value)
    assert train(1)[1] == first[1]
    assert len(trainer) == 1
    # A run whose adapter was changed is done again, in its place.
    (first[1] / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(ArtifactError):
        train(2)
    train(1)
    train(2, name="other")
    shutil.rmtree(first[1])
    train(3)
    assert len(trainer) == 4
    # The first run finds another's adapter where its own was.
    with pytest.raises(ArtifactError):
        train(1)


def test_a_run_killed_after_it_left_its_adapter_takes_its_own_place(
    workspace, scores, trainer, monkeypatch
):
    def train():
        return stages.train(workspace, "sft", [scores], "hub:a/b", SftSpec(), name="mine")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            train()
    assert (workspace.local / "adapters" / "mine" / "adapter_model.safetensors").is_file()
    train()
    assert len(trainer) == 2


@pytest.mark.usefixtures("trainer")
def test_checkpoints_are_of_one_run_and_go_when_its_adapter_is_there(
    workspace, scores, monkeypatch
):
    seen = []
    real = stages_training.train_sft

    def train_sft(rows, spec, job):
        job.checkpoints.write(1, {"run.pt": b"weights"}, {})
        seen.append(job.checkpoints)
        if len(seen) < 3:
            raise KeyboardInterrupt
        return real(rows, spec, job)

    def train(epochs):
        spec = changed(SftSpec(), {"epochs": epochs})
        return stages.train(workspace, "sft", [scores], "hub:a/b", spec, checkpoint_every=7)

    monkeypatch.setattr(stages_training, "train_sft", train_sft)
    for epochs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train(epochs)
    train(1)
    assert seen[0].folder == seen[2].folder != seen[1].folder
    assert {one.folder.parent for one in seen} == {workspace.local / "checkpoints"}
    assert {one.every for one in seen} == {7}
    assert [one.folder.exists() for one in seen] == [False, True, False]
    # A run that was killed after its end and before this is done is not trained again.
    seen[0].write(1, {"run.pt": b"weights"}, {})
    train(1)
    assert len(seen) == 3
    assert not seen[0].folder.exists()
