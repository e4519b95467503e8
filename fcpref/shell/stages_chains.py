"""Stage `chains`: problems solved by the oracle, by a model, or from a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import fields, frozen

from fcpref.core.canon import content_id, short
from fcpref.core.chains import Chain, Limits, PromptSpec
from fcpref.core.codec import structure, unstructure
from fcpref.core.problems import Problem
from fcpref.errors import ArtifactError, CodecError
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.meter import metered
from fcpref.shell.openings import SHOWN, shown
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import PART, Recording
from fcpref.shell.recordings import Recorded, recording_header, seal
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.versions import redone, versions_of
from fcpref.shell.workspace import work_key

if TYPE_CHECKING:
    from fcpref.core.functions import Grammar
    from fcpref.core.tasks import Policy
    from fcpref.shell.engines.base import Engine
    from fcpref.shell.logs import StageLog
    from fcpref.shell.store import Artifact
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

_PLAN = tuple(one.name for one in fields(SamplePlan))


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
