"""`fcpref run`: a profile from problems to report, each stage done once.

Teacher and oracle give chains; chains are scored; the student is warmed up on correct ones,
sampled, and trained on pairs of its own and the teacher's chains; the base, the warm start and the
result solve the same held-out problems.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.report import Table
from fcpref.core.scores import ScoredChain
from fcpref.core.training import RunRecord
from fcpref.errors import TrainingError, UsageError
from fcpref.shell import processes, stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.profiles import EvaluationPlan, Profile, Source, load_profile
from fcpref.shell.progress import Progress
from fcpref.shell.prompting import check_prompt
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_report import evaluation_text
from fcpref.shell.teacher_source import teacher_scores
from fcpref.shell.whole_models import name_of
from fcpref.shell.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.training import DpoSpec, SftSpec
    from fcpref.shell.store import Artifact


@frozen(kw_only=True)
class Outcome:
    """What a run leaves.

    Attributes:
        report: folder of ``report.md`` and ``report.html``.
        adapter: folder of the trained adapter.
        text: the results in a few lines.
    """

    report: Path
    adapter: Path
    text: str


def run_profile(profile: str | None, root: Path, *, quiet: bool = False) -> Outcome:
    """Run a profile; what was done before is not done again.

    Args:
        profile: name of a shipped profile, path of an own one, or None for the default.
        root: folder of the artifacts.
        quiet: show no progress.

    Raises:
        FcprefError: one line that says what is wrong and what to do.
    """
    if processes.count() > 1:
        raise UsageError("fcpref run is one process; let several train with fcpref train")
    plan = load_profile(profile)
    workspace = Workspace(root, Progress(quiet=quiet))
    note = workspace.progress.note
    teacher = teacher_scores(workspace, plan.teacher, plan.evaluation.limits)
    start, runs = _warm_start(workspace, plan, teacher)
    note("2/5 student: its own chains")
    own = _own(workspace, plan, start)
    note("3/5 pairs")
    sources = {"teacher": teacher, "own": own}
    paired = [one for source in plan.paired for one in sources[source]]
    pairs = stages.pairs(workspace, _of_task(paired, plan.evaluation.task), plan.pairs)
    note("4/5 preference training")
    run, adapter = _trained(workspace, "dpo", [pairs], start, plan.dpo)
    note("5/5 evaluation on held-out problems")
    problems = _held_out(workspace, plan.evaluation)
    after = name_of(adapter, start)
    labelled = {"base": _trials(workspace, plan, problems, plan.student, plan.evaluation.before)}
    if start != plan.student:
        labelled["warm start"] = _trials(workspace, plan, problems, start, plan.evaluation.start)
    labelled["DPO"] = _trials(workspace, plan, problems, after, ())
    counts = [
        _chain_table("Chains", [*teacher, *own]),
        _pair_table(workspace, pairs),
        _run_table([*runs, run]),
    ]
    report = stages.write_report(workspace, labelled, profile=plan.name, counts=counts)
    return Outcome(report=report, adapter=adapter, text=evaluation_text(labelled))


def _trained(
    workspace: Workspace,
    kind: Literal["sft", "dpo"],
    data: Sequence[Artifact],
    start: str,
    spec: SftSpec | DpoSpec,
) -> tuple[Artifact, Path]:
    done = stages.train(workspace, kind, data, start, spec)
    if done is None:  # only where several processes train
        raise TrainingError("this process does not write what it trained")
    return done


def _of_task(scores: Sequence[Artifact], task: str) -> list[Artifact]:
    """Return the scores about one task: preference training is for the task that is tested."""
    return [one for one in scores if one.values(ScoredChain)[0].chain.task == task]


def _replayed(workspace: Workspace, source: Source) -> list[Artifact]:
    """Return the scores of recorded chains."""
    scores = []
    for prefix in source.recordings:
        recording = workspace.locate(prefix, "recording")
        scores.append(stages.score(workspace, stages.replay_chains(workspace, recording)))
    return scores


def _warm_start(
    workspace: Workspace, plan: Profile, teacher: Sequence[Artifact]
) -> tuple[str, list[Artifact]]:
    """Return the model that preference training starts from, and the runs that made it."""
    if plan.warm_start:
        folder = workspace.root / "adapters" / plan.warm_start
        return f"adapter:{folder}@{plan.student}", []
    if plan.sft is None:
        return plan.student, []
    workspace.progress.note("    warm start: supervised training on correct chains")
    data = list(teacher)
    if plan.oracle.count:
        source = plan.oracle
        problems = stages.make_problems(
            workspace, source.task, "train", source.count, source.seed, source.knobs
        )
        data.append(stages.score(workspace, stages.oracle_chains(workspace, problems)))
    run, folder = _trained(workspace, "sft", data, plan.student, plan.sft)
    return name_of(folder, plan.student), [run]


def _own(workspace: Workspace, plan: Profile, start: str) -> list[Artifact]:
    """Return the scores of the student's own chains, recorded or sampled now."""
    source = plan.own
    if source.recordings or not source.count:
        return _replayed(workspace, source)
    problems = stages.make_problems(
        workspace, source.task, "train", source.count, source.seed, source.knobs
    )
    check_prompt(source.prompt, problems.values(Problem), workspace.progress.note)
    how = SamplePlan(
        samples=source.samples,
        prompt=source.prompt,
        limits=plan.evaluation.limits,
        temperatures=source.temperatures,
        until_both=source.until_both,
        complete=source.complete,
    )
    sampling = Sampling(temperature=source.temperature, seed=source.seed)
    chains = stages.local_chains(workspace, problems, start, how, sampling)
    return [stages.score(workspace, chains)]


def _held_out(workspace: Workspace, plan: EvaluationPlan) -> Artifact:
    """Return the problems of the test split that all models are put to."""
    if plan.problems:
        problems = workspace.locate(plan.problems, "problems")
    else:
        problems = stages.make_problems(
            workspace, plan.task, "test", plan.count, plan.seed, plan.knobs
        )
    if any(problem.split != "test" for problem in problems.values(Problem)):
        raise UsageError(f"{problems.path}: not all problems are of the test split")
    return problems


def _trials(
    workspace: Workspace, plan: Profile, problems: Artifact, model: str, recorded: Sequence[str]
) -> Artifact:
    """Evaluate a model live, or from its recordings (greedy first)."""
    how = plan.evaluation
    if not recorded:
        return stages.evaluate(
            workspace,
            model,
            problems,
            limits=how.limits,
            prompt=how.prompt,
            samples=how.samples,
            temperature=how.temperature,
            seed=how.seed,
        )
    recordings = [workspace.locate(prefix, "recording") for prefix in recorded]
    for recording in recordings:
        if recording.header.parents[0] != problems.id:
            raise UsageError(f"{recording.path}: was made on other problems than {problems.path}")
    chains = [stages.replay_chains(workspace, recording) for recording in recordings]
    return stages.make_trials(workspace, chains, greedy=True)


def _chain_table(title: str, scores: Sequence[Artifact]) -> Table:
    rows = []
    for artifact in scores:
        every = artifact.values(ScoredChain)
        # What the oracle completed is no success of the source.
        scored = [item for item in every if item.chain.own]
        verdicts = Counter(item.score.verdict.value for item in scored)
        problems = {item.chain.problem for item in scored}
        solved = {item.chain.problem for item in scored if item.score.correct}
        rows.append(
            (
                scored[0].chain.task,
                scored[0].chain.source,
                str(len(problems)),
                str(len(scored)),
                str(verdicts["correct"]),
                str(len(solved)),
                str(len(every) - len(scored)),
            )
        )
    columns = ("task", "source", "problems", "chains", "correct", "problems solved", "completed")
    note = (
        "Correct means right and supported by executed calls. Completed chains are the oracle's "
        "for problems that the source did not solve; they are not among the chains before."
    )
    return Table(title=title, columns=columns, rows=tuple(rows), note=note)


def _pair_table(workspace: Workspace, pairs: Artifact) -> Table:
    values = pairs.values(PreferencePair)
    counts = Counter(
        (pair.chosen.task, pair.chosen.source, pair.rejected_verdict) for pair in values
    )
    rows = tuple((*key, str(count)) for key, count in sorted(counts.items()))
    findings = stages.lint_pairs(workspace, pairs)
    note = f"{len(values)} pairs. Lint: {len(findings)} findings."
    columns = ("task", "source of the chosen chain", "rejected for", "pairs")
    return Table(title="Preference pairs", columns=columns, rows=rows, note=note)


def _run_table(runs: Sequence[Artifact]) -> Table:
    rows = []
    for artifact in runs:
        record = artifact.values(RunRecord)[0]
        rows += [
            (record.kind, name, f"{first:.3f}", f"{last:.3f}")
            for name, (first, last) in sorted(record.metrics.items())
        ]
    records = [artifact.values(RunRecord)[0] for artifact in runs]
    note = "; ".join(
        f"{record.kind}: {record.rows} rows, {record.steps} steps, "
        f"{record.trained_tokens} of {record.tokens} tokens trained"
        + (f", stopped: {record.stopped}" if record.stopped else "")
        for record in records
    )
    columns = ("stage", "metric", "first window", "last window")
    return Table(title="Training", columns=columns, rows=tuple(rows), note=note)
