"""Makes the records of an artifact again, stage by stage, and names the first that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from fcpref.core.canon import canonical_bytes, short
from fcpref.core.chains import Chain, Reply, advance, begin
from fcpref.core.codec import structure, unstructure
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.scores import MEASURES, Score, ScoredChain
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, CodecError
from fcpref.shell.augmenting import AugmentSpec, augmented, spec_of
from fcpref.shell.manifest import Derivable
from fcpref.shell.stages_chains import parent, plan_of, replayed
from fcpref.shell.stages_pairs import repaired
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fcpref.core.chains import Limits
    from fcpref.shell.store import Artifact

_GENERATED = ("task", "split", "seed", "knobs")


@define
class Check:
    """A verification under way: what is checked, and what has come of it so far."""

    workspace: Workspace
    listed: Mapping[str, Derivable]
    differences: list[str]
    calls: int = 0
    artifacts: Counter[str] = field(factory=Counter)
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


def _problems(check: Check, artifact: Artifact) -> Iterator[str]:
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


def _rewrites(check: Check, artifact: Artifact, spec: AugmentSpec) -> Iterator[str]:
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


def _chains(check: Check, artifact: Artifact) -> Iterator[str]:
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


def _replay(check: Check, artifact: Artifact) -> Iterator[str]:
    recording = check.here(artifact, 1, "recording")
    if recording is None:
        return
    chains, _ = replayed(check.workspace, recording)
    yield from _compare(artifact, chains, "the recording replays to another chain")


def _scores(check: Check, artifact: Artifact) -> Iterator[str]:
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


def _pairs(check: Check, artifact: Artifact) -> Iterator[str]:
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


AGAIN: dict[str, Callable[[Check, Artifact], Iterator[str]]] = {
    "problems": _problems,
    "chains": _chains,
    "scores": _scores,
    "pairs": _pairs,
}
"""What makes the records of a stage again and yields differences; other stages are hashed only."""
