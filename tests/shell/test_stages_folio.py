"""The stages on `fol.folio`: its file, and z3's version in the headers of what rests on it."""

from __future__ import annotations

import json

import pytest

from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks.fol_folio import _EXEMPLARS
from fcpref.errors import ProblemError, UsageError
from fcpref.shell import stages
from fcpref.shell.store import write_artifact
from fcpref.shell.versions import installed
from tests.staged import PLAN, Teacher

Z3 = {"z3-solver": installed("z3-solver")}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "folio.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _EXEMPLARS), "utf-8")
    return path


@pytest.fixture
def made(workspace, file):
    """Artifacts of all stages that need no model, in order."""
    problems = stages.make_problems(workspace, "fol.folio", "train", None, file=file)
    chains = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), PLAN)
    recording = workspace.find(chains.header.parents[1], "recording")
    scores = stages.score(workspace, chains)
    pairs = stages.pairs(workspace, [scores], PairSpec())
    trials = stages.make_trials(workspace, [chains], greedy=True)
    oracle = stages.oracle_chains(workspace, problems)
    return problems, recording, chains, scores, pairs, trials, oracle


def test_what_executing_prove_gave_names_z3s_version_and_nothing_else_does(made):
    named = [artifact.header.stage for artifact in made if artifact.header.versions == Z3]
    assert named == ["recording", "chains", "scores", "trials", "chains"]
    assert [a.header.stage for a in made if not a.header.versions] == ["problems", "pairs"]


def test_other_tasks_depend_on_no_library(workspace):
    problems = stages.make_problems(workspace, "fol.deduction", "train", 2, 5)
    chains = stages.oracle_chains(workspace, problems)
    assert chains.header.versions == stages.score(workspace, chains).header.versions == {}


def test_all_is_executed_and_scored_again_under_the_same_version(workspace, made):
    found = stages.verify(workspace.root)
    assert (found.differences, found.notes) == ((), ())
    assert found.calls > 40
    correct = [item.score.correct for item in made[3].values(ScoredChain)]
    assert any(correct)


def test_another_z3_is_not_checkable_here_and_no_difference(workspace, made):
    chains = made[2]
    records = json.loads(json.dumps(list(chains.records)))
    turn = next(t for r in records for t in r["turns"] if t["reply"] == "Prove()")
    turn["outcome"]["text"] = "As another z3 says."
    kept = {"parents": chains.header.parents, "spec": chains.header.spec}
    write_artifact(workspace.local, "chains", records, **kept, versions={"z3-solver": "4.0"})

    found = stages.verify(workspace.root)

    assert found.differences == ()
    (note,) = found.notes
    assert "not checkable here, it was made with z3-solver 4.0" in note

    write_artifact(workspace.local, "chains", records, **kept, versions=Z3)
    assert "recorded 'As another z3 says.'" in stages.verify(workspace.root).differences[0]


def test_another_version_makes_it_anew(workspace, made, monkeypatch):
    monkeypatch.setattr("fcpref.shell.versions.installed", lambda _: "99")
    again = stages.score(workspace, made[2])
    assert again.header.versions == {"z3-solver": "99"}


def test_a_bad_row_is_named_by_file_line_and_field(workspace, file):
    row = {**_EXEMPLARS[0], "premises": [3]}
    file.write_text(file.read_text("utf-8") + json.dumps(row) + "\n", "utf-8")
    with pytest.raises(ProblemError, match=r"folio\.jsonl, line 5: field 'premises'"):
        stages.make_problems(workspace, "fol.folio", "train", None, file=file)


def test_without_a_file_the_error_says_which(workspace):
    with pytest.raises(UsageError, match="FOLIO"):
        stages.make_problems(workspace, "fol.folio", "train", None)


def test_an_export_says_whose_problems_they_are(workspace, made, tmp_path):
    card = (
        stages.export_dataset(workspace, made[4], tmp_path / "out").folder / "README.md"
    ).read_text()
    assert "license: cc-by-sa-4.0" in card
    assert "Yale-LILY/FOLIO" in card
