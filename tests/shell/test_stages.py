"""Stages: each reads and writes artifacts, once."""

from __future__ import annotations

import json

import pytest

from fcpref.core.chains import Chain
from fcpref.core.functions import Outcome
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError, EndpointError, UsageError
from fcpref.shell import stages
from fcpref.shell.workspace import Workspace
from tests.staged import PLAN, Teacher, gsm8k_file


@pytest.mark.parametrize("task", ["fol.deduction", "math.word"])
def test_the_oracle_scores_correct(workspace, task):
    made = stages.make_problems(workspace, task, "train", 4, 2)

    scored = stages.score(workspace, stages.oracle_chains(workspace, made)).values(ScoredChain)

    assert [item.score.correct for item in scored] == [True] * 4


def test_a_live_run_is_recorded_and_its_replay_gives_the_same_artifact(tmp_path, workspace, chains):
    recording = workspace.find(chains.header.parents[1], "recording")
    other = Workspace(tmp_path / "elsewhere")
    for artifact in (workspace.find(chains.header.parents[0], "problems"), recording):
        other.write(
            artifact.header.stage,
            artifact.records,
            parents=artifact.header.parents,
            spec=artifact.header.spec,
        )

    assert chains.id == stages.replay_chains(other, recording).id
    assert not list(workspace.local.glob("recording/*.part"))


def test_a_broken_off_run_goes_on_from_its_replies(workspace, problems):
    values = problems.values(Problem)
    first = Teacher(values, breaks_after=4)
    with pytest.raises(EndpointError):
        stages.model_chains(workspace, problems, first, PLAN)
    second = Teacher(values)

    made = stages.model_chains(workspace, problems, second, PLAN)

    assert first.asked + second.asked == sum(len(c.turns) for c in made.values(Chain))
    assert second.asked < sum(len(c.turns) for c in made.values(Chain))


def test_nothing_is_done_twice(workspace, problems, chains):
    fresh = Workspace(workspace.root)
    nobody = Teacher((), breaks_after=0)

    again = stages.model_chains(fresh, problems, nobody, PLAN)

    assert chains.id == again.id


def test_a_lost_output_is_made_again(workspace, chains):
    scores = stages.score(workspace, chains)
    scores.path.unlink()

    again = stages.score(Workspace(workspace.root), chains)

    assert scores.id == again.id
    assert again.path.exists()


def test_a_damaged_output_is_not_used(workspace, chains):
    scores = stages.score(workspace, chains)
    scores.path.write_bytes(scores.path.read_bytes()[:-40])

    with pytest.raises(ArtifactError, match="cut off"):
        stages.score(Workspace(workspace.root), chains)


def test_a_missing_parent_is_named(tmp_path, chains):
    with pytest.raises(ArtifactError, match="holds no problems"):
        stages.score(Workspace(tmp_path / "empty"), chains)


def test_pairs_come_from_correct_and_incorrect_chains(workspace, scores):
    made = stages.pairs(workspace, [scores], PairSpec())

    assert made.header.count == 3
    assert (scores.id,) == made.header.parents
    assert stages.lint_pairs(workspace, made) == ()


def test_the_export_loads_with_datasets(workspace, scores, tmp_path):
    datasets = pytest.importorskip("datasets")
    made = stages.pairs(workspace, [scores], PairSpec())
    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder

    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]

    lines = (folder / "train.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(loaded)
    assert made.header.count == len(lines)
    assert {"prompt", "chosen", "rejected"} == set(loaded.column_names)
    card = (folder / "README.md").read_text()
    assert made.id in card
    assert "malformed | 3" in card
    assert "GSM8K" not in card


def test_the_export_of_gsm8k_carries_its_licence_note(workspace, tmp_path):
    made = stages.make_problems(workspace, "math.gsm8k", "train", 3, file=gsm8k_file(tmp_path))
    chains = stages.model_chains(workspace, made, Teacher(made.values(Problem)), PLAN)
    made = stages.pairs(workspace, [stages.score(workspace, chains)], PairSpec())

    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder

    assert "GSM8K" in (folder / "README.md").read_text()


def test_another_export_format_is_refused(workspace, scores, tmp_path):
    made = stages.pairs(workspace, [scores], PairSpec())
    with pytest.raises(UsageError, match="there are trl, trl-sft, "):
        stages.export_dataset(workspace, made, tmp_path, format="csv")


def test_trials_number_samples_after_greedy_ones(workspace, chains):
    trials = stages.make_trials(workspace, [chains], greedy=True)

    greedy, sampled = stages.split_trials(trials)

    assert {"correct"} == {trial.verdict for trial in greedy}
    assert {("malformed", 1)} == {(trial.verdict, trial.sample) for trial in sampled}
    assert (chains.id,) == trials.header.parents


def test_a_report_is_written_again_from_its_trials(workspace, problems, chains):
    oracle = stages.oracle_chains(workspace, problems)
    labelled = {
        "teacher": stages.make_trials(workspace, [chains], greedy=True),
        "oracle": stages.make_trials(workspace, [oracle], greedy=True),
    }
    folder = stages.write_report(workspace, labelled, profile="own")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    stages.rewrite_report(Workspace(workspace.root))

    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert b"teacher -> oracle" in before["report.md"]


def test_an_outcome_is_what_the_function_said(workspace, problems):
    chain = stages.oracle_chains(workspace, problems).values(Chain)[0]

    assert Outcome(text="Done.") == chain.turns[-1].outcome


def test_pairs_keep_their_chains(workspace, scores):
    pair = stages.pairs(workspace, [scores], PairSpec()).values(PreferencePair)[0]

    assert (pair.chosen.source, pair.rejected_verdict) == ("openai:teacher", "malformed")
