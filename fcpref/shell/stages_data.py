"""Stages from problems to scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen

from fcpref.core.canon import content_id, short
from fcpref.core.chains import Chain, Limits, PromptSpec
from fcpref.core.codec import structure, unstructure
from fcpref.core.problems import Problem, Split, normalised, problem_id
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import MEASURES, ScoredChain, Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, CodecError, ProblemError, UsageError
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.meter import metered
from fcpref.shell.openings import SHOWN, shown
from fcpref.shell.recordings import (
    PART,
    Recorded,
    Recording,
    RecordingEngine,
    recording_header,
    seal,
)
from fcpref.shell.rows import json_rows
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.store import Artifact, file_hash
from fcpref.shell.versions import redone, versions_of
from fcpref.shell.workspace import work_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fcpref.core.functions import Grammar
    from fcpref.core.tasks import Policy, Task
    from fcpref.shell.engines.base import Engine
    from fcpref.shell.logs import StageLog
    from fcpref.shell.workspace import Workspace


@frozen(kw_only=True)
class Sampled:
    """What sampling comes to.

    Attributes:
        chains: as values or canonical bytes.
        reached: the replies that they were made of; none where nothing is recorded.
    """

    chains: Sequence[object]
    reached: Iterable[Recorded]


Sampler = Callable[[Sequence[Problem], SamplePlan, Recording | None], Sampled]
"""Solves problems elsewhere; adds the replies to the recording, if any."""

Scorer = Callable[["Workspace", Artifact], Iterable[object]]
"""Returns an artifact's chains with their scores, as values or canonical bytes."""

_PLAN = tuple(one.name for one in fields(SamplePlan))
_TRIES_A_PROBLEM = 20
GSM8K_SOURCE = "https://github.com/openai/grade-school-math"
FOLIO_SOURCE = "https://github.com/Yale-LILY/FOLIO"
_FILES = {
    "math.gsm8k": f"train.jsonl of {GSM8K_SOURCE}",
    "fol.folio": f"the training file of {FOLIO_SOURCE}",
}


def make_problems(
    workspace: Workspace,
    task: str,
    split: str,
    count: int | None,
    seed: int = 0,
    knobs: Mapping[str, object] | None = None,
    file: Path | None = None,
) -> Artifact:
    """Generate problems, or read them from a file; stage ``problems``.

    Args:
        workspace: where to write.
        task: the task's name.
        split: train, dev or test.
        count: how many; None takes all of a file's.
        seed: of the generator, or of the order in which a file's rows are taken.
        knobs: the generator's difficulty knobs, by name.
        file: JSON Lines, for a task that is read from a file.

    Raises:
        UsageError: no such task or split, or the file or the count is missing.
        ProblemError: a row cannot be read, or there are too few problems.
    """
    found = find_task(task)
    wanted = _split(split)
    if count is not None and count < 1:
        raise UsageError(f"{count} problems cannot be made; ask for 1 or more")
    spec = {"task": task, "split": split, "seed": seed, "knobs": dict(knobs or {})}
    parts = {**spec, "count": count, "file": _hash_of(file) if file and found.read else ""}

    def make(_: StageLog) -> Artifact:
        if found.read is not None:
            problems = _from_file(found, wanted, count, seed, file)
        else:
            problems = _generated(workspace, found, wanted, count, seed, knobs or {})
        return workspace.write("problems", problems, spec=spec)

    if found.read is not None and file is None:
        example = _FILES.get(task, "its JSON Lines file")
        raise UsageError(f"{task} is read from a file: give --file PATH, such as {example}")
    return workspace.once("problems", parts, make)


def make_test_set(
    workspace: Workspace,
    task: str,
    name: str,
    count: int | None,
    seed: int = 0,
    knobs: Mapping[str, object] | None = None,
    *,
    split: str = "test",
) -> Artifact:
    """Generate problems of a named test set; stage ``problems``.

    Args:
        workspace: where to write.
        task: the task's name.
        name: of the set, such as ``held-out-templates``.
        count: how many.
        seed: of the generator.
        knobs: more difficulty knobs; they go before those of the set.
        split: test; another one is refused, for nobody may train on a test set.

    Raises:
        UsageError: no such task or set, another split, or the count is missing.
        ProblemError: there are too few problems.
    """
    if split != "test":
        raise UsageError(f"test set {name} is of the test split: leave out --split {split}")
    own = find_task(task).test_set(name)
    return make_problems(workspace, task, split, count, seed, {**own, **(knobs or {})})


def _split(text: str) -> Split:
    for split in SPLITS:
        if split == text:
            return split
    raise UsageError(f"unknown split {text!r}; there are {', '.join(SPLITS)}")


def _generated(
    workspace: Workspace,
    task: Task,
    split: Split,
    count: int | None,
    seed: int,
    knobs: Mapping[str, object],
) -> list[Problem]:
    if count is None:
        raise UsageError(f"{task.name} is generated without end: give --count N")
    if task.generate is None:
        raise UsageError(f"{task.name} has neither a generator nor a file format")
    kept: dict[str, Problem] = {}
    with workspace.progress.bar(f"problems {task.name}", count) as bar:
        for index in range(_TRIES_A_PROBLEM * count):
            try:
                problem = task.generate(knobs, seed, split, index)
            except CodecError as error:
                raise UsageError(f"{task.name}: a knob cannot be used: {error}") from None
            # The same text twice in one set would be one problem counted twice.
            kept.setdefault(normalised(problem.text), problem)
            bar.to(len(kept))
            if len(kept) == count:
                return list(kept.values())
    raise ProblemError(
        f"{task.name}: only {len(kept)} different problems found for {count}; loosen the knobs"
    )


def _from_file(
    task: Task, split: Split, count: int | None, seed: int, file: Path | None
) -> list[Problem]:
    rows = [problem for problem in _rows(task, file) if problem.split == split]
    if not rows:
        raise ProblemError(f"{file}: has no problem of split {split}")
    if count is not None and len(rows) < count:
        raise ProblemError(
            f"{file}: has {len(rows)} problems of split {split}, {count} were asked for; "
            "ask for fewer"
        )
    derive(seed, task.name, split, "order").shuffle(rows)
    return rows[:count]


def _rows(task: Task, file: Path | None) -> Iterator[Problem]:
    if file is None or task.read is None:
        return
    for number, row in json_rows(file):
        try:
            yield task.read(row, number - 1)
        except ProblemError as error:
            # Editors count lines from 1; a second number would only be in the way.
            what = str(error).removeprefix(f"row {number - 1}: ")
            raise ProblemError(f"{file}, line {number}: {what}") from None


def _hash_of(file: Path) -> str:
    try:
        return file_hash(file)
    except OSError as error:
        raise ProblemError(f"{file}: cannot be read ({error.strerror}); check the path") from None


def problems_by_id(problems: Artifact) -> dict[str, Problem]:
    """Return an artifact's problems by their ids."""
    return {problem_id(problem): problem for problem in problems.values(Problem)}


def oracle_chains(
    workspace: Workspace,
    problems: Artifact,
    limits: Limits | None = None,
    grammar: Grammar = "python",
    *,
    without: tuple[str, ...] = (),
    policy: Policy = "shortest",
    slips: float = 0.0,
    sampler: Sampler | None = None,
) -> Artifact:
    """Solve problems symbolically; stage ``chains``, one a problem.

    Args:
        workspace: where to write.
        problems: what to solve.
        limits: of each chain.
        grammar: how calls are written.
        without: functions that are not on offer; the oracle calls them all the same, and fails.
        policy: how the oracle goes about it.
        slips: the probability that a failed call goes before one of its calls.
        sampler: does it elsewhere, the same way; None does it here.
    """
    prompt = PromptSpec(detail="signatures", grammar=grammar, without=without)
    plan = SamplePlan(
        samples=1, prompt=prompt, limits=limits or Limits(), policy=policy, slips=slips
    )
    values = problems.values(Problem)
    versions = versions_of(values)
    parts = {"problems": problems.id, "engine": "oracle", "plan": unstructure(plan)}

    def make(log: StageLog) -> Artifact:
        chains: Sequence[object]
        if sampler is not None:
            chains = sampler(values, plan, None).chains
        else:
            chains = _sampled(workspace, values, OracleEngine(values, plan), plan, "oracle", log)
        spec = {**unstructure(plan), "identity": {"engine": "oracle"}}
        return workspace.write(
            "chains", chains, parents=(problems.id,), spec=spec, versions=versions
        )

    return workspace.once("chains", {**parts, **redone(versions)}, make)


def model_chains(
    workspace: Workspace,
    problems: Artifact,
    engine: Engine,
    plan: SamplePlan,
    sampler: Sampler | None = None,
) -> Artifact:
    """Let a live engine solve problems; stage ``chains``, with its recording as second parent.

    Replies are recorded as they come. An interrupted run goes on from them, wherever it broke off:
    while it recorded, when it had sealed, or when it had written the chains.

    Args:
        workspace: where to write.
        problems: what to solve.
        engine: who solves; with a sampler, only its identity counts.
        plan: how many chains, with which prompt, within which limits.
        sampler: asks an engine of that identity elsewhere; None asks it here.

    Raises:
        ArtifactError: another run is recording the same.
    """
    identity = dict(engine.identity)
    values = problems.values(Problem)
    versions = versions_of(values)
    parts = _model_parts(problems, engine, plan)
    part = workspace.local / "recording" / f"{short(content_id(parts), 32)}{PART}"
    before = workspace.made("chains", parts)
    if before is not None and not part.exists():
        return before
    header = recording_header(
        identity=identity,
        parents=(problems.id,),
        spec={**unstructure(plan), **shown(plan.prompt, values)},
        versions=versions,
    )
    finished = work_key("recording", parts)
    label = identity.get("model") or identity["engine"]

    def make(log: StageLog) -> Artifact:
        # Code that has changed since it was sealed asks only for what it now asks otherwise.
        sealed = workspace.recall(finished, "recording")
        recording.know(sealed.values(Recorded) if sealed else ())
        log.write("recording", model=label, recorded_before=len(recording.replies))
        if sampler is not None:
            sampled = sampler(values, plan, recording)
        else:
            live = RecordingEngine(engine, recording)
            chains = _sampled(workspace, values, live, plan, label, log, usage=engine)
            sampled = Sampled(chains=chains, reached=live.reached.values())
        # What no chain of this run reached is of another version of the functions.
        reached = tuple(sampled.reached)
        unreached = len(recording.replies) - len(reached)
        log.write("sealing", replies=len(reached), unreached=unreached)
        sealed = seal(workspace.local, reached, header)
        workspace.record(finished, {"id": sealed.id})
        return _write_chains(workspace, sampled.chains, problems, sealed)

    with Recording(part, header) as recording:
        # Under the lock: another run may have finished this since we looked.
        artifact = workspace.once("chains", parts, make)
        recording.remove()
    return artifact


def model_chains_made(
    workspace: Workspace, problems: Artifact, engine: Engine, plan: SamplePlan
) -> bool:
    """Tell whether `model_chains` has been done before and needs no live engine."""
    return workspace.made("chains", _model_parts(problems, engine, plan)) is not None


def _model_parts(problems: Artifact, engine: Engine, plan: SamplePlan) -> dict[str, object]:
    return {
        "problems": problems.id,
        "identity": dict(engine.identity),
        "plan": unstructure(plan),
        **redone(versions_of(problems.values(Problem))),
    }


def replay_chains(workspace: Workspace, recording: Artifact) -> Artifact:
    """Rebuild the chains of a recording without its model; stage ``chains``.

    Raises:
        ArtifactError: the recording's problems are not here, or its header is not a recording's.
        ReplayMissError: the recording lacks a reply; the message says why.
    """
    problems = workspace.find(parent(recording, 0), "problems")
    versions = versions_of(problems.values(Problem))

    def make(log: StageLog) -> Artifact:
        chains, problems = replayed(workspace, recording, log)
        return _write_chains(workspace, chains, problems, recording)

    return workspace.once("chains", {"recording": recording.id, **redone(versions)}, make)


def replayed(
    workspace: Workspace, recording: Artifact, log: StageLog | None = None
) -> tuple[tuple[Chain, ...], Artifact]:
    """Return the chains of a recording, and the artifact of its problems; see `replay_chains`."""
    plan = plan_of(recording)
    problems = workspace.find(parent(recording, 0), "problems")
    values = problems.values(Problem)
    return _sampled(workspace, values, ReplayEngine(recording), plan, "replay", log), problems


def plan_of(artifact: Artifact) -> SamplePlan:
    """Return the plan that a recording or chains were made with.

    Raises:
        ArtifactError: the header does not hold one.
    """
    spec = artifact.header.spec
    try:
        return structure({name: spec[name] for name in _PLAN if name in spec}, SamplePlan)
    except CodecError as error:
        raise ArtifactError(f"{artifact.path}, line 1: no sampling plan ({error})") from None


def parent(artifact: Artifact, index: int) -> str:
    """Return the id of one of the artifacts that this one was made from.

    Raises:
        ArtifactError: the header names fewer.
    """
    if index >= len(artifact.header.parents):
        raise ArtifactError(f"{artifact.path}, line 1: names no parent; write it again")
    return artifact.header.parents[index]


def _write_chains(
    workspace: Workspace, chains: Sequence[object], problems: Artifact, recording: Artifact
) -> Artifact:
    return workspace.write(
        "chains",
        chains,
        parents=(problems.id, recording.id),
        spec={name: one for name, one in recording.header.spec.items() if name != SHOWN},
        versions=versions_of(problems.values(Problem)),
    )


def _sampled(
    workspace: Workspace,
    problems: Sequence[Problem],
    engine: Engine,
    plan: SamplePlan,
    label: str,
    log: StageLog | None = None,
    usage: Engine | None = None,
) -> tuple[Chain, ...]:
    """Sample chains with progress, and with the counts in the log.

    Args:
        workspace: shows the progress.
        problems: what to solve.
        engine: answers the requests.
        plan: how many, how shown, how long.
        label: names the engine in the progress.
        log: of the stage.
        usage: the engine that is asked in the end, where `engine` wraps it.
    """
    progress = workspace.progress
    if log is None and progress.quiet:
        return sample_chains(problems, engine, plan)
    with metered(progress, label, plan, len(problems), log, usage or engine) as meter:
        chains = sample_chains(problems, engine, plan, watch=meter)
        meter.end(completed=sum(not chain.own for chain in chains))
        return chains


def score(workspace: Workspace, chains: Artifact, scorer: Scorer | None = None) -> Artifact:
    """Execute chains again and judge them completely; stage ``scores``.

    Args:
        workspace: where to write.
        chains: what to judge.
        scorer: does it elsewhere, the same way; None does it here.

    Raises:
        ArtifactError: the chains' problems are not here.
    """
    problems = workspace.find(parent(chains, 0), "problems")
    versions = versions_of(problems.values(Problem))
    spec = {"measures": MEASURES}

    def make(log: StageLog) -> Artifact:
        parents = (chains.id, problems.id)
        scored = (scorer or rescored)(workspace, chains)
        made = workspace.write("scores", scored, parents=parents, spec=spec, versions=versions)
        records: Any = made.records
        own = [record for record in records if "completed_from" not in record["chain"]]
        correct = sum(record["score"]["verdict"] == Verdict.CORRECT for record in own)
        log.write("scored", chains=len(own), correct=correct, completed=len(records) - len(own))
        return made

    return workspace.once("scores", {"chains": chains.id, **spec, **redone(versions)}, make)


def scores_of(
    workspace: Workspace, names: Sequence[str], scorer: Scorer | None = None
) -> list[Artifact]:
    """Return artifacts of scores by name; those of chains are scored, by the scorer if any.

    Raises:
        ArtifactError: there is no such artifact, or its problems are not here.
    """
    found = [workspace.locate(name, "chains", "scores") for name in names]
    return [score(workspace, one, scorer) if one.header.stage == "chains" else one for one in found]


def rescored(
    workspace: Workspace, chains: Artifact, *, measured: bool = True
) -> Iterator[ScoredChain]:
    """Yield an artifact's chains with their scores.

    Args:
        workspace: holds their problems.
        chains: what to judge.
        measured: completely; otherwise without measures, as before there were any.

    Raises:
        ArtifactError: their problems are not here.
    """
    problems = problems_by_id(workspace.find(parent(chains, 0), "problems"))
    values = chains.values(Chain)
    with workspace.progress.bar("scores", len(values)) as bar:
        for line, chain in enumerate(values, start=2):
            problem = problems.get(chain.problem)
            if problem is None:
                raise ArtifactError(
                    f"{chains.path}, line {line}: its problem is not among those of its parent"
                )
            task = find_task(problem.task)
            judge = task.measured if measured else task.score
            yield ScoredChain(chain=chain, score=judge(chain, problem))
            bar.advance()
