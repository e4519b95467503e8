"""Solving, scoring and pairing in shards, seen from the driver: it packs tasks, merges results.

The artifacts are those that one process makes, byte for byte. Results are canonical lines, which go
into the artifact as they are; they are not turned into values here, so that the driver's share of
the work is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from msgspec.json import decode

from fcpref.core.chains import Chain
from fcpref.core.codec import structure, unstructure
from fcpref.core.pairs import Candidate, drawn, executes
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError, CodecError, UsageError
from fcpref.shell import shard_work, stages_chains, stages_pairs, stages_scores
from fcpref.shell.prompting import check_prompt
from fcpref.shell.recordings import Recorded
from fcpref.shell.shards import Sharding, Task, by_shard, gather
from fcpref.shell.solving import checked_server
from fcpref.shell.versions import versions_of
from fcpref.shell.workspace import package_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fcpref.core.pairs import PairSpec
    from fcpref.shell.engines.base import OnReply, Request
    from fcpref.shell.recording_files import Recording
    from fcpref.shell.sampling import SamplePlan
    from fcpref.shell.solving import Solver
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


@frozen
class _Elsewhere:
    """Stands for an engine of the workers."""

    identity: Mapping[str, str]

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        raise NotImplementedError


def solve(workspace: Workspace, problems: Artifact, solver: Solver, sharding: Sharding) -> Artifact:
    """Let an engine solve problems in shards; stage ``chains``.

    The replies of a shard are recorded when it is finished. An interrupted run goes on from them.

    Raises:
        UsageError: the engine is replay, an option that it needs is missing, there is a budget,
            or the prompt cannot be shown.
        ModelError: a worker cannot find or load the model, or finds another one.
        EndpointError: the server does not answer.
        ClusterError: see `gather`.
    """

    def sampler(
        values: Sequence[Problem], plan: SamplePlan, recording: Recording | None
    ) -> stages_chains.Sampled:
        how = evolve(solver, plan=plan)
        return _sampled(workspace, values, recording, how, identity, sharding)

    check_prompt(solver.plan.prompt, problems.values(Problem), workspace.progress.note)
    if solver.engine == "oracle":
        identity = {"engine": "oracle"}
        plan = solver.plan
        return stages_chains.oracle_chains(
            workspace,
            problems,
            plan.limits,
            plan.prompt.grammar,
            without=plan.prompt.without,
            policy=plan.policy,
            slips=plan.slips,
            sampler=sampler,
        )
    if solver.engine == "openai":
        if solver.budget is not None:
            raise UsageError("--budget is kept by one process; leave it out with --ray")
        identity = dict(checked_server(workspace, problems, solver).identity)
    elif solver.engine == "transformers":
        identity = _identity(solver, sharding)
    else:
        raise UsageError(f"engine {solver.engine!r} does not run in shards; leave out --ray")
    engine = _Elsewhere(identity)
    return stages_chains.model_chains(workspace, problems, engine, solver.plan, sampler)


def _identity(solver: Solver, sharding: Sharding) -> dict[str, str]:
    # The driver need not have the model: a worker says what it is.
    settings = {"solver": unstructure(solver)}
    asked = [lambda: Task(code=package_version(), settings=settings)]
    gpu = _wants_gpu(solver)
    ((_, result),) = gather(sharding.executor, shard_work.identify, asked, gpu=gpu)
    return result.identity


def _wants_gpu(solver: Solver) -> bool:
    return solver.engine == "transformers"


def _sampled(
    workspace: Workspace,
    problems: Sequence[Problem],
    recording: Recording | None,
    solver: Solver,
    identity: Mapping[str, str],
    sharding: Sharding,
) -> stages_chains.Sampled:
    """Return the chains' lines; the replies go to the recording as shards end."""
    shards = sharding.count(len(problems))
    known = recording.replies.values() if recording is not None else ()
    replies = by_shard(known, lambda item: item.job.rpartition("/")[0], shards)
    settings = {
        "solver": unstructure(solver),
        "identity": dict(identity),
        "record": recording is not None,
    }
    parts = [
        (some, [unstructure(one) for one in replies.get(shard, [])])
        for shard, some in by_shard(problems, problem_id, shards).items()
    ]
    tasks = _tasks(parts, settings, versions_of(problems))
    lines: list[bytes] = []
    reached: list[Recorded] = []
    tokens = 0
    label = identity.get("model") or identity["engine"]
    total = len(problems) * solver.plan.samples
    with workspace.progress.bar(f"chains {label}", total) as bar:
        for _, result in gather(
            sharding.executor, shard_work.sample, tasks, gpu=_wants_gpu(solver)
        ):
            if recording is not None:
                for data in result.replies:
                    reply = structure(data, Recorded)
                    recording.append(reply)
                    tokens += reply.tokens
                reached += [recording.replies[place] for place in result.reached]
            lines += map(bytes, result.lines)
            bar.advance(len(result.lines), text=f"{tokens} tokens" if tokens else None)
    return stages_chains.Sampled(chains=lines, reached=reached)


def _tasks(
    parts: Iterable[tuple[Sequence[Problem], Sequence[object]]],
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
) -> list[Callable[[], Task]]:
    """Return a maker of each shard's task, from its problems and its records (plain data)."""

    def maker(problems: Sequence[Problem], records: Sequence[object]) -> Callable[[], Task]:
        return lambda: Task(
            code=package_version(),
            versions=dict(versions),
            settings=dict(settings),
            problems=[unstructure(one) for one in problems],
            records=list(records),
        )

    return [maker(*part) for part in parts]


def scorer(sharding: Sharding) -> stages_scores.Scorer:
    """Return what scores chains in shards; see `gather` for what it raises."""

    def scored(workspace: Workspace, chains: Artifact) -> Iterator[bytes]:
        problems = workspace.find(stages_chains.parent(chains, 0), "problems").values(Problem)
        by_id = {problem_id(one): one for one in problems}
        named = _named(chains, Chain)
        for line, (name, _) in enumerate(named, start=2):
            if name not in by_id:
                raise ArtifactError(
                    f"{chains.path}, line {line}: its problem is not among those of its parent"
                )
        parts = _parts(named, by_id, sharding.count(len(by_id)))
        tasks = _tasks(parts, {}, versions_of(problems))
        with workspace.progress.bar("scores", len(named)) as bar:
            try:
                for _, result in gather(sharding.executor, shard_work.score, tasks):
                    bar.advance(len(result.lines))
                    yield from map(bytes, result.lines)
            except CodecError:
                chains.values(Chain)  # names the line
                raise

    return scored


def pairer(sharding: Sharding) -> stages_pairs.Pairer:
    """Return what pairs scored chains in shards; see `gather` for what it raises."""

    def paired(workspace: Workspace, scores: Sequence[Artifact], spec: PairSpec) -> Sequence[bytes]:
        named = [one for artifact in scores for one in _named(artifact, ScoredChain)]
        problems = stages_pairs.problems_of(workspace, scores) if executes(spec) else {}
        shards = sharding.count(len({name for name, _ in named}))
        parts = _parts(named, problems, shards)
        settings = {"spec": unstructure(spec)}
        tasks = _tasks(parts, settings, versions_of(problems.values()))
        labelled: list[tuple[Candidate, bytes]] = []
        with workspace.progress.bar("pairs", len(named)) as bar:
            try:
                for number, result in gather(sharding.executor, shard_work.pair, tasks):
                    labels = [structure(decode(label), Candidate) for label in result.labels]
                    labelled += zip(labels, map(bytes, result.lines), strict=True)
                    bar.advance(len(parts[number][1]))
            except CodecError:
                for artifact in scores:
                    artifact.values(ScoredChain)  # names the line
                raise
        # Sorting keeps the order within a problem, so the draw meets what it meets in one process.
        labelled.sort(key=lambda one: one[0].prompt)
        known = [one for one, _ in labelled]
        return drawn([line for _, line in labelled], known, spec)

    return paired


def _named(artifact: Artifact, cls: type[Chain | ScoredChain]) -> list[tuple[str, object]]:
    """Return the records of chains, each beside its problem's id."""
    records: Any = artifact.records
    try:
        chains = records if cls is Chain else [record["chain"] for record in records]
        return [(chain["problem"], record) for chain, record in zip(chains, records, strict=True)]
    except (KeyError, TypeError):
        artifact.values(cls)  # names the line
        raise


def _parts(
    named: Sequence[tuple[str, object]], problems: Mapping[str, Problem], shards: int
) -> list[tuple[list[Problem], list[object]]]:
    """Return each shard's problems, as far as they are given, and its records."""
    parts = []
    for some in by_shard(named, itemgetter(0), shards).values():
        names = dict.fromkeys(name for name, _ in some)
        about = [problems[name] for name in names if name in problems]
        parts.append((about, [record for _, record in some]))
    return parts
