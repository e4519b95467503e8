"""New recordings from old ones: pruned of what is not reached, or merged from shards.

What is written always replays: it is replayed before it is written. The old ones stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.canon import short
from fcpref.core.codec import unstructure
from fcpref.core.problems import Problem, problem_id
from fcpref.errors import ArtifactError
from fcpref.shell.engines.replay import ReplayEngine, SurveyEngine
from fcpref.shell.openings import SHOWN, as_header
from fcpref.shell.recordings import STAGE, Place, Recorded
from fcpref.shell.recordings_show import read_recording
from fcpref.shell.reply_keys import problem_of, sample_of
from fcpref.shell.sampling import sample_chains
from fcpref.shell.stages_chains import parent, plan_of, replay_chains
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import FORMAT, Artifact, Header
from fcpref.shell.versions import versions_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.shell.openings import Opening
    from fcpref.shell.recordings_show import Contents
    from fcpref.shell.workspace import Workspace


@frozen(kw_only=True)
class Pruned:
    """What came of pruning.

    Attributes:
        recording: the new one; the old one where there was nothing to drop.
        dropped: replies that are not in it.
        lost: problems that are not in it because a chain of theirs cannot go on.
        misses: why the first of them cannot.
    """

    recording: Artifact
    dropped: int
    lost: int
    misses: str = ""


def prune(workspace: Workspace, recording: Artifact, keep: Artifact | None = None) -> Pruned:
    """Drop the replies that no chain of the current code reaches.

    A problem with a chain that cannot go on, because a reply to what the current code asks was not
    recorded, is left out with all its replies; the rest replays.

    Args:
        workspace: where to write.
        recording: what to prune; one that is not sealed has no id.
        keep: problems; the others are dropped.

    Raises:
        ArtifactError: the problems are not here, some of `keep` were not recorded, or nothing would
            be left.
    """
    problems = workspace.find(parent(recording, 0), "problems")
    wanted = problems_by_id(problems)
    if keep is not None:
        kept = problems_by_id(keep)
        strange = [name for name in kept if name not in wanted]
        if strange:
            raise ArtifactError(
                f"{keep.path}: {len(strange)} of its problems are not in {recording.path}, such as "
                f"{short(strange[0])}; keep only recorded ones"
            )
        wanted = kept
    engine = SurveyEngine(recording)
    sample_chains(tuple(wanted.values()), engine, plan_of(recording))
    lost = {problem_of(job) for job in engine.misses}
    left = {name: one for name, one in wanted.items() if name not in lost}
    first = str(next(iter(engine.misses.values()), ""))
    if not left:
        raise ArtifactError(f"{recording.path}: nothing would be left; {first}")
    replies = [item for item in engine.reached.values() if problem_of(item.job) in left]
    old = keep if keep is not None else problems
    parents = old if len(left) == len(wanted) else some_of(workspace, old, left)
    dropped = recording.header.count - len(replies)
    same = recording.id and not dropped and parents.id == problems.id
    new = recording if same else _write(workspace, recording.header.spec, parents, replies)
    return Pruned(recording=new, dropped=dropped, lost=len(lost), misses=first)


@frozen(kw_only=True)
class Merged:
    """What came of merging: the recording, and its chains."""

    recording: Artifact
    chains: Artifact


def merge(workspace: Workspace, names: Sequence[str]) -> Merged:
    """Make one recording of several with the same identity and plan.

    They may be of other problems or of other samples of the same ones; unsealed ones will do. The
    whole is what one run over all problems would have recorded.

    Args:
        workspace: where to write.
        names: recordings, by path or by the start of an id.

    Raises:
        ArtifactError: they are of other engines or plans, or hold other replies to one request.
        ReplayMissError: together they lack replies.
    """
    parts = [read_recording(workspace, name) for name in names]
    for part in parts:
        if not (part.identity and part.header.parents and part.plan):
            raise ArtifactError(
                f"{part.path}, line 1: names no engine, plan or problems, as files of earlier "
                "versions do not; run its command again to the end"
            )
    first = parts[0]
    for other in parts[1:]:
        _same(first, other)
    replies: dict[Place, Recorded] = {}
    for one in parts:
        _add(replies, one, parts)
    spec = {**first.header.spec, **_samples(parts), **_shown(parts)}
    problems = _union(workspace, parts)
    reached = _reached(spec, problems, replies)
    recording = _write(workspace, spec, problems, reached)
    return Merged(recording=recording, chains=replay_chains(workspace, recording))


def _reached(
    spec: Mapping[str, object], problems: Artifact, replies: Mapping[Place, Recorded]
) -> list[Recorded]:
    """Replay what is not written yet; return the replies that chains are made of."""
    whole = Artifact(
        id="",
        path=Path("the recordings together"),
        header=Header(format=FORMAT, stage=STAGE, parents=(problems.id,), spec=dict(spec)),
        records=tuple(unstructure(item) for item in replies.values()),
    )
    engine = ReplayEngine(whole)
    sample_chains(problems.values(Problem), engine, plan_of(whole))
    return list(engine.reached.values())


def _same(one: Contents, other: Contents) -> None:
    for what in ("identity", "prompt", "limits", *sorted({*one.header.spec, *other.header.spec})):
        have, want = (side.header.spec.get(what) for side in (other, one))
        if what not in {"samples", SHOWN} and have != want:
            raise ArtifactError(
                f"{other.path}: its {what} is not that of {one.path}; `fcpref recordings diff` "
                "shows how, and only recordings of one engine and plan can be merged"
            )
    if one.header.versions != other.header.versions:
        raise ArtifactError(f"{other.path}: was made with other versions than {one.path}")


def _add(replies: dict[Place, Recorded], one: Contents, parts: Sequence[Contents]) -> None:
    clashes = [item for item in one.replies if replies.setdefault(item.place, item) != item]
    if clashes:
        item = clashes[0]
        other = next(part for part in parts if replies[item.place] in part.replies)
        raise ArtifactError(
            f"{one.path}: {len(clashes)} replies are not those of {other.path} to the same "
            f"request, the first for problem {short(problem_of(item.job))}, sample "
            f"{sample_of(item.job)}, step {item.step}; leave one of the two out"
        )


def _samples(parts: Sequence[Contents]) -> dict[str, int]:
    return {"samples": max(part.plan.samples for part in parts if part.plan)}


def _shown(parts: Sequence[Contents]) -> dict[str, Any]:
    found: dict[str, list[Opening]] = {}
    for part in parts:
        for task, several in part.openings.items():
            known = found.setdefault(task, [])
            if known and known[0].tools != several[0].tools:
                raise ArtifactError(f"{part.path}: showed other functions of {task} than the rest")
            known += several
    return as_header(found) if found else {}


def _union(workspace: Workspace, parts: Sequence[Contents]) -> Artifact:
    names = list(dict.fromkeys(part.header.parents[0] for part in parts))
    found = [workspace.find(name, "problems") for name in names]
    if len(found) == 1:
        return found[0]
    problems = {problem_id(one): one for artifact in found for one in artifact.values(Problem)}
    specs = [artifact.header.spec for artifact in found]
    if all(spec == specs[0] for spec in specs):
        # Shards of one set are, together, that set: the same bytes, the same id.
        return workspace.write("problems", problems.values(), spec=specs[0])
    return workspace.write("problems", problems.values(), parents=names)


def some_of(workspace: Workspace, old: Artifact, left: Mapping[str, Problem]) -> Artifact:
    """Write some of an artifact's problems as one of their own."""
    header = old.header
    return workspace.write("problems", left.values(), parents=header.parents, spec=header.spec)


def _write(
    workspace: Workspace,
    spec: Mapping[str, object],
    problems: Artifact,
    replies: Sequence[Recorded],
) -> Artifact:
    return workspace.write(
        STAGE,
        replies,
        parents=(problems.id,),
        spec=spec,
        versions=versions_of(problems.values(Problem)),
    )
