"""Pairs from correct chains alone: each against itself with one call spoiled.

A spoiled call becomes the rejected one only when the chain, executed with it and all that followed,
no longer is correct, and when no chain at hand came to a correct end by way of it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.chains import Limits, Reply, advance, begin, finish, retrace
from fcpref.core.functions import Call, FailureCode, show_call
from fcpref.core.functions.grammars import parse
from fcpref.core.pairs.corruption_spots import Spot
from fcpref.core.pairs.corruptions import spoiled
from fcpref.core.pairs.values import CORRUPTIONS, Corruption, PairSpec, PreferencePair
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fcpref.core.chains import Chain
    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain

_FITS = frozenset({None, FailureCode.NOT_APPLICABLE})
# What a slip of these kinds comes to; one that comes to anything else is a slip that nobody makes.
_TOLD: Mapping[Corruption, frozenset[FailureCode | None]] = MappingProxyType(
    {
        "argument": _FITS,
        "order": _FITS,
        "function": _FITS | {FailureCode.ARGUMENT_DOMAIN},
        "early_answer": frozenset({None}),
        "no_answer": frozenset({None, FailureCode.REPEATED_CALL}),
    }
)


def corruption(
    chains: Sequence[ScoredChain], problem: Problem | None, spec: PairSpec
) -> Iterator[PreferencePair]:
    """Pair correct chains with themselves, one call spoiled; the kinds take turns.

    Args:
        chains: of one prompt, in an order of their own.
        problem: theirs.
        spec: the kinds of corruption, and the seed of the order.
    """
    correct = [item.chain for item in chains if item.score.correct]
    if problem is None or not correct:
        return
    kinds = list(spec.corruptions or CORRUPTIONS)
    derive(spec.seed, "pairs", correct[0].problem, "corruption").shuffle(kinds)
    # What leads to a correct end is no mistake, and what came the same way is one lesson.
    ways = {way for chain in correct for way in _ways(chain)}
    queues = [_spoiled(kind, correct, problem, spec, ways) for kind in kinds]
    while queues:
        for queue in tuple(queues):
            pair = next(queue, None)
            if pair is None:
                queues.remove(queue)
            else:
                yield pair


def _spoiled(
    kind: Corruption,
    chains: Sequence[Chain],
    problem: Problem,
    spec: PairSpec,
    ways: set[tuple[str, ...]],
) -> Iterator[PreferencePair]:
    """Yield pairs of one kind; `ways` are those that are not to come again, and grow."""
    stream = derive(spec.seed, "pairs", chains[0].problem, "corruption", kind)
    found = [
        (chain, spot, text)
        for chain in chains
        for spot in _spots(chain, problem)
        for text in dict.fromkeys(spoiled(kind, spot, stream))
        if kind == "early_answer" or not _comes_later(text, spot)
    ]
    stream.shuffle(found)
    for chain, spot, text in found:
        way = (*_said(chain)[: spot.at], _plain(text, chain))
        pair = None if way in ways else _pair(kind, chain, spot, text)
        if pair is not None:
            ways.add(way)
            yield pair


def _ways(chain: Chain) -> Iterable[tuple[str, ...]]:
    """Return how a chain came to each of its calls that worked."""
    said = _said(chain)
    worked = (at for at, turn in enumerate(chain.turns) if turn.outcome.code is None)
    return (said[: at + 1] for at in worked)


def _said(chain: Chain) -> tuple[str, ...]:
    return tuple(_plain(turn.reply, chain) for turn in chain.turns)


def _plain(reply: str, chain: Chain) -> str:
    """Return a reply in one spelling; one that is no call as it stands."""
    call = _call_of(reply, chain)
    return reply if call is None else show_call(call)


def _comes_later(text: str, spot: Spot) -> bool:
    """Tell whether a reply is a call that the chain makes later: it would only come too soon."""
    call = parse(text, spot.grammar)
    return isinstance(call, Call) and call in spot.calls[spot.at + 1 :]


def _spots(chain: Chain, problem: Problem) -> Iterator[Spot]:
    """Yield the calls of a chain that worked."""
    calls = tuple(_call_of(turn.reply, chain) for turn in chain.turns)
    toolbox = find_task(chain.task).toolbox.without(chain.without)
    for at, (call, turn) in enumerate(zip(calls, chain.turns, strict=True)):
        if call is not None and turn.outcome.code is None:
            yield Spot(
                problem=problem,
                toolbox=toolbox,
                grammar=chain.grammar,
                turns=chain.turns,
                calls=calls,
                call=call,
                at=at,
            )


def _call_of(reply: str, chain: Chain) -> Call | None:
    call = parse(reply, chain.grammar)
    return call if isinstance(call, Call) else None


def _told(kind: Corruption, spot: Spot, code: FailureCode | None) -> frozenset[FailureCode | None]:
    """Return what a spoiled call may come to."""
    if spot.rewrites and kind in {"argument", "function"}:
        return frozenset({FailureCode.NOT_APPLICABLE})
    return _TOLD.get(kind, frozenset({code}))


def _pair(kind: Corruption, chain: Chain, spot: Spot, text: str) -> PreferencePair | None:
    """Execute a chain with a reply replaced; None where it is correct still, or none would slip so.

    The chain goes on with its own replies to its end, whatever comes of them.
    """
    task, at = find_task(chain.task), spot.at
    # No limit ends the chain: what is judged is what its calls come to.
    count = len(chain.turns) + 1
    tokens = 1 + sum(turn.tokens for turn in chain.turns)
    limits = Limits(calls=count, failures=count, tokens=tokens, reply_tokens=1)
    state = begin(spot.toolbox, spot.problem, (), limits, chain.grammar)
    state = retrace(state, chain.turns[:at])
    state = advance(state, Reply(text=text))
    code = state.turns[at].outcome.code
    if code not in _told(kind, spot, code):
        return None
    state = retrace(state, chain.turns[at + 1 :])
    score = task.score_state(state)
    if score.correct:
        return None
    return PreferencePair(
        kind="step",
        origin="corruption",
        chosen=chain,
        rejected=finish(state, f"{chain.source}+{kind}", chain.sample),
        rejected_verdict=score.verdict.value,
    )
