"""Engine `oracle`: replies with the symbolic solution of each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Reply
from fcpref.core.functions import translate
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task, with_slips

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.shell.engines.base import OnReply, Request
    from fcpref.shell.sampling import SamplePlan


class OracleEngine:
    """Solves the problems that it was given; a request names its problem by the job."""

    def __init__(self, problems: Iterable[Problem], plan: SamplePlan | None = None) -> None:
        """Keep the problems.

        Args:
            problems: all that will be asked about.
            plan: by which policy they are solved, with which share of slips within which limits;
                None for the shortest way without any.
        """
        self._plan = plan
        self._problems = {problem_id(problem): problem for problem in problems}

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`."""
        return {"engine": "oracle"}

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a chain ends when the solution has no further call."""
        for first in requests:
            request: Request | None = first
            job = ""
            replies: tuple[str, ...] = ()
            while request is not None:
                if request.job != job:
                    job, replies = request.job, self._solution(request.job)
                if request.step >= len(replies):
                    break
                said = translate(replies[request.step], "tools" if request.tools else "python")
                request = on_reply(request, Reply(text=said))

    def _solution(self, job: str) -> tuple[str, ...]:
        problem = self._problems[job.rpartition("/")[0]]
        task, plan = find_task(problem.task), self._plan
        if plan is None:
            return task.oracle(problem)
        replies = task.solution(problem, plan.policy)
        if not plan.slips:
            return replies
        return with_slips(task, problem, replies, plan.slips, plan.limits)
