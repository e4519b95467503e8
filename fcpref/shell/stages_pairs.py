"""The stage from scores to pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fcpref.core.codec import unstructure
from fcpref.core.pairs import PairSpec, PreferencePair, build_pairs, executes
from fcpref.core.scores import ScoredChain
from fcpref.shell.bulk import bulk
from fcpref.shell.stages_chains import parent
from fcpref.shell.stages_problems import problems_by_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.problems import Problem
    from fcpref.shell.logs import StageLog
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

Pairer = Callable[["Workspace", "Sequence[Artifact]", PairSpec], "Sequence[object]"]
"""Returns the pairs of scored chains, as values or canonical bytes."""


def pairs(
    workspace: Workspace,
    scores: Sequence[Artifact],
    spec: PairSpec,
    pairer: Pairer | None = None,
) -> Artifact:
    """Pair correct with incorrect chains; stage ``pairs``.

    Args:
        workspace: where to write.
        scores: scored chains; those of one problem are paired whichever artifact they are in.
        spec: how pairs are drawn.
        pairer: does it elsewhere, the same way; None does it here.
    """
    ids = tuple(sorted({artifact.id for artifact in scores}))

    def make(log: StageLog) -> Artifact:
        made = (pairer or repaired)(workspace, scores, spec)
        log.write("paired", pairs=len(made))
        return workspace.write("pairs", made, parents=ids, spec=unstructure(spec))

    return workspace.once("pairs", {"scores": ids, "spec": unstructure(spec)}, make)


@bulk()
def repaired(
    workspace: Workspace, scores: Sequence[Artifact], spec: PairSpec
) -> tuple[PreferencePair, ...]:
    """Return the pairs of scored chains.

    Raises:
        ArtifactError: a builder executes calls and a problem is not here.
    """
    scored = (item for one in scores for item in one.values(ScoredChain))
    problems = problems_of(workspace, scores) if executes(spec) else {}
    return build_pairs(scored, problems, spec)


def problems_of(workspace: Workspace, artifacts: Iterable[Artifact]) -> dict[str, Problem]:
    """Return, by id, all problems that scores or pairs are about, or that are given themselves.

    Raises:
        ArtifactError: an artifact that they were made from is not here.
    """
    problems: dict[str, Problem] = {}
    for artifact in artifacts:
        if artifact.header.stage == "problems":
            problems |= problems_by_id(artifact)
            continue
        scores = [artifact]
        if artifact.header.stage == "pairs":
            scores = [workspace.find(one, "scores") for one in artifact.header.parents]
        for one in scores:
            problems |= problems_by_id(workspace.find(parent(one, 1), "problems"))
    return problems
