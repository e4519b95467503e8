"""What was left out comes out the same, or it is named what has changed."""

from __future__ import annotations

import shutil

import pytest

from fcpref.core.chains import Chain
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError
from fcpref.shell import stages
from fcpref.shell.remaking import derivable, remake
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Header
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by, refused
from tests.lean_runs import (
    DATA,
    OTHER,
    PARENT,
    changed,
    edited,
    lean,
    left,
    named,
    public,
    run_and_data,
    short,
    trained,
)

GENERATED = {"task": "math.word", "split": "train", "seed": 0, "knobs": {}}


@pytest.fixture
def made(workspace):
    """Oracle chains from problems to scores, and a run that was trained on them."""
    return run_and_data(workspace)


def test_everything_comes_out_the_same(workspace, made):
    other = left(workspace, made)
    again = remake(other, [made["scores"].id])

    assert [(one.id, one.header) for one in again] == [
        (made[stage].id, made[stage].header) for stage in DATA
    ]
    assert all(one.path.is_relative_to(other.local) for one in again)
    found = stages.verify(other.root)
    assert (found.differences, found.notes) == ((), ())
    assert sum(found.artifacts.values()) == 4


def test_only_what_is_asked_for_is_made_and_once(workspace, made):
    other = left(workspace, made)

    assert [one.id for one in remake(other, [short(made["problems"])])] == [made["problems"].id]
    names = [short(made[stage])[:8] for stage in ("chains", "problems", "chains")]
    assert [one.id for one in remake(other, names)] == [made["chains"].id, made["problems"].id]
    before = made["chains"].path.stat().st_mtime_ns
    assert [one.id for one in remake(other, names[:1])] == [made["chains"].id]
    assert made["chains"].path.stat().st_mtime_ns == before


def test_rewritten_problems_are_made_again_too(workspace, made):
    rewrites = stages.augment(workspace, made["problems"], ["renaming"], 2, 7)
    scores = stages.score(workspace, stages.oracle_chains(workspace, rewrites))
    run = trained(workspace, scores)
    lean(workspace, run)
    shutil.rmtree(workspace.local)

    assert public(workspace) == named(run)
    again = remake(Workspace(workspace.root), [scores.id])
    assert [one.id for one in again[:2]] == [made["problems"].id, rewrites.id]
    assert again[-1].id == scores.id


def test_scores_from_before_there_were_measures_come_out_the_same(workspace, made):
    problems, chains = made["problems"], made["chains"]
    by_id = problems_by_id(problems)
    judge = find_task("math.word").score
    old = workspace.write(
        "scores",
        [ScoredChain(chain=c, score=judge(c, by_id[c.problem])) for c in chains.values(Chain)],
        parents=(chains.id, problems.id),
    )
    assert old.id != made["scores"].id
    lean(workspace, trained(workspace, old))
    shutil.rmtree(workspace.local)

    assert remake(Workspace(workspace.root), [old.id])[-1].id == old.id


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("problems", "its spec would be written otherwise now"),
        ("chains", "its count would be written otherwise now"),
        ("scores", "its parents would be written otherwise now"),
    ],
)
def test_another_header_is_named(workspace, made, monkeypatch, stage, said):
    other = left(workspace, made)
    changed(other, monkeypatch, stage)

    with pytest.raises(ArtifactError, match=f"{stage} {short(made[stage])}: comes out as .*{said}"):
        remake(other, [made["scores"].id])


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("problems", "the generator of math.word has changed"),
        ("chains", "the oracle has changed"),
        ("scores", "scoring has changed"),
    ],
)
def test_other_records_are_named_by_who_makes_them(workspace, made, fcpref, stage, said):
    left(workspace, made)
    wrong = "sha256:" + "f" * 64

    def change(entries):
        at = [one["stage"] for one in entries].index(stage)
        entries[at]["id"] = wrong
        for one in entries:
            one["parents"] = [wrong if p == made[stage].id else p for p in one["parents"]]

    edited(workspace, change)
    refused(
        fcpref("remake", "ffff", "--quiet"),
        f"{stage} ffffffffffffffff: comes out as {short(made[stage])}, for {said}; use the",
    )


def test_another_version_of_a_library_is_named(workspace, made, fcpref):
    left(workspace, made)
    edited(workspace, lambda entries: entries[0].update(versions={"hypothesis": "0.1"}))
    refused(
        fcpref("remake", short(made["problems"]), "--quiet"),
        f"problems {short(made['problems'])}: was made with hypothesis 0.1, and ",
        "install that version",
    )


def test_a_list_that_leads_in_a_circle_makes_nothing(workspace, made, fcpref):
    left(workspace, made)
    edited(workspace, lambda one: one[0].update(parents=[one[2]["id"]]))
    refused(fcpref("remake", short(made["scores"])), "is listed among its own ancestors")
    assert not workspace.local.exists()


@pytest.mark.parametrize(
    ("header", "can"),
    [
        ({"stage": "problems", "spec": GENERATED}, True),
        ({"stage": "problems", "spec": {**GENERATED, "task": "math.gsm8k"}}, False),
        ({"stage": "problems", "spec": {**GENERATED, "task": "none"}}, False),
        ({"stage": "problems", "spec": {**GENERATED, "split": "all"}}, False),
        ({"stage": "problems", "spec": {**GENERATED, "more": 1}}, False),
        ({"stage": "problems", "spec": GENERATED, "parents": (PARENT,)}, False),
        ({"stage": "problems", "spec": GENERATED, "count": 0}, False),
        ({"stage": "problems", "spec": {}}, False),
        (
            {
                "stage": "problems",
                "spec": {"problems": PARENT, "rewrites": ["renaming"], "copies": 1, "seed": 0},
                "parents": (PARENT,),
            },
            True,
        ),
        (
            {
                "stage": "problems",
                "spec": {"problems": OTHER, "rewrites": ["renaming"], "copies": 1, "seed": 0},
                "parents": (PARENT,),
            },
            False,
        ),
        ({"stage": "scores", "parents": (PARENT, OTHER)}, True),
        ({"stage": "scores", "parents": (PARENT,)}, False),
        ({"stage": "pairs", "parents": (PARENT, OTHER)}, False),
    ],
)
def test_a_header_says_whether_it_is_enough(header, can):
    assert derivable(Header(**{"format": 1, "count": 3, **header})) is can


@pytest.mark.parametrize(
    ("spec", "parents", "can"),
    [
        ({}, 1, True),
        ({}, 2, False),
        ({"samples": 2}, 1, False),
        ({"identity": {"engine": "oracle", "model": "m"}}, 1, False),
        ({"prompt": {"detail": "help", "shots": 0}}, 1, False),
        ({"complete": "whole"}, 1, False),
        ({"slips": 2.0}, 1, False),
    ],
)
def test_chains_are_derivable_as_the_oracle_writes_them(made, spec, parents, can):
    header = made["chains"].header
    changed = {**header.spec, **spec}
    assert (
        derivable(Header(format=1, stage="chains", parents=(PARENT,) * parents, spec=changed))
        is can
    )


def test_lines_about_what_is_not_here_name_the_command(workspace, made, fcpref):
    left(workspace, made)
    name = short(made["chains"])
    refused(fcpref("score", name[:6]), f"chains {name} is not here; `fcpref remake {name}` makes")
    problems = short(made["problems"])
    with pytest.raises(ArtifactError, match=f"`fcpref remake {problems}` makes it"):
        Workspace(workspace.root).find(made["problems"].id, "problems")


def test_the_command_tells_what_it_made(workspace, made, fcpref, tmp_path):
    left(workspace, made)
    out = tmp_path / "chains.jsonl"
    said = fcpref("remake", short(made["chains"])[:6], "--out", out, "--quiet")

    lines = said.stdout.splitlines()
    assert said.exit_code == 0
    assert lines[0] == "problems: 3 records, as published"
    assert lines[3] == str(made["chains"].path)
    assert lines[-1] == str(out)
    assert out.read_bytes() == made["chains"].path.read_bytes()
    (again,) = made_by(fcpref("remake", short(made["problems"]), "--json", "--quiet"))
    assert again["id"] == made["problems"].id


def test_a_name_that_is_not_listed_is_one_line(workspace, made, fcpref):
    refused(fcpref("remake", "abcd"), "abcd: ", "lists no derivable artifact", "it lists none")
    left(workspace, made)
    refused(fcpref("remake", "00ff00"), "00ff00", f"it lists {short(made['problems'])}, ")
    refused(fcpref("remake", short(made["chains"])[:3]), "lists no derivable artifact")
    refused(fcpref("remake"), "ID", "remake --help")
    refused(fcpref("remake", "abcd", "abce", "--out", "x"), "--out takes one ID")
    refused(fcpref("publish", short(made["run"]), "--unchecked"), "--unchecked needs --lean")
    edited(
        workspace,
        lambda one: one.append({**one[0], "id": one[0]["id"][:40] + "0" * 31}),
    )
    refused(fcpref("remake", short(made["problems"])), "lists 2 that start so", "more digits")
    (workspace.root / "manifest.json").write_text("{")
    refused(fcpref("remake", "abcd"), "manifest.json: cannot be read", "restore it")
    refused(fcpref("publish", short(made["run"]), "--lean"), "manifest.json: cannot be read")
