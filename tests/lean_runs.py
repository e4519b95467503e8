"""A run whose data can be made again, published lean, and what is left of it."""

from __future__ import annotations

import json
import shutil

from fcpref.core.training import RunRecord
from fcpref.shell import remaking, stages
from fcpref.shell.manifest import read_manifest
from fcpref.shell.publishing import publish_named
from fcpref.shell.workspace import Workspace

DATA = ("problems", "chains", "scores")
PARENT = f"sha256:{'0' * 64}"
OTHER = f"sha256:{'1' * 64}"


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


def run_and_data(workspace):
    """Write oracle chains, scores and a run trained on them; return all by stage."""
    problems = stages.make_problems(workspace, "math.word", "train", 3)
    chains = stages.oracle_chains(workspace, problems, slips=0.25)
    scores = stages.score(workspace, chains)
    every = (problems, chains, scores, trained(workspace, scores))
    return {artifact.header.stage: artifact for artifact in every}


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
    """Change what the manifest lists as derivable."""
    path = workspace.root / "manifest.json"
    data = json.loads(path.read_text())
    change(data["derivable"])
    path.write_text(json.dumps(data))


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
