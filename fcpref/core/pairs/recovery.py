"""Pairs that teach recovery: after a failed call its correction, against the same call again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Limits, Reply, advance, begin, finish, retrace
from fcpref.core.pairs.values import PairSpec, PreferencePair
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain


def recovery(
    chains: Sequence[ScoredChain], problem: Problem | None, spec: PairSpec
) -> Iterator[PreferencePair]:
    """Pair a correct chain from where it recovered with the same failed call, executed once more.

    Args:
        chains: of one prompt, in an order of their own.
        problem: theirs.
        spec: the seed of the order.
    """
    if problem is None:
        return
    found: dict[tuple[str, ...], PreferencePair] = {}
    for item in chains:
        for at in _recovered(item):
            # What came the same way to the same correction is one lesson.
            way = tuple(turn.reply for turn in item.chain.turns[: at + 2])
            pair = None if way in found else _pair(item, problem, at)
            if pair is not None:
                found[way] = pair
    pairs = list(found.values())
    derive(spec.seed, "pairs", chains[0].chain.problem, "recovery").shuffle(pairs)
    yield from pairs


def _recovered(item: ScoredChain) -> Iterator[int]:
    """Yield the indices of a correct chain's failed calls that the next call makes good."""
    if not item.score.correct:
        return
    codes = item.score.codes
    for at in range(len(codes) - 1):
        if codes[at] is not None and codes[at + 1] is None:
            yield at


def _pair(item: ScoredChain, problem: Problem, at: int) -> PreferencePair | None:
    chain = item.chain
    task = find_task(chain.task)
    # One call more than the chain had at that place, and none of them may end it.
    tokens = 1 + sum(turn.tokens for turn in chain.turns[: at + 2])
    limits = Limits(calls=at + 3, failures=at + 3, tokens=tokens, reply_tokens=1)
    state = begin(task.toolbox.without(chain.without), problem, (), limits, chain.grammar)
    state = retrace(state, chain.turns[: at + 1])
    state = advance(state, Reply(text=chain.turns[at].reply))
    again = state.turns[-1]
    if len(state.turns) != at + 2 or again.outcome.code is None:
        return None
    rejected = finish(state, f"{chain.source}+repeated", chain.sample)
    score = task.score_state(state)
    return PreferencePair(
        kind="step",
        origin="recovery",
        chosen=chain,
        rejected=rejected,
        rejected_verdict=score.verdict.value,
    )
