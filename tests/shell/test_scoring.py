"""The stage of scores: complete, compared by what the header says, and told in a few lines."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from attrs import evolve

from fcpref.core.chains import Chain, Limits
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.shell import scoring, stages
from fcpref.shell.store import write_artifact
from fcpref.shell.workspace import Workspace
from tests.command_line import invoke, made_by

TASK = find_task("math.word")


@pytest.fixture
def chains(workspace):
    """The oracle's chains of three problems, and what a thought adds to each."""
    problems = stages.make_problems(workspace, "math.word", "train", 3, 1)
    made = []
    for at, problem in enumerate(problems.values(Problem)):
        chain = TASK.oracle_chain(problem, Limits())
        think = f"Reasoning(thought='take {987_654 + at}')"
        turn = evolve(chain.turns[0], reply=think, outcome=evolve(chain.turns[0].outcome, text=""))
        made += [chain, evolve(chain, sample=1, turns=(turn, *chain.turns))]
    return workspace.write("chains", made, parents=[problems.id], spec={})


def plain(workspace, chains):
    """Write scores as they were before they had measures."""
    problems = workspace.find(chains.header.parents[0], "problems")
    by_id = {problem_id(one): one for one in problems.values(Problem)}
    scored = [
        ScoredChain(chain=chain, score=TASK.score(chain, by_id[chain.problem]))
        for chain in chains.values(Chain)
    ]
    return workspace.write("scores", scored, parents=[chains.id, problems.id])


def test_scores_are_complete_and_say_so(workspace, chains):
    scores = stages.score(workspace, chains)
    assert scores.header.spec == {"measures": 1}
    for item in scores.values(ScoredChain):
        assert item.score.efficiency == Fraction(item.score.shortest, len(item.chain.turns))
        assert item.score.reasoned.numbers == item.chain.sample
    assert stages.score(workspace, chains).id == scores.id


def differences(workspace):
    found = stages.verify(workspace.root)
    return [line for line in found.differences if "/scores/" in line], found.notes


def test_scores_are_verified_by_what_they_were_made_with(workspace, chains):
    old, new = plain(workspace, chains), stages.score(workspace, chains)
    assert old.header.spec == {}
    assert b"shortest" not in old.path.read_bytes()
    assert differences(workspace) == ([], ())
    for artifact in (old, new):
        artifact.path.unlink()
    # Old scores that pass for complete ones, and complete ones that pass for old.
    for one, spec in ((old, new.header.spec), (new, {})):
        parents = one.header.parents
        written = write_artifact(workspace.local, "scores", one.records, parents=parents, spec=spec)
        ((first, *_), _) = differences(Workspace(workspace.root))
        assert "recorded correct, scores as correct with other measures" in first
        written.path.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shortest": 99}, "scores as correct with other measures"),
        ({"reasoned": {"numbers": 9, "grounded": 9}}, "scores as correct with other measures"),
        ({"evidence": []}, "scores as correct with other evidence"),
        ({"verdict": "limit", "shortest": 99}, "recorded limit, scores as correct"),
    ],
)
def test_what_differs_is_named(workspace, chains, change, said):
    scores = stages.score(workspace, chains)
    first, *rest = scores.records
    edited = {**first, "score": {**first["score"], **change}}
    scores.path.unlink()
    header = scores.header
    write_artifact(
        workspace.local, "scores", [edited, *rest], parents=header.parents, spec=header.spec
    )
    ((line, *_), _) = differences(Workspace(workspace.root))
    assert line.endswith(said)


def test_scores_with_measures_of_another_version_are_not_checkable_here(workspace, chains):
    scores = stages.score(workspace, chains)
    scores.path.unlink()
    parents = scores.header.parents
    for measures in (2, "all", [1]):
        spec = {"measures": measures}
        write_artifact(workspace.local, "scores", scores.records, parents=parents, spec=spec)
    found, notes = differences(Workspace(workspace.root))
    assert found == []
    assert sum("not checkable here, it has measures" in note for note in notes) == 3


def test_the_summary_says_what_scores_come_to(workspace, chains):
    data, text = scoring.summary(stages.score(workspace, chains))
    counts = [len(chain.turns) for chain in chains.values(Chain) if chain.sample == 0]
    mean = sum(1 + count / (count + 1) for count in counts) / 6
    assert data["verdicts"]["correct"] == data["chains"] == 6
    assert data["efficiency"] == pytest.approx(mean)
    assert (data["numbers"], data["grounded"], data["grounded_share"]) == (3, 0, 0)
    assert text.splitlines() == [
        "verdicts: 6 correct",
        "failed calls: none",
        f"call efficiency: {mean:.2f} times the oracle's, mean over 6 correct",
        "grounded numbers in Reasoning: 0 of 3 (0.0%)",
    ]


def test_the_summary_of_scores_without_measures_says_how_to_get_them(workspace, chains):
    data, text = scoring.summary(plain(workspace, chains))
    assert (data["efficiency"], data["grounded_share"]) == (None, None)
    last = text.splitlines()[-1]
    assert last.startswith("not measured: ")
    assert f"fcpref score {chains.path.name[:16]} " in last


def test_the_command_tells_the_summary_before_the_path(workspace, chains):
    def run(*more):
        return invoke(workspace.root, "score", chains.path, "--quiet", *more)

    lines = run().stdout.splitlines()
    data = made_by(run("--json"))
    assert (lines[0], lines[-1]) == ("scores: 6 records", data["path"])
    assert lines[1] == "verdicts: 6 correct"
    assert data["summary"] == json.loads(json.dumps(data["summary"]))
    assert data["summary"]["verdicts"]["correct"] == 6
