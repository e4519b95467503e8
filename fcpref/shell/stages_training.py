"""Stage `run`: a student trained on the artifacts of earlier stages."""

from __future__ import annotations

import gc
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fcpref.core.canon import short
from fcpref.core.chains import Chain
from fcpref.core.codec import unstructure
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.training import (
    DpoSpec,
    GrpoSpec,
    Probe,
    RunRecord,
    SftSpec,
    described,
    helped,
    outcome,
    trained_replies,
)
from fcpref.errors import PairError, TrainingError
from fcpref.shell import processes
from fcpref.shell.adapter_size import tell_other_size
from fcpref.shell.checkpoints import Checkpoints
from fcpref.shell.claims import claim
from fcpref.shell.linting import linted_pairs
from fcpref.shell.logs import StageLog, stage_log
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.models import gpu_count, most_gpu_bytes
from fcpref.shell.probing import pinned, probing
from fcpref.shell.progress import SILENT
from fcpref.shell.prompting import check_prompt
from fcpref.shell.resolving import resolve
from fcpref.shell.stages_pairs import problems_of
from fcpref.shell.train import TrainingJob, train_dpo, train_grpo, train_sft
from fcpref.shell.whole_models import place_of, weights_hash
from fcpref.shell.workspace import Workspace, work_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.shell.store import Artifact

Kind = Literal["sft", "dpo", "grpo"]


def train(
    workspace: Workspace,
    kind: Kind,
    data: Sequence[Artifact],
    student: str,
    spec: SftSpec | DpoSpec | GrpoSpec,
    *,
    name: str = "",
    checkpoint_every: int | None = None,
    recipe: Mapping[str, str] | None = None,
) -> tuple[Artifact, Path] | None:
    """Train a student; stage ``run``, and the adapter's folder.

    Pairs are checked first, as the student's tokenizer reads them. A run that was interrupted goes
    on from its newest checkpoint, to the same adapter.

    Nothing is done when a run on the same data, student and specification is there already with
    its adapter.

    Args:
        workspace: where to write; the adapter goes to ``local/adapters/NAME``, a model that is
            trained as a whole to ``local/models/NAME``.
        kind: sft, dpo or grpo.
        data: scores to fine-tune on, pairs, or problems to solve.
        student: the model to start from, by name.
        spec: an SftSpec, a DpoSpec or a GrpoSpec.
        name: of the adapter's folder; otherwise made from the kind and the run's key.
        checkpoint_every: optimizer steps between checkpoints under ``local/checkpoints``, which go
            when the adapter is there; 0 for none, None for one every two minutes.
        recipe: name and source of the recipe that the run is first done for; stands in the
            artifact's header.

    Returns:
        None in all but the first of several processes, which writes.

    Raises:
        TrainingError: held-out problems among the data, or nothing to train on.
        ArtifactError: the named folder holds what another run has left.
        PairError: the pairs are not fit for training.
        ModelError: the student cannot be found or loaded.
    """
    spec = pinned(workspace, spec)
    resolved = resolve(ModelName.parse(student), workspace.progress.note)
    tell_other_size(resolved.name, spec, workspace.progress.note)
    ids = tuple(sorted(artifact.id for artifact in data))
    parts = {"data": ids, "student": resolved.revision, "spec": unstructure(spec)}
    key = work_key("run", {"kind": kind, **parts})
    checkpoints = Checkpoints(
        folder=workspace.local / "checkpoints" / short(key),
        every=checkpoint_every,
        note=workspace.progress.note,
    )
    done = _trained(workspace, key)
    if done is not None:
        checkpoints.remove()  # a run killed at its end has left them
        return done
    if processes.count() == 1 and (gpus := gpu_count()) > 1:
        others = "" if kind == "grpo" else "; accelerate launch trains on all, as README says"
        workspace.progress.note(f"training on one of {gpus} GPUs{others}")
    folder = name or f"{kind}-{short(key, 12)}"
    out = place_of(workspace.local, parts["spec"], folder)
    if name:
        claim(workspace, out, key)
    with _run_log(workspace, key=short(key), kind=kind) as log:
        rows = _rows(workspace, data, log, resolved, spec)
        with workspace.progress.bar(f"training {kind}") as bar:
            said = {"loss": "", "probe": ""}

            def on_step(step: int, total: int, metrics: Mapping[str, float]) -> None:
                if "loss" in metrics:
                    said["loss"] = _worth(metrics)
                bar.to(step, total, ", ".join(filter(None, said.values())))
                if metrics:
                    log.write("step", step=step, **metrics)

            def on_probe(probe: Probe) -> None:
                said["probe"] = f"probe {described(probe)}"
                log.write("probe", **unstructure(probe))

            problems = problems_of(workspace, data)
            job = TrainingJob(
                student=resolved,
                problems=problems,
                data=ids,
                out=out,
                on_step=on_step,
                # Of pairs it was said when they were checked.
                note=SILENT.note if kind == "dpo" else workspace.progress.note,
                checkpoints=checkpoints,
                probing=probing(workspace, rows, problems, spec, on_probe),
            )
            run: Any = {"sft": train_sft, "dpo": train_dpo, "grpo": train_grpo}[kind]
            record: RunRecord = run(rows, spec, job)
        # Trainer and model refer to each other; their memory is needed for what comes next.
        gc.collect()
        log.write(
            "trained",
            rows=record.rows,
            steps=record.steps,
            metrics=record.metrics,
            stopped=record.stopped,
            kept=record.kept,
            gpu_bytes=most_gpu_bytes(),
        )
    if not processes.is_first():
        return None
    for note in _notes(record, spec.batch):
        workspace.progress.note(note)
    header = {"sources": _sources(rows), **({"recipe": dict(recipe)} if recipe else {})}
    artifact = workspace.write("run", [record], parents=ids, spec=header)
    workspace.record(key, {"id": artifact.id, "adapter": folder})
    checkpoints.remove()
    return artifact, out


def _worth(metrics: Mapping[str, float]) -> str:
    name = "reward" if "reward" in metrics else "loss"
    return f"{name} {metrics[name]:.3f}"


def _notes(record: RunRecord, batch: int) -> Iterator[str]:
    """Yield what a user should know of a run that is done."""
    if record.kind != "grpo" and record.rows < batch:
        yield (
            f"the run has {record.rows} of the {batch} rows of a batch, so each step took them "
            "all; set batch lower for more steps"
        )
    if record.stopped:
        yield f"stopped at {record.stopped}"
    if record.kept is not None:
        found = outcome(record.probes, record.kept)
        advice = (
            "; set probe.keep=last for the weights of the last step, or probe.count higher to see "
            "smaller gains"
        )
        yield found + ("" if helped(record.probes, record.kept) else advice)


@contextmanager
def _run_log(workspace: Workspace, **fields: object) -> Iterator[StageLog]:
    """Log a training run; of several processes the first one's log is kept."""
    with tempfile.TemporaryDirectory() as nowhere:
        folder = workspace.local / "logs" if processes.is_first() else Path(nowhere)
        with stage_log(folder, "run", **fields) as log:
            yield log


def _trained(workspace: Workspace, key: str) -> tuple[Artifact, Path] | None:
    artifact = workspace.recall(key, "run")
    if artifact is None:
        return None
    record = artifact.values(RunRecord)[0]
    name = str(workspace.entry(key).get("adapter"))
    out = place_of(workspace.local, record.spec, name)
    if weights_hash(out) != record.adapter:
        return None
    return artifact, out


def _rows(
    workspace: Workspace,
    data: Sequence[Artifact],
    log: StageLog,
    student: ResolvedModel,
    spec: SftSpec | DpoSpec | GrpoSpec,
) -> list[Chain] | list[PreferencePair] | list[Problem]:
    problems = problems_of(workspace, data)
    rows: list[Chain] | list[PreferencePair] | list[Problem]
    if isinstance(spec, GrpoSpec):
        rows = list(problems.values())
        if any(problem.split == "test" for problem in rows):
            raise TrainingError("there are test problems; train on problems of the train split")
        if spec.probe.every:
            raise TrainingError("grpo is not probed, its log has the rewards; leave out probe")
        check_prompt(spec.prompt, rows, workspace.progress.note)
    elif isinstance(spec, SftSpec):
        scored = [item for artifact in data for item in artifact.values(ScoredChain)]
        rows = [
            item.chain
            for item in scored
            if item.score.correct and any(trained_replies(item.chain, failed=False))
        ]
        if any(problems[chain.problem].split == "test" for chain in rows):
            raise TrainingError("the data has test problems; train on chains of the train split")
    else:
        for artifact in data:
            linted = linted_pairs(workspace, artifact, student=student, spec=spec)
            findings = linted.report.findings
            found = Counter(one.rule for one in findings)
            log.write("lint", pairs=artifact.id, found=found, seconds=dict(linted.seconds))
            for finding in findings:
                if finding.severity == "error":
                    named = f" [{short(finding.pair)}]" if finding.pair else ""
                    raise PairError(f"{artifact.path}: {finding.rule}: {finding.message}{named}")
        rows = [pair for artifact in data for pair in artifact.values(PreferencePair)]
    log.write("rows", rows=len(rows), sources=_sources(rows))
    return rows


def _sources(
    rows: Sequence[Chain] | Sequence[PreferencePair] | Sequence[Problem],
) -> dict[str, int]:
    written = (row for row in rows if not isinstance(row, Problem))
    chains = (row if isinstance(row, Chain) else row.chosen for row in written)
    return dict(sorted(Counter(chain.source for chain in chains).items()))
