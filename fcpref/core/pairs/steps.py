"""Step-level pairs: one executed prefix, and two calls that go on from it.

The prefix is that of an incorrect chain, up to the call that settles its fate: the wrong answer, or
the first of the failed calls that it ended in. The other call is the first of a continuation that
the task's oracle finds from what the prefix has established, and that executes to a correct chain.
So the chosen call's value is 1; a wrong answer's is 0, and that of a failed call is what the chain
came to, 0 as well.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.chains import Limits, Reply, advance, begin, chain_id, finish, replay
from fcpref.core.functions import translate
from fcpref.core.pairs.build import drawn
from fcpref.core.pairs.values import PreferencePair
from fcpref.core.scores import Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fcpref.core.chains import Chain
    from fcpref.core.pairs.build import PairSpec
    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain

_ANSWERED = (Verdict.WRONG_ANSWER, Verdict.UNSUPPORTED)


def step_pairs(
    scored: Iterable[ScoredChain], problems: Mapping[str, Problem], spec: PairSpec
) -> tuple[PreferencePair, ...]:
    """Pair the deciding call of incorrect chains with the oracle's call at the same place.

    Chains of a task whose oracle cannot go on from another's calls give none, nor do chains that
    ran into the call or token limit: no single call of theirs is to blame.

    Args:
        scored: chains with their scores; the result does not depend on their order.
        problems: the chains' problems, by id.
        spec: how many, and the seed of the draw.
    """
    by_problem: dict[str, dict[tuple[str, ...], PreferencePair]] = defaultdict(dict)
    for item in sorted(scored, key=lambda item: chain_id(item.chain)):
        at = _deciding(item)
        if at is None:
            continue
        chosen = _completed(item.chain, problems[item.chain.problem], at)
        if chosen is None:
            continue
        pair = PreferencePair(
            kind="step",
            chosen=chosen,
            rejected=item.chain,
            rejected_verdict=item.score.verdict.value,
        )
        # Chains that came the same way to the same mistake are one lesson.
        way = tuple(turn.reply for turn in item.chain.turns[: at + 1])
        by_problem[item.chain.problem].setdefault(way, pair)
    pairs: list[PreferencePair] = []
    for problem, ways in sorted(by_problem.items()):
        of_problem = list(ways.values())
        derive(spec.seed, "pairs", problem).shuffle(of_problem)
        pairs += of_problem[: spec.per_problem]
    return drawn(pairs, spec)


def _deciding(item: ScoredChain) -> int | None:
    """Return the index of the call that settled an incorrect chain's fate."""
    turns = item.chain.turns
    if item.score.verdict in _ANSWERED:
        return len(turns) - 1
    if item.score.verdict is not Verdict.MALFORMED:
        return None
    at = len(turns)
    while at and item.score.codes[at - 1] is not None:
        at -= 1
    return at


def _completed(chain: Chain, problem: Problem, at: int) -> Chain | None:
    """Return the chain's first `at` calls with the oracle's continuation, if that is correct."""
    task = find_task(chain.task)
    if task.resume is None:
        return None
    toolbox = task.toolbox.without(chain.without)
    _, memory = replay((turn.reply for turn in chain.turns[:at]), toolbox, problem, chain.grammar)
    # The prefix was within the limits that it was sampled with, which may be wider in failures.
    limits = evolve(Limits(), failures=len(chain.turns) + 1)
    state = begin(toolbox, problem, (), limits, chain.grammar)
    for turn in chain.turns[:at]:
        state = advance(state, Reply(text=turn.reply, tokens=turn.tokens))
    for text in task.resume(memory):
        state = advance(state, Reply(text=translate(text, chain.grammar)))
    made = finish(state, f"{chain.source}+oracle", chain.sample)
    if not task.score(made, problem).correct or made.turns[at].reply == chain.turns[at].reply:
        return None
    return made
