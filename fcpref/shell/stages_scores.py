"""Stage `scores`: chains executed again and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Chain
from fcpref.core.problems import Problem
from fcpref.core.scores import MEASURES, ScoredChain, Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError
from fcpref.shell.stages_chains import parent
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Artifact
from fcpref.shell.versions import redone, versions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.shell.logs import StageLog
    from fcpref.shell.workspace import Workspace


Scorer = Callable[["Workspace", Artifact], Iterable[object]]
"""Returns an artifact's chains with their scores, as values or canonical bytes."""


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
