"""Failed calls put into an oracle's solution, so that a student sees how a chain goes on after one.

A student that was shown flawless chains alone does not know what to do about its own first failure,
and often fails in the same way again. Training masks the failed calls themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.chains import Limits, Reply, advance, begin
from fcpref.core.functions import Call, parse_call, show_call
from fcpref.core.problems import problem_id
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import ChainState
    from fcpref.core.problems import Problem
    from fcpref.core.seeds import Random
    from fcpref.core.tasks.task import Task

_TRIES = 4
_IN_A_ROW = 2


def with_slips(
    task: Task, problem: Problem, replies: Sequence[str], share: float, limits: Limits
) -> tuple[str, ...]:
    """Return a solution in which failed calls go before some of its calls.

    A failed call is one of the solution's own at the wrong time, or with one argument of another of
    its calls or a sentence of the problem, or a verification that is not due. At most two come one
    after the other, and the chain stays within its limits.

    Args:
        task: the problem's.
        problem: what is solved; with the share it decides what is drawn.
        replies: the solution, in the `python` grammar.
        share: the probability that a failed call goes before one of the solution's, below 1.
        limits: of the chain.
    """
    rng = derive(0, "slips", problem_id(problem))
    calls = [call for text in replies if isinstance(call := parse_call(text), Call)]
    verifying = [
        Call(function=function.signature.name)
        for function in task.toolbox.functions
        if function.signature.group == "verify" and not function.signature.parameters
    ]
    spare = limits.calls - len(replies)
    state = begin(task.toolbox, problem, (), limits)
    made: list[str] = []
    for text in replies:
        row = 0
        while spare and row < min(_IN_A_ROW, limits.failures - 1) and rng.random() < share:
            slip = _slip(state, [*calls[:-1], *verifying], rng)
            if slip is None:
                break
            state = advance(state, Reply(text=slip))
            made.append(slip)
            spare, row = spare - 1, row + 1
        state = advance(state, Reply(text=text))
        made.append(text)
    return tuple(made)


def _slip(state: ChainState, calls: Sequence[Call], rng: Random) -> str | None:
    """Return a call that fails now, or None where a few that were drawn did not."""
    if not calls:
        return None
    texts = [given.text for given in state.memory.problem.givens]
    for _ in range(_TRIES):
        call = rng.choice(calls)
        if call.keywords and rng.random() < 2 / 3:
            place = rng.randrange(len(call.keywords))
            name, value = call.keywords[place]
            others = [
                found for one in calls for key, found in one.keywords if key == name
            ] + texts * isinstance(value, str)
            changed = (name, rng.choice(others))
            keywords = (*call.keywords[:place], changed, *call.keywords[place + 1 :])
            call = evolve(call, keywords=keywords)
        text = show_call(call)
        if advance(state, Reply(text=text)).turns[-1].outcome.code is not None:
            return text
    return None
