"""Lean publishing: what can be made again is listed, left out, and comes out the same."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fcpref.cli import main
from fcpref.core.chains import Chain
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import RunRecord
from fcpref.errors import ArtifactError
from fcpref.shell import remaking, stages
from fcpref.shell.manifest import entry_of, read_manifest, save_manifest
from fcpref.shell.model_facts import card_of
from fcpref.shell.model_names import ResolvedModel
from fcpref.shell.publishing import publish_named
from fcpref.shell.recordings_edit import some_of
from fcpref.shell.remaking import derivable, remake
from fcpref.shell.sparing import unneeded
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Header, file_hash
from fcpref.shell.workspace import Workspace, ancestry
from tests.command_line import made_by, refused
from tests.staged import PLAN, Teacher

DATA = ("problems", "chains", "scores")
GENERATED = {"task": "math.word", "split": "train", "seed": 0, "knobs": {}}
PARENT = f"sha256:{'0' * 64}"
OTHER = f"sha256:{'1' * 64}"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "artifacts")


def trained(workspace, *scores, adapter="ab"):
    """Write the record of a training run."""
    ids = tuple(sorted(one.id for one in scores))
    record = RunRecord(
        kind="sft",
        base="hub:a/b",
        student_revision="c0ffee",
        start="",
        data=ids,
        spec={},
        rows=1,
        left_out=0,
        tokens=1,
        trained_tokens=1,
        steps=1,
        metrics={},
        adapter=adapter,
    )
    return workspace.write("run", [record], parents=ids, spec={"sources": {"oracle": 3}})


@pytest.fixture
def made(workspace):
    """Oracle chains from problems to scores, and a run that was trained on them."""
    problems = stages.make_problems(workspace, "math.word", "train", 3)
    chains = stages.oracle_chains(workspace, problems, slips=0.25)
    scores = stages.score(workspace, chains)
    every = (problems, chains, scores, trained(workspace, scores))
    return {artifact.header.stage: artifact for artifact in every}


@pytest.fixture
def fcpref(workspace):
    """Run a command on the workspace's artifacts."""

    def run(*words):
        return CliRunner().invoke(main, ["--artifacts", str(workspace.root), *map(str, words)])

    return run


def short(artifact):
    return artifact.id[7:23]


def lean(workspace, *artifacts, **options):
    # As another process would: what it has read is forgotten.
    fresh = Workspace(workspace.root)
    return publish_named(fresh, [one.id for one in artifacts], lean=True, **options)


def public(workspace):
    """Return the stages and ids of the public files."""
    files = workspace.root.glob("*/*.jsonl*")
    return sorted((path.parent.name, path.name.partition(".")[0]) for path in files)


def named(*artifacts):
    return sorted((one.header.stage, short(one)) for one in artifacts)


def listed(workspace):
    return read_manifest(workspace.root).derivable


def left(workspace, made):
    """Publish a run lean and lose everything in local; return a workspace of what is left."""
    lean(workspace, made["run"])
    shutil.rmtree(workspace.local)
    return Workspace(workspace.root)


def edited(workspace, change):
    """Change the first listed artifact in the manifest."""
    path = workspace.root / "manifest.json"
    data = json.loads(path.read_text())
    change(data["derivable"])
    path.write_text(json.dumps(data))


def test_a_run_goes_without_what_can_be_made_again(workspace, made):
    done = lean(workspace, made["run"])

    assert public(workspace) == named(made["run"])
    assert [path.parent.name for path in done.written] == ["run"]
    expected = [entry_of(made[stage].id, made[stage].header) for stage in DATA]
    assert list(listed(workspace)) == list(done.derivable) == expected
    assert (done.removed, done.kept) == ((), ())
    assert done.bytes == sum(p.stat().st_size for p in (done.written[0], done.manifest))


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


def changed(workspace, monkeypatch, stage):
    """Let today's code make another artifact of a stage."""
    generate = remaking.make_problems
    spec = next((one.spec for one in listed(workspace) if one.stage == "chains"), {})

    def problems(place, task, split, count, _, knobs):
        return generate(place, task, split, count, 9, knobs)

    def chains(place, asked, *_, **__):
        return place.write("chains", [], parents=(asked.id,), spec=spec)

    def scores(place, judged):
        return place.write("scores", [], parents=judged.header.parents)

    names = {"problems": "make_problems", "chains": "oracle_chains", "scores": "score"}
    others = {"problems": problems, "chains": chains, "scores": scores}
    monkeypatch.setattr(remaking, names[stage], others[stage])


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


def test_a_list_that_leads_in_a_circle_makes_nothing(workspace, made, fcpref):
    left(workspace, made)
    edited(workspace, lambda one: one[0].update(parents=[one[2]["id"]]))
    refused(fcpref("remake", short(made["scores"])), "is listed among its own ancestors")
    assert not workspace.local.exists()


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
