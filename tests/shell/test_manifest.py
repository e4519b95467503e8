"""What can be made again is listed in the manifest, and held against what is here."""

from __future__ import annotations

import json

import pytest

from fcpref.errors import ArtifactError
from fcpref.shell import stages
from fcpref.shell.manifest import entry_of, read_manifest, save_manifest
from fcpref.shell.publishing import publish_named
from fcpref.shell.remaking import remake
from fcpref.shell.store import Header
from fcpref.shell.workspace import Workspace
from tests.lean_runs import (
    DATA,
    OTHER,
    PARENT,
    edited,
    lean,
    left,
    listed,
    named,
    public,
    run_and_data,
    short,
)


@pytest.fixture
def made(workspace):
    """Oracle chains from problems to scores, and a run that was trained on them."""
    return run_and_data(workspace)


def test_it_is_as_recorded_with_a_note_that_says_what_to_do(workspace, made):
    found = stages.verify(left(workspace, made).root)

    scores, run = short(made["scores"]), workspace.root / "run" / f"{short(made['run'])}.jsonl"
    assert found.differences == ()
    said = f"was made from scores {scores}, which is not here; `fcpref remake {scores}` makes it"
    assert found.notes == (f"{run}: {said}",)
    assert found.artifacts == {"run": 1}


def test_what_lacks_only_what_can_be_made_again_is_noted_once(workspace, made):
    other = left(workspace, made)
    remake(other, [made["chains"].id])
    made["problems"].path.unlink()
    found = stages.verify(other.root)

    chains, problems = made["chains"].path, short(made["problems"])
    note = f"was made from problems {problems}, which is not here; `fcpref remake {problems}`"
    assert found.differences == ()
    assert [one for one in found.notes if problems in one] == [f"{chains}: {note} makes it"]


def test_data_of_a_run_that_are_neither_here_nor_listed_are_noted(workspace, made):
    other = left(workspace, made)
    edited(other, list.clear)
    found = stages.verify(other.root)

    (note,) = found.notes
    assert found.differences == ()
    assert note.endswith(f"was made from {short(made['scores'])}, which is missing")


def test_the_list_outlives_other_publishing(workspace, made):
    other = left(workspace, made)
    before = listed(other)
    more = stages.make_problems(other, "math.word", "dev", 1)
    publish_named(other, [more.id])
    assert listed(other) == before

    publish_named(other, [made["run"].id])
    assert listed(other) == before
    stages.write_manifest(other.root)
    assert listed(other) == before
    assert public(other) == named(more, made["run"])


def test_what_nothing_public_needs_any_more_leaves_the_list(workspace, made):
    other = left(workspace, made)
    assert len(listed(other)) == 3
    for path in (other.root / "run").iterdir():
        path.unlink()
    manifest = stages.write_manifest(other.root)
    assert json.loads(manifest.read_text()) == {"artifacts": []}


def test_a_file_takes_the_place_of_its_entry(workspace, made):
    other = left(workspace, made)
    remake(other, [made["chains"].id])
    publish_named(other, [made["chains"].id])

    assert public(other) == named(made["problems"], made["chains"], made["run"])
    assert [one.stage for one in listed(other)] == ["scores"]
    assert stages.verify(other.root).differences == ()


def test_a_missing_origin_that_is_not_listed_is_refused(workspace, made):
    other = left(workspace, made)
    edited(other, lambda entries: entries.pop(1))

    with pytest.raises(ArtifactError, match=f"was made from {short(made['chains'])}, which"):
        publish_named(Workspace(other.root), [made["run"].id])
    with pytest.raises(ArtifactError, match=f"{short(made['chains'])} is not here, and manifest"):
        remake(Workspace(other.root), [made["scores"].id])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one[0].update(stage="recording"), "cannot be read"),
        (lambda one: one[0].update(id="eace"), "cannot be read"),
        (lambda one: one[0].update(count="3"), "cannot be read"),
        (lambda one: one[0].pop("spec"), "cannot be read"),
        (lambda one: one[0].update(path="problems"), "cannot be read"),
        (lambda one: one.append(one[0]), "an artifact is listed as derivable twice"),
        (lambda one: one[0]["spec"].update(task="math.gsm8k"), "does not say how"),
        (lambda one: one[1]["spec"].update(identity={"engine": "openai"}), "does not say how"),
        (lambda one: one[2].update(spec={"measures": 99}), "does not say how"),
        (lambda one: one.pop(0), "is listed as derivable without its parent"),
        (lambda one: one[0].update(parents=[one[2]["id"]]), "among its own ancestors"),
    ],
)
def test_a_malformed_list_is_a_difference(workspace, made, change, said):
    other = left(workspace, made)
    edited(other, change)
    differences = stages.verify(other.root).differences

    assert any(said in one for one in differences)
    assert all(str(other.root / "manifest.json") in one for one in differences)


def test_what_is_listed_and_public_is_a_difference(workspace, made):
    lean(workspace, made["run"])
    entries = json.loads((workspace.root / "manifest.json").read_text())["derivable"]
    publish_named(workspace, [made["run"].id])
    path = workspace.root / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "derivable": entries}))

    found = stages.verify(workspace.root).differences
    assert [one.partition("manifest.json: ")[2] for one in found] == [
        f"{stage} {short(made[stage])} is listed as derivable and as a file" for stage in DATA
    ]


def test_a_list_that_says_otherwise_than_the_artifact_is_a_difference(workspace, made):
    lean(workspace, made["run"])
    edited(workspace, lambda one: one[0].update(count=2))

    (found,) = stages.verify(workspace.root).differences
    path = made["problems"].path
    assert found == f"{path}: its header is not what manifest.json lists as derivable"


@pytest.mark.parametrize("versions", [{}, {"z3-solver": "4.15"}])
def test_the_list_keeps_the_whole_header(tmp_path, versions):
    spec = {"identity": {"engine": "oracle"}, "slips": 0.15, "name": "é"}
    header = Header(
        format=1, stage="chains", parents=(PARENT,), spec=spec, versions=versions, count=7
    )
    path = save_manifest(tmp_path, [], [entry_of(OTHER, header)])

    (entry,) = read_manifest(tmp_path).derivable
    assert (entry.id, entry.header) == (OTHER, header)
    assert ("versions" in path.read_text()) is bool(versions)
