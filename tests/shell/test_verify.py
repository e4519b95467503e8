"""`verify` names the first thing that differs."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import msgspec
import pytest
from attrs import evolve

from fcpref.core.canon import canonical_bytes
from fcpref.core.chains import STUDENT, Chain
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError
from fcpref.shell import stages
from fcpref.shell.store import write_artifact
from fcpref.shell.verify import summary
from fcpref.shell.workspace import Workspace
from tests.staged import PLAN, Teacher


@pytest.fixture
def made(tmp_path):
    """Artifacts of all stages that need no model, by stage; written under one root."""
    workspace = Workspace(tmp_path / "artifacts")
    problems = stages.make_problems(workspace, "fol.deduction", "train", 3, 5, {"max_depth": 2})
    chains = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), PLAN)
    scores = stages.score(workspace, chains)
    pairs = stages.pairs(workspace, [scores], PairSpec())
    trials = stages.make_trials(workspace, [chains], greedy=True)
    recording = workspace.find(chains.header.parents[1], "recording")
    every = (problems, recording, chains, scores, pairs, trials)
    return {artifact.header.stage: artifact for artifact in every}


@pytest.fixture
def root(tmp_path, made):
    del made
    return tmp_path / "artifacts"


def rewritten(artifact, records):
    """Write an artifact with other records and a name that fits them."""
    artifact.path.unlink()
    header = artifact.header
    folder = artifact.path.parent.parent
    return write_artifact(folder, header.stage, records, parents=header.parents, spec=header.spec)


def copied(artifact):
    return msgspec.json.decode(canonical_bytes(list(artifact.records)))


def test_what_the_stages_wrote_is_as_recorded(root):
    found = stages.verify(root)

    assert found.differences == ()
    assert found.notes == ()
    assert (
        dict.fromkeys(("problems", "recording", "chains", "scores", "pairs", "trials"), 1)
        == found.artifacts
    )
    assert found.calls > 10
    assert summary(found).endswith("all as recorded")


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_chains_without_a_function_are_executed_and_scored_without_it(tmp_path, grammar):
    workspace = Workspace(tmp_path / "narrowed")
    problems = stages.make_problems(workspace, "fol.deduction", "train", 3, 5, {"max_depth": 2})
    prompt = evolve(STUDENT, grammar=grammar, without=("ApplyRule",))
    teacher = Teacher(problems.values(Problem))
    chains = stages.model_chains(workspace, problems, teacher, evolve(PLAN, prompt=prompt))
    scores = stages.score(workspace, chains)
    stages.pairs(workspace, [scores], PairSpec(kinds=("oracle",), solved=True))
    stages.make_trials(workspace, [chains], greedy=True)

    codes = Counter(code for one in scores.values(ScoredChain) for code in one.score.codes)
    assert codes["unknown_function"] > 0
    assert {one.without for one in chains.values(Chain)} == {("ApplyRule",)}
    assert stages.verify(workspace.root).differences == ()
    recording = workspace.find(chains.header.parents[1], "recording")
    assert stages.replay_chains(workspace, recording).id == chains.id

    records = [{**record, "without": ["Check"]} for record in copied(chains)]
    bad = rewritten(chains, records)
    (first, *_) = stages.verify(workspace.root).differences
    assert f"{bad.path}, line 2: was offered other functions than its plan says" in first


def test_another_result_of_a_call_is_named_by_file_line_and_step(root, made):
    records = copied(made["chains"])
    chain = next(r for r in records if len(r["turns"]) > 2 and r["sample"] == 0)
    chain["turns"][1]["outcome"]["text"] = "Max is wise."
    bad = rewritten(made["chains"], records)

    (first, *_) = stages.verify(root).differences

    assert str(bad.path) in first
    assert "sample 0), step 1: recorded 'Max is wise.', executes to" in first


def test_another_end_of_a_chain_is_named(root, made):
    records = copied(made["chains"])
    records[0]["stop"] = "tokens"
    rewritten(made["chains"], records)

    (first, *_) = stages.verify(root).differences

    assert "end: recorded 'tokens'" in first


def test_a_chain_that_the_recording_does_not_give_is_named(root, made):
    records = copied(made["chains"])
    records[0]["sample"] = 7
    rewritten(made["chains"], records)

    (first, *_) = stages.verify(root).differences

    assert "the recording replays to another chain" in first


def test_another_verdict_is_named(root, made):
    records = copied(made["scores"])
    malformed = next(r for r in records if r["score"]["verdict"] == "malformed")
    malformed["score"]["verdict"] = "correct"
    rewritten(made["scores"], records)

    (first, *_) = stages.verify(root).differences

    assert "recorded correct, scores as malformed" in first


def test_missing_scores_are_named(root, made):
    rewritten(made["scores"], made["scores"].records[1:])

    assert any("not those of its parent" in line for line in stages.verify(root).differences)


def test_other_pairs_are_named(root, made):
    rewritten(made["pairs"], made["pairs"].records[1:])

    (first, *_) = stages.verify(root).differences

    assert "its scores give another pair" in first


def test_another_problem_is_named(root, made):
    records = copied(made["problems"])
    records[1]["gold"] = "True" if records[1]["gold"] != "True" else "False"
    rewritten(made["problems"], records)

    assert any("generates otherwise" in line for line in stages.verify(root).differences)


def test_a_cut_an_edited_and_a_foreign_file_are_named(root, made):
    made["scores"].path.write_bytes(made["scores"].path.read_bytes()[:-9])
    text = made["pairs"].path.read_bytes()
    made["pairs"].path.write_bytes(text.replace(b"malformed", b"no_answer", 1))
    (root / "local" / "trials" / "0123456789abcdef.jsonl").write_bytes(b"\x00\xff\xfe\n")

    found = "\n".join(stages.verify(root).differences)

    assert f"{made['scores'].path}: the last line is cut off" in found
    assert f"{made['pairs'].path}: content hash" in found
    assert "0123456789abcdef.jsonl, line 1: no artifact header" in found


def test_a_record_of_another_shape_is_named_by_its_line(root):
    write_artifact(root, "trials", [{"problem": "x"}])

    (first, *_) = stages.verify(root).differences

    assert ", line 2: " in first


def test_a_missing_parent_is_a_note_and_no_difference(root, made):
    made["problems"].path.unlink()

    found = stages.verify(root)

    assert any("problems" in note and "missing" in note for note in found.notes)
    assert not [line for line in found.differences if "cut" in line]


def test_another_library_version_is_a_note(root):
    write_artifact(root, "trials", [], versions={"attrs": "0.0.1", "no-such-library": "1"})

    (note,) = stages.verify(root).notes

    assert "attrs 0.0.1" in note


def test_the_manifest_holds(root, made):
    workspace = Workspace(root)
    stages.publish(workspace, [made["pairs"]])
    manifest = stages.write_manifest(root)
    assert stages.verify(root).differences == ()

    file = root / "scores" / made["scores"].path.name
    file.unlink()
    assert f"{file}: is in manifest.json and missing" in stages.verify(root).differences[0]

    file.write_bytes(made["scores"].path.read_bytes())
    rows = json.loads(manifest.read_bytes())
    rows["artifacts"][0]["byte_hash"] = "0" * 64
    manifest.write_text(json.dumps(rows))
    assert "hash otherwise" in stages.verify(root).differences[0]

    del rows["artifacts"][0]
    manifest.write_text(json.dumps(rows))
    assert "is not in" in stages.verify(root).differences[0]

    manifest.write_text("{")
    assert "cannot be read" in stages.verify(root).differences[0]


def test_a_compressed_file_is_read_too(root, made):
    path = made["trials"].path
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()

    assert stages.verify(root).differences == ()


def test_a_folder_without_artifacts_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="holds no artifacts"):
        stages.verify(tmp_path)
    with pytest.raises(ArtifactError, match="no such folder"):
        stages.verify(tmp_path / "none")
