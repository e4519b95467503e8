"""What a workspace knows of a model: the runs that trained it, its trials, its data's terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import evolve

from fcpref.core.canon import short
from fcpref.core.chains import STUDENT, PromptSpec, render
from fcpref.core.codec import structure
from fcpref.core.report import Source
from fcpref.core.report.model_card import CardExample, CardResult, CardRun, ModelCard
from fcpref.core.tasks import TASKS, find_task
from fcpref.core.training import RunRecord
from fcpref.errors import CodecError
from fcpref.shell.manifest import read_manifest
from fcpref.shell.model_names import ModelName, ResolvedModel, public_base, public_name
from fcpref.shell.stages_problems import FOLIO_SOURCE, GSM8K_SOURCE
from fcpref.shell.stages_report import summaries_of
from fcpref.shell.wheels import KNOWN_WHEELS, canonical_requirement
from fcpref.shell.whole_models import is_whole, weights_hash
from fcpref.shell.workspace import ancestry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Link, Workspace

_TERMS = {
    "math.gsm8k": f"GSM8K (Cobbe et al. 2021, {GSM8K_SOURCE}), under MIT, copyright OpenAI",
    "fol.folio": f"FOLIO (Han et al. 2022, {FOLIO_SOURCE}), under CC BY-SA 4.0",
}
_FIRST_TASK = "fol.deduction"
_LICENCE = re.compile(r"\A---\n(?:(?!---).*\n)*?license: *[\"']?([\w.+-]+)[\"']? *\n")


def card_of(workspace: Workspace, resolved: ResolvedModel, title: str) -> ModelCard:
    """Collect what a model's card says.

    Args:
        workspace: holds the runs and trials.
        resolved: the model.
        title: of the card.

    Raises:
        ArtifactError: a run, trials or what they were made from is damaged.
    """
    runs, complete = runs_behind(workspace, resolved)
    made_from = ancestry(workspace, runs)
    tasks = _tasks(made_from)
    name = ModelName.parse(resolved.name)
    base = name.base or name
    if runs and is_whole(resolved.folder):
        base = ModelName.parse(runs[0].values(RunRecord)[0].base)
    return ModelCard(
        title=title,
        model=public_name(resolved),
        revision=resolved.revision,
        base=str(public_base(base)),
        published=base.published or "",
        converted=base.kind in {"gguf", "wheel"},
        adapted=resolved.adapter is not None,
        licence=_licence(base, resolved.folder),
        runs=tuple(_card_run(workspace, run) for run in runs),
        complete=complete,
        results=tuple(_results(workspace, resolved)),
        example=_example(runs, tasks),
        terms=tuple(
            f"It was trained on problems of {_TERMS[task]}." for task in tasks if task in _TERMS
        ),
    )


def runs_behind(workspace: Workspace, resolved: ResolvedModel) -> tuple[list[Artifact], bool]:
    """Return the runs behind a model, first to last, and whether they go back to the base."""
    trained = [resolved.adapter] if resolved.adapter else []
    if is_whole(resolved.folder):
        trained.append(resolved.folder)
    if not trained:
        return [], True
    by_weights: dict[str, Artifact] = {}
    for artifact in _all(workspace, "run"):
        by_weights.setdefault(artifact.values(RunRecord)[0].adapter, artifact)
    found: list[Artifact] = []
    lost = False
    for folder in trained:
        weights = weights_hash(folder)
        while weights in by_weights:
            artifact = by_weights.pop(weights)  # no run can come twice
            found.append(artifact)
            weights = artifact.values(RunRecord)[0].start
        lost = lost or bool(weights)
    return found[::-1], not lost


def _all(workspace: Workspace, stage: str) -> Iterator[Artifact]:
    names = dict.fromkeys(path.name.partition(".")[0] for path in workspace.paths(stage))
    return (workspace.locate(name, stage) for name in names)


def _card_run(workspace: Workspace, run: Artifact) -> CardRun:
    record = run.values(RunRecord)[0]
    sources, recipe = run.header.spec.get("sources"), run.header.spec.get("recipe")
    return CardRun(
        id=run.id,
        record=record,
        data=tuple(Source(stage=_stage(workspace, one), id=one) for one in record.data),
        authors=tuple(sorted(sources.items())) if isinstance(sources, dict) else (),
        recipe="{name}. {source}".format(**recipe) if isinstance(recipe, dict) else "",
    )


def _stage(workspace: Workspace, identifier: str) -> str:
    stage = workspace.stage_of(identifier)
    entry = None if stage else read_manifest(workspace.root).listed.get(identifier)
    return stage or (entry.stage if entry else "artifact")


def _tasks(artifacts: Sequence[Link]) -> list[str]:
    specs = (one.header.spec for one in artifacts if one.header.stage == "problems")
    return sorted({str(spec.get("task")) for spec in specs if spec.get("task") in TASKS})


def _results(workspace: Workspace, resolved: ResolvedModel) -> Iterator[CardResult]:
    for artifact in _all(workspace, "trials"):
        if artifact.header.spec.get("model") != public_name(resolved):
            continue
        made_from = ancestry(workspace, [artifact])
        if resolved.revision not in _revisions(made_from, resolved):
            continue
        for label, summary in summaries_of({artifact.id: artifact}).items():
            yield CardResult(
                trials=artifact.id,
                problems=_problems(made_from),
                summary=summary,
                greedy=label == artifact.id and bool(artifact.header.spec.get("greedy")),
            )


def _revisions(made_from: Sequence[Link], resolved: ResolvedModel) -> set[Any]:
    """Return the revisions that chains were sampled from; where they are gone, the names vouch."""
    identities = [a.header.spec.get("identity") for a in made_from if a.header.stage == "chains"]
    found = {one.get("revision") for one in identities if isinstance(one, dict)}
    return found or {resolved.revision}


def _problems(made_from: Sequence[Link]) -> str:
    named = []
    for one in made_from:
        if one.header.stage == "problems":
            spec = one.header.spec
            words = [str(spec[key]) for key in ("task", "split") if spec.get(key)]
            knobs = spec.get("knobs")
            words += (
                [f"{k}={v}" for k, v in sorted(knobs.items())] if isinstance(knobs, dict) else []
            )
            named.append(" ".join((*words, f"({short(one.id)})")))
    return ", ".join(named) or "not here any more"


def _example(runs: Sequence[Artifact], tasks: Sequence[str]) -> CardExample:
    """Return the task's first worked problem, behind the prompt that the model was trained with."""
    task = find_task(tasks[0] if tasks and _FIRST_TASK not in tasks else _FIRST_TASK)
    spec = STUDENT
    if runs:
        try:
            spec = structure(runs[-1].values(RunRecord)[0].spec["prompt"], PromptSpec)
        except (KeyError, CodecError):  # of another version
            spec = STUDENT
    # Functions in the messages: a chat that is copied has no other place for them.
    spec = evolve(spec, grammar=STUDENT.grammar)
    problem = task.exemplars[0].problem
    return CardExample(
        task=task.name,
        messages=render(spec, task.toolbox, problem, task.exemplars),
        reply=task.oracle(problem)[0],
    )


def _licence(base: ModelName, folder: Path) -> str:
    """Return the licence that the base's wheel or its own card states."""
    known = KNOWN_WHEELS.get(canonical_requirement(base.target))
    if base.kind == "wheel" and known is not None and base.published:
        return known.licence
    try:
        found = _LICENCE.match((folder / "README.md").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""
