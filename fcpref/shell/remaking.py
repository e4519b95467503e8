"""Derivable artifacts: what is made again from a header and its parents alone.

They are problems of a generator, rewrites of problems, chains of the oracle, and scores. The same
ids come out wherever the code, and the libraries that a header names, are the same.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from fcpref.core.canon import short
from fcpref.core.chains import PromptSpec
from fcpref.core.codec import structure
from fcpref.core.problems import Problem
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import MEASURES
from fcpref.core.tasks import TASKS
from fcpref.errors import ArtifactError, CodecError, FcprefError
from fcpref.shell.augmenting import AugmentSpec, augment
from fcpref.shell.manifest import MANIFEST, Derivable, read_manifest
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_chains import oracle_chains
from fcpref.shell.stages_problems import make_problems
from fcpref.shell.stages_scores import rescored, score
from fcpref.shell.versions import installed, versions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fcpref.shell.manifest import Manifest
    from fcpref.shell.store import Artifact, Header
    from fcpref.shell.workspace import Workspace

_GENERATED = {"task", "split", "seed", "knobs"}
_IDENTITY = "identity"
_ORACLE = {"engine": "oracle"}
_SHORTEST_PREFIX = 4


def derivable(header: Header) -> bool:
    """Tell whether an artifact with this header is made again from it and its parents."""
    if header.stage == "problems":
        return _is_generated(header) or _rewriting(header) is not None
    if header.stage == "chains":
        return of_oracle(header)
    measured: tuple[dict[str, Any], ...] = ({}, {"measures": MEASURES})
    return header.stage == "scores" and len(header.parents) == 2 and header.spec in measured  # noqa: PLR2004 - chains and problems


def of_oracle(header: Header) -> bool:
    """Tell whether an artifact holds chains as `oracle_chains` makes them."""
    if header.stage != "chains" or len(header.parents) != 1:
        return False
    if header.spec.get(_IDENTITY) != _ORACLE:
        return False
    try:
        plan = _plan(header)
    except CodecError:
        return False
    shown = PromptSpec(
        detail="signatures", grammar=plan.prompt.grammar, without=plan.prompt.without
    )
    own = SamplePlan(
        samples=1, prompt=shown, limits=plan.limits, policy=plan.policy, slips=plan.slips
    )
    return plan == own


def remake(workspace: Workspace, names: Sequence[str]) -> list[Artifact]:
    """Make artifacts that the manifest lists as derivable again, what they come from first.

    Args:
        workspace: where to write, under ``local``; what is here already is read and not made.
        names: of the artifacts, by the first digits of their ids.

    Returns:
        What was made, in that order, and what was named and is here already.

    Raises:
        ArtifactError: the manifest lists no such artifact, or what comes out has another id; the
            message says what differs.
    """
    listed = read_manifest(workspace.root).listed
    wanted = [_named(workspace, listed, name) for name in names]
    made = bring(workspace, [entry.id for entry in wanted], listed)
    there = {artifact.id for artifact in made}
    old = {entry.id: entry for entry in wanted if entry.id not in there}
    return [*made, *(workspace.find(entry.id, entry.stage) for entry in old.values())]


def bring(
    workspace: Workspace, identifiers: Iterable[str], listed: Mapping[str, Derivable]
) -> list[Artifact]:
    """Make what is not here of some artifacts and their ancestors; return what was made, in order.

    Args:
        workspace: where to write.
        identifiers: full ids.
        listed: what can be made, by id.

    Raises:
        ArtifactError: one is neither here nor listed, or comes out with another id.
    """
    graph: dict[str, tuple[str, ...]] = {}
    waiting = list(identifiers)
    while waiting:
        identifier = waiting.pop()
        if identifier in graph or workspace.stage_of(identifier):
            continue
        if identifier not in listed:
            raise ArtifactError(
                f"{workspace.root}: {short(identifier)} is not here, and {MANIFEST} does not list "
                "it as derivable; restore its file"
            )
        graph[identifier] = listed[identifier].parents
        waiting += graph[identifier]
    try:
        order = [one for one in TopologicalSorter(graph).static_order() if one in graph]
    except CycleError as error:
        raise ArtifactError(
            f"{workspace.root / MANIFEST}: {short(error.args[1][0])} is listed among its own "
            "ancestors; restore it"
        ) from None
    return [remade(workspace, listed[identifier]) for identifier in order]


def remade(workspace: Workspace, entry: Derivable) -> Artifact:
    """Make one artifact, whose parents are here, and check that it comes out the same.

    Raises:
        ArtifactError: it does not; the message says what differs.
    """
    what = f"{entry.stage} {short(entry.id)}"
    for library, wanted in entry.versions.items():
        if (have := installed(library)) != wanted:
            raise ArtifactError(
                f"{what}: was made with {library} {wanted}, and {have} makes others; install "
                "that version to make it again"
            )
    if not derivable(entry.header):
        raise ArtifactError(f"{what}: {MANIFEST} does not say how it is made; restore it")
    try:
        made = _make(workspace, entry)
    except FcprefError as error:
        raise ArtifactError(f"{what}: cannot be made again: {error}") from None
    if made.id != entry.id:
        raise ArtifactError(
            f"{what}: comes out as {short(made.id)}, for {_difference(entry, made)}; use the "
            "version of fcpref that published it"
        )
    return made


def flaws(manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the manifest's list of derivable artifacts, each with the name."""
    listed, public = manifest.listed, {row.id for row in manifest.artifacts}
    if len(listed) < len(manifest.derivable):
        yield "an artifact is listed as derivable twice"
    for entry in manifest.derivable:
        what = f"{entry.stage} {short(entry.id)}"
        if entry.id in public:
            yield f"{what} is listed as derivable and as a file"
        if not derivable(entry.header):
            yield f"{what} is listed as derivable, and its header does not say how"
        if missing := [one for one in entry.parents if one not in public and one not in listed]:
            yield f"{what} is listed as derivable without its parent {short(missing[0])}"
    try:
        TopologicalSorter({entry.id: entry.parents for entry in manifest.derivable}).prepare()
    except CycleError as error:
        yield f"{short(error.args[1][0])} is listed among its own ancestors"


def _make(workspace: Workspace, entry: Derivable) -> Artifact:
    header = entry.header
    if header.stage == "problems":
        return _problems(workspace, header)
    if header.stage == "chains":
        plan = _plan(header)
        return oracle_chains(
            workspace,
            workspace.find(header.parents[0], "problems"),
            plan.limits,
            plan.prompt.grammar,
            without=plan.prompt.without,
            policy=plan.policy,
            slips=plan.slips,
        )
    chains = workspace.find(header.parents[0], "chains")
    return score(workspace, chains) if header.spec else _unmeasured(workspace, chains)


def _problems(workspace: Workspace, header: Header) -> Artifact:
    rewriting = _rewriting(header)
    if rewriting is not None:
        before = workspace.find(rewriting.problems, "problems")
        return augment(workspace, before, rewriting.rewrites, rewriting.copies, rewriting.seed)
    spec = header.spec
    return make_problems(
        workspace, spec["task"], spec["split"], header.count, spec["seed"], spec["knobs"]
    )


def _unmeasured(workspace: Workspace, chains: Artifact) -> Artifact:
    """Write scores as they were before there were measures."""
    problems = workspace.find(chains.header.parents[0], "problems")
    return workspace.write(
        "scores",
        rescored(workspace, chains, measured=False),
        parents=(chains.id, problems.id),
        versions=versions_of(problems.values(Problem)),
    )


def _difference(entry: Derivable, made: Artifact) -> str:
    """Say which part of an artifact is made otherwise now."""
    for name in ("parents", "versions", "count", "spec"):
        if getattr(entry.header, name) != getattr(made.header, name):
            return f"its {name} would be written otherwise now"
    if entry.stage == "problems":
        task = entry.spec.get("task")
        return f"the generator of {task} has changed" if task else "the rewrites have changed"
    return "the oracle has changed" if entry.stage == "chains" else "scoring has changed"


def _named(workspace: Workspace, listed: Mapping[str, Derivable], name: str) -> Derivable:
    prefix = short(name, 64)
    long = len(prefix) >= _SHORTEST_PREFIX
    found = [one for one in listed.values() if long and short(one.id, 64).startswith(prefix)]
    path = workspace.root / MANIFEST
    if not found:
        lists = ", ".join(short(one.id) for one in [*listed.values()][:3]) or "none"
        raise ArtifactError(
            f"{name}: {path} lists no derivable artifact whose id starts so; it lists {lists}"
        )
    if len(found) > 1:
        some = ", ".join(short(one.id) for one in found[:3])
        raise ArtifactError(
            f"{name}: {path} lists {len(found)} that start so, {some}; give more digits"
        )
    return found[0]


def _is_generated(header: Header) -> bool:
    spec = header.spec
    task = TASKS.get(str(spec.get("task")))
    return (
        spec.keys() == _GENERATED
        and not header.parents
        and task is not None
        and task.generate is not None
        and spec["split"] in SPLITS
        and isinstance(spec["seed"], int)
        and isinstance(spec["knobs"], dict)
        and header.count > 0
    )


def _rewriting(header: Header) -> AugmentSpec | None:
    try:
        spec = structure(header.spec, AugmentSpec)
    except CodecError:
        return None
    return spec if header.parents == (spec.problems,) else None


def _plan(header: Header) -> SamplePlan:
    spec = {name: value for name, value in header.spec.items() if name != _IDENTITY}
    return structure(spec, SamplePlan)
