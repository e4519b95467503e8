"""Chains and pairs of every kind and both grammars, to export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Limits
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.shell import stages
from tests.played import played

if TYPE_CHECKING:
    from fcpref.core.chains import Chain
    from fcpref.core.functions import Grammar
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

TASK = find_task("fol.deduction")
SHORT = Limits(calls=2)


def attempts(problem: Problem, grammar: Grammar = "python") -> list[Chain]:
    """Return chains of one problem: two correct ones, and one of each way to be incorrect."""
    *calls, answer = find_task(problem.task).oracle(problem)
    others = ("True", "False") if problem.task.startswith("fol") else (99998, 99999)
    wrong = f"Answer(value={next(one for one in others if str(one) != problem.gold)!r})"
    ways = [
        ([*calls, answer], None),
        (["Fly()", *calls, answer], None),  # correct, with a call that failed
        ([*calls, wrong], None),  # wrong_answer
        ([answer], None),  # unsupported
        ([*calls[:1], "Fly()", "no call at all", "Fly(a=1)"], None),  # malformed
        (["Reasoning(thought='so')", *calls, answer], SHORT),  # limit
        (calls, None),  # no_answer
    ]
    return [played(problem, said, at, grammar, limits) for at, (said, limits) in enumerate(ways)]


def chains_of(
    workspace: Workspace,
    grammar: Grammar = "python",
    task: str = "fol.deduction",
    count: int = 4,
    split: str = "train",
) -> Artifact:
    """Write problems and chains of them."""
    knobs = {"min_depth": 2, "max_depth": 3} if task == "fol.deduction" else {}
    problems = stages.make_problems(workspace, task, split, count, 3, knobs)
    made = [chain for one in problems.values(Problem) for chain in attempts(one, grammar)]
    return workspace.write("chains", made, parents=[problems.id])


def pairs_of(
    workspace: Workspace, chains: Artifact, *kinds: str, per_problem: int = 20
) -> Artifact:
    """Score and pair chains."""
    spec = PairSpec(kinds=kinds or ("chain",), per_problem=per_problem, solved=True)
    return stages.pairs(workspace, [stages.score(workspace, chains)], spec)
