"""Engine `oracle`: replies with the symbolic solution of each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Reply
from fcpref.core.functions import translate
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.shell.engines.base import OnReply, Request


class OracleEngine:
    """Solves the problems that it was given; a request names its problem by the job."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems.

        Args:
            problems: all that will be asked about.
        """
        self._problems = {problem_id(problem): problem for problem in problems}

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`."""
        return {"engine": "oracle"}

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`; a chain ends when the solution has no further call."""
        for first in requests:
            problem = self._problems[first.job.rpartition("/")[0]]
            request: Request | None = first
            for text in find_task(problem.task).oracle(problem)[first.step :]:
                if request is None:
                    break
                said = translate(text, "tools" if first.tools else "python")
                request = on_reply(request, Reply(text=said))
