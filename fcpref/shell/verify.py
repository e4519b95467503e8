"""Verification: hash, execute, score and pair everything again, and name what differs.

What training and sampling made is hashed only. An artifact whose parents are not here, or that
depends on another version of a library, is not checkable here; that is a note, not a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from fcpref.core.canon import canonical_bytes, short
from fcpref.core.chains import Chain, Reply, advance, begin
from fcpref.core.codec import structure, unstructure
from fcpref.core.evaluation import Trial
from fcpref.core.pairs import PairSpec, PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.scores import MEASURES, Score, ScoredChain
from fcpref.core.tasks import find_task
from fcpref.core.training import RunRecord
from fcpref.errors import ArtifactError, CodecError, FcprefError
from fcpref.shell.augmenting import AugmentSpec, augmented, spec_of
from fcpref.shell.manifest import MANIFEST, Derivable, Row, read_manifest
from fcpref.shell.progress import SILENT, Progress
from fcpref.shell.recordings import Recorded
from fcpref.shell.remaking import flaws
from fcpref.shell.stages_chains import parent, plan_of, replayed
from fcpref.shell.stages_pairs import repaired
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Artifact, file_hash, read_artifact
from fcpref.shell.versions import installed
from fcpref.shell.workspace import STAGES, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fcpref.core.chains import Limits

_TYPES: dict[str, type[Any]] = {
    "problems": Problem,
    "recording": Recorded,
    "chains": Chain,
    "scores": ScoredChain,
    "pairs": PreferencePair,
    "run": RunRecord,
    "trials": Trial,
}
_GENERATED = ("task", "split", "seed", "knobs")


@frozen(kw_only=True)
class Verification:
    """What was checked and what came of it.

    Attributes:
        artifacts: number of artifacts by stage.
        calls: calls executed again.
        differences: one line each, in the order found; empty when all is as it was written.
        notes: what could not be checked here.
    """

    artifacts: dict[str, int]
    calls: int
    differences: tuple[str, ...]
    notes: tuple[str, ...]


@define
class _Check:
    """The work under way."""

    workspace: Workspace
    listed: Mapping[str, Derivable] = field(factory=dict)
    calls: int = 0
    artifacts: Counter[str] = field(factory=Counter)
    differences: list[str] = field(factory=list)
    notes: list[str] = field(factory=list)
    seen: set[str] = field(factory=set)

    def here(self, artifact: Artifact, index: int, stage: str) -> Artifact | None:
        """Return a parent, or note that it is not here; a damaged one is told of by itself."""
        identifier = parent(artifact, index)
        if not any(self.workspace.paths(stage, short(identifier))):
            if identifier not in self.listed:  # else it is told of already
                self.notes.append(
                    f"{artifact.path}: not checkable here, {stage} {short(identifier)} is missing"
                )
            return None
        try:
            return self.workspace.find(identifier, stage)
        except ArtifactError:
            return None


def verify(root: Path, progress: Progress = SILENT) -> Verification:
    """Check all artifacts under a folder and its ``local``.

    Raises:
        ArtifactError: there is no such folder, or nothing in it.
    """
    if not root.is_dir():
        raise ArtifactError(f"{root}: no such folder; give the folder of the artifacts")
    check = _Check(workspace=Workspace(root))
    check.differences += _manifest(check)
    paths = [(stage, path) for stage in STAGES for path in check.workspace.paths(stage)]
    if not paths and not (root / MANIFEST).exists():
        raise ArtifactError(f"{root}: holds no artifacts")
    with progress.bar("verify", len(paths)) as bar:
        for stage, path in paths:
            check.differences += _one(check, stage, path)
            check.artifacts[stage] += 1
            bar.advance()
    return Verification(
        artifacts=dict(check.artifacts),
        calls=check.calls,
        differences=tuple(dict.fromkeys(check.differences)),
        notes=tuple(dict.fromkeys(check.notes)),
    )


def _one(check: _Check, stage: str, path: Path) -> Iterator[str]:
    try:
        artifact = read_artifact(path, stage=stage)
        if artifact.id in check.seen:
            return
        check.seen.add(artifact.id)
        artifact.values(_TYPES[stage])
        entry = check.listed.get(artifact.id)
        if entry is not None and entry.header != artifact.header:
            yield f"{path}: its header is not what {MANIFEST} lists as derivable"
        check.notes += _absent(check, artifact)
        if other := _other_version(artifact):
            check.notes.append(f"{path}: not checkable here, {other}")
            return
        yield from _AGAIN.get(stage, _nothing)(check, artifact)
    except FcprefError as error:
        yield str(error)


def _other_version(artifact: Artifact) -> str:
    for library, wanted in artifact.header.versions.items():
        have = installed(library)
        if have != wanted:
            return f"it was made with {library} {wanted}, here is {have}"
    return ""


def _absent(check: _Check, artifact: Artifact) -> Iterator[str]:
    """Name the parents that are not here; what can be made again, by the command that does."""
    for identifier in artifact.header.parents:
        if check.workspace.stage_of(identifier) is not None:
            continue
        name = short(identifier)
        if (entry := check.listed.get(identifier)) is not None:
            yield (
                f"{artifact.path}: was made from {entry.stage} {name}, which is not here; "
                f"`fcpref remake {name}` makes it"
            )
        elif artifact.header.stage not in _AGAIN:  # else it is told of where it is needed
            yield f"{artifact.path}: was made from {name}, which is missing"


def _nothing(_check: _Check, _artifact: Artifact) -> Iterator[str]:
    return iter(())


def _problems(check: _Check, artifact: Artifact) -> Iterator[str]:
    spec = artifact.header.spec
    how = spec_of(artifact)
    if how is not None:
        yield from _rewrites(check, artifact, how)
        return
    if not all(name in spec for name in _GENERATED):
        return
    generate = find_task(str(spec["task"])).generate
    knobs, seed = spec["knobs"], spec["seed"]
    if generate is None or not isinstance(knobs, dict) or not isinstance(seed, int):
        return
    for line, problem in enumerate(artifact.values(Problem), start=2):
        if generate(knobs, seed, problem.split, problem.index) != problem:
            yield f"{artifact.path}, line {line}: generates otherwise now"
            return


def _rewrites(check: _Check, artifact: Artifact, spec: AugmentSpec) -> Iterator[str]:
    before = check.here(artifact, 0, "problems")
    if before is None:
        return
    if before.id != spec.problems:
        yield f"{artifact.path}, line 1: was rewritten from other problems than its parent"
        return
    made = set(augmented(before.values(Problem), spec).problems)
    for line, problem in enumerate(artifact.values(Problem), start=2):
        if problem not in made:
            yield f"{artifact.path}, line {line}: its parent is rewritten otherwise now"
            return


def _chains(check: _Check, artifact: Artifact) -> Iterator[str]:
    problems = check.here(artifact, 0, "problems")
    if problems is None:
        return
    by_id = problems_by_id(problems)
    plan = plan_of(artifact)
    for line, chain in enumerate(artifact.values(Chain), start=2):
        where = f"{artifact.path}, line {line}"
        problem = by_id.get(chain.problem)
        if problem is None:
            yield f"{where}: its problem is not among those of its parent"
            return
        check.calls += len(chain.turns)
        if chain.without != plan.prompt.without:
            yield f"{where}: was offered other functions than its plan says"
            return
        if differs := _executed(chain, problem, plan.limits):
            yield (f"{where} (problem {short(chain.problem)}, sample {chain.sample}), {differs}")
            return
    if len(artifact.header.parents) > 1:
        yield from _replay(check, artifact)


def _executed(chain: Chain, problem: Problem, limits: Limits) -> str:
    """Execute a chain again; say what differs first, or nothing."""
    toolbox = find_task(problem.task).toolbox.without(chain.without)
    state = begin(toolbox, problem, (), limits, chain.grammar)
    for step, turn in enumerate(chain.turns):
        if state.stop is not None:
            return f"step {step}: comes after the chain has ended ({state.stop})"
        state = advance(state, Reply(text=turn.reply, tokens=turn.tokens))
        if state.turns[-1].outcome != turn.outcome:
            now = state.turns[-1].outcome.text
            return f"step {step}: recorded {turn.outcome.text!r}, executes to {now!r}"
    stop = state.stop or "silent"
    return "" if stop == chain.stop else f"end: recorded {chain.stop!r}, is {stop!r}"


def _replay(check: _Check, artifact: Artifact) -> Iterator[str]:
    recording = check.here(artifact, 1, "recording")
    if recording is None:
        return
    chains, _ = replayed(check.workspace, recording)
    yield from _compare(artifact, chains, "the recording replays to another chain")


def _scores(check: _Check, artifact: Artifact) -> Iterator[str]:
    chains = check.here(artifact, 0, "chains")
    problems = check.here(artifact, 1, "problems")
    if chains is None or problems is None:
        return
    measures = artifact.header.spec.get("measures", 0)
    if measures not in (0, MEASURES):
        check.notes.append(
            f"{artifact.path}: not checkable here, it has measures {measures!r} of another version"
        )
        return
    by_id = problems_by_id(problems)
    for line, item in enumerate(artifact.values(ScoredChain), start=2):
        problem = by_id.get(item.chain.problem)
        if problem is None:
            yield f"{artifact.path}, line {line}: its problem is not among those of its parent"
            return
        task = find_task(problem.task)
        score = (task.measured if measures else task.score)(item.chain, problem)
        if score != item.score:
            yield (
                f"{artifact.path}, line {line} (problem {short(item.chain.problem)}, sample "
                f"{item.chain.sample}): recorded {item.score.verdict.value}, scores as "
                f"{score.verdict.value}{_otherwise(item.score, score)}"
            )
            return
    own = [unstructure(item.chain) for item in artifact.values(ScoredChain)]
    if _sorted(own) != _sorted(chains.records):
        yield f"{artifact.path}: its chains are not those of its parent"


def _otherwise(recorded: Score, now: Score) -> str:
    """Say what else differs between scores of one verdict."""
    if recorded.verdict != now.verdict:
        return ""
    if (recorded.evidence, recorded.codes) != (now.evidence, now.codes):
        return " with other evidence"
    return " with other measures"


def _pairs(check: _Check, artifact: Artifact) -> Iterator[str]:
    count = len(artifact.header.parents)
    found = [check.here(artifact, index, "scores") for index in range(count)]
    scores = [one for one in found if one is not None]
    if len(scores) < count:
        return
    try:
        spec = structure(artifact.header.spec, PairSpec)
    except CodecError as error:
        yield f"{artifact.path}, line 1: no pair specification ({error})"
        return
    made = repaired(check.workspace, scores, spec)
    yield from _compare(artifact, made, "its scores give another pair")


def _compare(artifact: Artifact, values: tuple[object, ...], what: str) -> Iterator[str]:
    """Compare an artifact's records with what they should be; name the first that differs."""
    now = _sorted([unstructure(value) for value in values])
    before = [canonical_bytes(record) for record in artifact.records]
    for line, (one, other) in enumerate(zip(before, now, strict=False), start=2):
        if one != other:
            yield f"{artifact.path}, line {line}: {what}"
            return
    if len(before) != len(now):
        yield f"{artifact.path}: has {len(before)} records, there are {len(now)} now"


def _sorted(records: Any) -> list[bytes]:  # noqa: ANN401 - plain data
    return sorted(canonical_bytes(record) for record in records)


_AGAIN: dict[str, Callable[[_Check, Artifact], Iterator[str]]] = {
    "problems": _problems,
    "chains": _chains,
    "scores": _scores,
    "pairs": _pairs,
}


def _manifest(check: _Check) -> Iterator[str]:
    """Compare the manifest with what is here; keep what it lists as derivable."""
    root = check.workspace.root
    path = root / MANIFEST
    if not path.exists():
        return
    try:
        manifest = read_manifest(root)
    except ArtifactError as error:
        yield str(error)
        return
    check.listed = manifest.listed
    for flaw in flaws(manifest):
        yield f"{path}: {flaw}"
    rows = manifest.artifacts
    for row in rows:
        yield from _row(root, row)
    named = {row.path for row in rows}
    for stage in STAGES:
        for file in sorted((root / stage).glob("*.jsonl*")):
            if file.relative_to(root).as_posix() not in named:
                yield f"{file}: is not in {path}"


def _row(root: Path, row: Row) -> Iterator[str]:
    file = root / row.path
    if not file.is_file():
        yield f"{file}: is in {MANIFEST} and missing here; restore it"
    elif file.stat().st_size != row.bytes:
        yield f"{file}: has {file.stat().st_size} bytes, {MANIFEST} says {row.bytes}"
    elif file_hash(file) != row.byte_hash:
        yield f"{file}: its bytes hash otherwise than {MANIFEST} says; it was edited, restore it"
    else:
        try:
            artifact = read_artifact(file, stage=row.stage)
        except ArtifactError:
            return  # told of when the artifact itself is checked
        header = artifact.header
        same = (artifact.id, header.parents, header.count) == (row.id, row.parents, row.count)
        if not same:
            yield f"{file}: its id, parents or count are not what {MANIFEST} says"


def summary(found: Verification) -> str:
    """Return what was verified, for people."""
    total = sum(found.artifacts.values())
    kinds = ", ".join(f"{count} {stage}" for stage, count in found.artifacts.items())
    lines = [f"{total} artifacts ({kinds}), {found.calls} calls executed again"]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"differs: {line}" for line in found.differences]
    return "\n".join(lines if found.differences else [*lines, "all as recorded"])
