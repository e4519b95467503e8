"""The chain that replies make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.functions import translate
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.chains import Chain
    from fcpref.core.functions import Grammar
    from fcpref.core.problems import Problem


def played(
    problem: Problem,
    replies: Iterable[str],
    sample: int = 0,
    grammar: Grammar = "python",
    limits: Limits | None = None,
    *,
    without: tuple[str, ...] = (),
) -> Chain:
    """Drive replies of the `python` grammar through the loop, in another grammar if so asked."""
    toolbox = find_task(problem.task).toolbox.without(without)
    state = begin(toolbox, problem, (), limits or Limits(), grammar)
    for text in replies:
        state = advance(state, Reply(text=translate(text, grammar)))
    return finish(state, "test", sample)
