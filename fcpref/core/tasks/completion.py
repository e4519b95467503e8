"""Problems that a model never solves: the oracle goes on from where it came, or solves them whole.

A completed chain is marked (`Chain.completed_from`): it can be trained on, and it says nothing
about the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fcpref.core.chains import Reply, advance, begin, finish, retrace
from fcpref.core.functions import FailureCode, translate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.chains import Chain, ChainState, Limits
    from fcpref.core.problems import Problem
    from fcpref.core.tasks.task import Policy, Task

Completion = Literal["none", "whole", "prefix", "each"]
"""How a problem without a correct chain is completed: ``whole`` by the oracle's chain, ``prefix``
by the longest beginning of a model's chain that the answer rests on, and the oracle from there on;
where there is no such beginning, whole. ``each`` is about chains, not problems: of every incorrect
one, what the oracle would have done from the start, after the first failure, and at the end (see
`corrected`)."""


def complete(
    task: Task, problem: Problem, chains: Sequence[Chain], limits: Limits, how: Completion
) -> Chain | None:
    """Return a correct chain of a problem for which a model found none.

    Args:
        task: the problem's.
        problem: the problem.
        chains: the model's, at least one, all sampled with the same functions and grammar.
        limits: that they were sampled within; they hold for the completed chain too.
        how: see `Completion`; of ``each`` there is `corrected`.

    Returns:
        The chain, numbered after the model's own, or None: nothing is to be completed, or the
        oracle finds no correct chain within the limits and with the functions on offer.
    """
    if how in {"none", "each"}:
        return None
    first = chains[0]
    toolbox = task.toolbox.without(first.without)
    start = begin(toolbox, problem, (), limits, first.grammar)
    made = _onward(task, start, chains) if how == "prefix" else None
    at, state = made or (0, _followed(start, task.oracle(problem)))
    if not task.score_state(state).correct:
        return None
    sample = 1 + max(chain.sample for chain in chains)
    return finish(state, f"{first.source}+oracle", sample, completed_from=at)


def corrected(
    task: Task,
    problem: Problem,
    chains: Sequence[Chain],
    limits: Limits,
    policy: Policy = "shortest",
) -> tuple[Chain, ...]:
    """Return what the oracle would have done where a model's incorrect chains came to.

    That is the oracle's whole chain; what it does after the first call that failed; and what it
    does in place of the last call, which made the chain stop: one failure too many, or a wrong
    answer. Failed calls before it stay, so that a student sees its own, and what would have been
    right after them (Ross et al., "A Reduction of Imitation Learning", arXiv 1011.0686).

    Args:
        task: the problem's.
        problem: the problem.
        chains: the model's own, at least one.
        limits: that they were sampled within; they hold for the corrected chains too.
        policy: how the oracle goes on.

    Returns:
        Correct chains, numbered after the model's own, the whole one first; none where all of the
        model's are correct. Chains of the same calls give one.
    """
    found: dict[tuple[str, ...], Chain] = {}
    first = 1 + max(chain.sample for chain in chains)
    for chain in chains:
        if not chain.turns or task.score(chain, problem).correct:
            continue
        for count in _corrections(chain):
            state = begin(task.toolbox.without(chain.without), problem, (), limits, chain.grammar)
            state = retrace(state, chain.turns[:count])
            whole = policy == "shortest" and (count == 0 or task.resume is None)
            state = _followed(
                state, task.oracle(problem) if whole else task.onward(policy)(state.memory)
            )
            calls = tuple(turn.reply for turn in state.turns)
            if calls not in found and task.score_state(state).correct:
                source, sample = f"{chain.source}+oracle", first + len(found)
                found[calls] = finish(state, source, sample, completed_from=count)
    return tuple(found.values())


def _corrections(chain: Chain) -> tuple[int, ...]:
    """Return how many of an incorrect chain's calls stay, one after the other."""
    last = len(chain.turns) - 1
    failed = (place for place, turn in enumerate(chain.turns) if turn.outcome.code is not None)
    after = min(next(failed, last) + 1, last)
    return tuple(dict.fromkeys((0, after, last)))


def _onward(
    task: Task, start: ChainState, chains: Iterable[Chain]
) -> tuple[int, ChainState] | None:
    """Return the completed chain that rests on most of a model's calls, and their number.

    Of those that rest on as many, the shortest, then the first.
    """
    best: tuple[tuple[int, int], int, ChainState] | None = None
    for chain in chains:
        found = _longest(task, start, chain)
        if found is None:
            continue
        at, state, used = found
        rank = (used, -len(state.turns))
        if best is None or rank > best[0]:
            best = (rank, at, state)
    return None if best is None else best[1:]


def _longest(task: Task, start: ChainState, chain: Chain) -> tuple[int, ChainState, int] | None:
    """Return the longest beginning that a correct answer can rest on, completed.

    Its last call is evidence for the answer, so what a model did in vain after it is left out. The
    third value is how many of its calls are evidence.
    """
    states = [start]
    for turn in chain.turns:
        states.append(advance(states[-1], Reply(text=turn.reply, tokens=turn.tokens)))
    for at in range(len(chain.turns), 0, -1):
        before = states[at]
        if before.stop is not None or before.turns[-1].outcome.code is not None:
            continue
        problem = before.memory.problem
        onward = task.oracle(problem) if task.resume is None else task.resume(before.memory)
        state = _followed(before, onward)
        score = task.score_state(state)
        if score.correct and at - 1 in score.evidence:
            return at, state, sum(call < at for call in score.evidence)
    return None


def _followed(state: ChainState, replies: Iterable[str]) -> ChainState:
    """Go on with replies of the `python` grammar, less the calls that were made before."""
    for text in replies:
        after = advance(state, Reply(text=translate(text, state.grammar)))
        if after.turns[-1].outcome.code is not FailureCode.REPEATED_CALL:
            state = after
    return state
