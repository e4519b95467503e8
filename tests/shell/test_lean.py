"""Lean publishing: what can be made again is listed and left out, and nothing that is needed is."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.shell import stages
from fcpref.shell.manifest import entry_of
from fcpref.shell.model_facts import card_of
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.publishing import publish_named
from fcpref.shell.recordings_edit import some_of
from fcpref.shell.remaking import remake
from fcpref.shell.sparing import unneeded
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Header, file_hash
from fcpref.shell.workspace import Workspace, ancestry
from tests.command_line import made_by
from tests.lean_runs import (
    DATA,
    changed,
    lean,
    left,
    listed,
    named,
    public,
    run_and_data,
    short,
    trained,
)
from tests.staged import PLAN, Teacher


@pytest.fixture
def made(workspace):
    """Oracle chains from problems to scores, and a run that was trained on them."""
    return run_and_data(workspace)


def test_a_run_goes_without_what_can_be_made_again(workspace, made):
    done = lean(workspace, made["run"])

    assert public(workspace) == named(made["run"])
    assert [path.parent.name for path in done.written] == ["run"]
    expected = [entry_of(made[stage].id, made[stage].header) for stage in DATA]
    assert list(listed(workspace)) == list(done.derivable) == expected
    assert (done.removed, done.kept) == ((), ())
    assert done.bytes == sum(p.stat().st_size for p in (done.written[0], done.manifest))


def test_what_is_public_already_is_removed_and_stays_in_local(workspace, made, fcpref):
    publish_named(workspace, [made["run"].id])
    files = [next((workspace.root / stage).iterdir()) for stage in DATA]
    contents = [path.read_bytes() for path in files]
    shutil.rmtree(workspace.local)
    said = fcpref("publish", short(made["run"]), "--lean", "--quiet")

    lines = said.stdout.splitlines()
    assert said.exit_code == 0
    assert lines[:3] == [f"removed: {path}" for path in files]
    assert lines[3:6] == [
        f"left out: {stage} {short(made[stage])} (3 records); `fcpref remake "
        f"{short(made[stage])}` makes it"
        for stage in DATA
    ]
    assert len(lines) == 7
    assert public(workspace) == named(made["run"])
    moved = [workspace.local / path.relative_to(workspace.root) for path in files]
    assert [path.read_bytes() for path in moved] == contents
    assert stages.verify(workspace.root).differences == ()


def test_unchecked_nothing_is_lost_either(workspace, made):
    publish_named(workspace, [made["run"].id])
    shutil.rmtree(workspace.local)
    done = lean(workspace, made["run"], checked=False)

    moved = [workspace.local / path.relative_to(workspace.root) for path in done.removed]
    assert [path.parent.name for path in moved] == list(DATA)
    assert [Workspace(workspace.root).locate(str(path), *DATA).id for path in moved] == [
        made[stage].id for stage in DATA
    ]
    assert not (workspace.local / "done").exists()


def test_to_do_it_twice_changes_nothing(workspace, made):
    lean(workspace, made["run"])
    manifest = (workspace.root / "manifest.json").read_bytes()
    done = lean(workspace, made["run"])

    assert (done.written, done.removed, len(done.derivable)) == ((), (), 3)
    shutil.rmtree(workspace.local)
    done = lean(workspace, made["run"])
    assert (done.written, done.removed, done.derivable) == ((), (), ())
    assert (workspace.root / "manifest.json").read_bytes() == manifest


def test_what_a_recording_needs_stays(workspace):
    problems = stages.make_problems(workspace, "fol.deduction", "train", 3, 5, {"max_depth": 2})
    teacher = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), PLAN)
    told = stages.score(workspace, teacher)
    chains = stages.oracle_chains(workspace, problems, policy="forward", slips=0.1)
    oracle = stages.score(workspace, chains)
    run = trained(workspace, told, oracle)
    lean(workspace, run)

    recording = workspace.find(teacher.header.parents[1], "recording")
    assert public(workspace) == named(problems, recording, teacher, told, run)
    assert [one.stage for one in listed(workspace)] == ["chains", "scores"]
    shutil.rmtree(workspace.local)
    again = remake(Workspace(workspace.root), [oracle.id])
    assert [one.header.stage for one in again] == ["chains", "scores"]
    assert stages.verify(workspace.root).differences == ()


@pytest.mark.parametrize(("user", "out"), [("pairs", []), ("trials", ["scores"])])
@pytest.mark.parametrize("before", [True, False])
def test_what_something_else_public_needs_stays(workspace, made, user, out, before):
    other = (
        stages.pairs(workspace, [made["scores"]], PairSpec())
        if user == "pairs"
        else stages.make_trials(workspace, [made["chains"]], greedy=True)
    )
    if before:
        publish_named(workspace, [other.id])
        lean(workspace, made["run"])
    else:
        lean(workspace, made["run"], other)

    stay = [made[stage] for stage in DATA if stage not in out]
    assert public(workspace) == named(*stay, made["run"], other)
    assert [one.stage for one in listed(workspace)] == out


def test_what_is_named_stays_with_what_it_needs(workspace, made):
    lean(workspace, made["chains"], made["run"])

    assert public(workspace) == named(made["problems"], made["chains"], made["run"])
    assert [one.stage for one in listed(workspace)] == ["scores"]


def test_some_of_a_generator_s_problems_stay(workspace, made):
    kept = dict(list(problems_by_id(made["problems"]).items())[1:])
    some = some_of(workspace, made["problems"], kept)
    scores = stages.score(workspace, stages.oracle_chains(workspace, some))
    run = trained(workspace, scores)
    done = lean(workspace, run)

    assert public(workspace) == named(some, run)
    (why,) = done.kept
    assert why.startswith(f"problems {short(some)}: comes out as ")
    assert "the generator of math.word has changed" in why
    assert [one.stage for one in listed(workspace)] == ["chains", "scores"]


def test_what_comes_out_otherwise_is_kept_unless_unchecked(workspace, made, monkeypatch, fcpref):
    publish_named(workspace, [made["run"].id])
    changed(workspace, monkeypatch, "problems")
    told = fcpref("publish", short(made["run"]), "--lean", "--quiet")

    assert told.exit_code == 0
    assert f"kept: problems {short(made['problems'])}: comes out as" in told.stdout
    assert public(workspace) == named(made["problems"], made["run"])
    done = made_by(
        fcpref("publish", short(made["run"]), "--lean", "--unchecked", "--json", "--quiet")
    )
    assert done["derivable"] == [made[stage].id for stage in DATA]
    assert (len(done["removed"]), done["written"], done["kept"]) == (1, [], [])
    assert public(workspace) == named(made["run"])


def test_a_model_s_card_is_the_same_without_its_data(workspace, tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    problems = stages.make_problems(workspace, "fol.models", "train", 2)
    scores = stages.score(workspace, stages.oracle_chains(workspace, problems))
    run = trained(workspace, scores, adapter=file_hash(folder / "adapter_model.safetensors"))
    model = ResolvedModel(
        name=f"adapter:{folder}@hub:a/b", folder=tmp_path, revision="c0ffee", adapter=folder
    )
    before = card_of(workspace, model, "Title")
    after = card_of(left(workspace, {"run": run}), model, "Title")

    assert after == before
    assert after.example.task == "fol.models"
    assert [one.stage for one in after.runs[0].data] == ["scores"]


def test_a_lineage_goes_on_behind_what_is_not_here(workspace, made):
    before = [(one.id, one.header) for one in ancestry(workspace, [made["run"]])]
    other = left(workspace, made)
    run = other.locate(made["run"].id, "run")

    assert [(one.id, one.header) for one in ancestry(other, [run])] == before


NODES = st.tuples(
    st.sets(st.integers(0, 5), max_size=3),
    st.sampled_from(["run", "chains", "chains"]),
    st.sampled_from(["gone", "stays", "free", "free"]),
)


@given(st.lists(NODES, min_size=2, max_size=7))
def test_as_much_goes_as_may_and_no_more(nodes):
    headers = {
        str(n): Header(format=1, stage=stage, parents=tuple(str(p) for p in parents if p < n))
        for n, (parents, stage, _) in enumerate(nodes)
    }
    here = {str(n) for n, (_, _, state) in enumerate(nodes) if state != "gone"}
    free = {str(n) for n, (_, _, state) in enumerate(nodes) if state == "free"}
    out = unneeded(headers, free, here)

    stay = [headers[one] for one in here - out if headers[one].stage != "run"]
    needed = {parent for header in stay for parent in header.parents}
    assert out <= free
    assert out == free - needed
