"""Pairs for problems that a student never solves: what it did against what the oracle does.

Where the task's oracle can go on from another's calls, both share the incorrect chain's executed
prefix, up to the call that settles its fate: the wrong answer, or the first of the failed calls
that it ended in. The oracle's call at that place opens a continuation that executes to a correct
chain; what the incorrect chain came to is not correct. Where it cannot, whole chains are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import Limits, Reply, advance, begin, finish, retrace
from fcpref.core.functions import translate
from fcpref.core.pairs.deciding import deciding
from fcpref.core.pairs.values import PairSpec, PreferencePair
from fcpref.core.seeds import derive
from fcpref.core.tasks import complete, find_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.chains import Chain
    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain
    from fcpref.core.tasks import Policy

_MANY = 1_000_000
_AMPLE = Limits(calls=_MANY, failures=_MANY, tokens=_MANY)
"""A chain was sampled within limits that it does not tell, and the oracle comes to an end."""


def oracle_level(
    chains: Sequence[ScoredChain], problem: Problem | None, spec: PairSpec
) -> Iterator[PreferencePair]:
    """Pair incorrect chains with the oracle's call at the place where each went wrong.

    Chains that ran into the call or token limit give none where such calls are compared: no single
    call of theirs is to blame.

    Args:
        chains: of one prompt, in an order of their own.
        problem: theirs.
        spec: whether solved problems count too, and the seed of the order.
    """
    if problem is None or (not spec.solved and any(item.score.correct for item in chains)):
        return
    resumes = find_task(problem.task).resume is not None
    found: dict[tuple[str, ...], PreferencePair] = {}
    for item in chains:
        if item.score.correct or not item.chain.turns:
            continue
        last = len(item.chain.turns) - 1
        at = deciding(item.score.verdict, item.score.codes) if resumes else last
        if at is None:
            continue
        # Chains that came the same way to the same mistake are one lesson.
        way = tuple(turn.reply for turn in item.chain.turns[: at + 1])
        made = None if way in found else _made(item.chain, problem, at, spec, resumes=resumes)
        if made is not None:
            found[way] = PreferencePair(
                kind="step" if resumes else "chain",
                origin="oracle",
                chosen=made,
                rejected=item.chain,
                rejected_verdict=item.score.verdict.value,
            )
    pairs = list(found.values())
    derive(spec.seed, "pairs", chains[0].chain.problem).shuffle(pairs)
    yield from pairs


def _made(
    chain: Chain, problem: Problem, at: int, spec: PairSpec, *, resumes: bool
) -> Chain | None:
    if resumes:
        return _completed(chain, problem, at, spec.policy)
    task = find_task(chain.task)
    return complete(task, problem, [chain], _AMPLE, "whole")


def _completed(chain: Chain, problem: Problem, at: int, policy: Policy) -> Chain | None:
    """Return the chain's first `at` calls with the oracle's continuation, if that is correct."""
    task = find_task(chain.task)
    toolbox = task.toolbox.without(chain.without)
    state = begin(toolbox, problem, (), _AMPLE, chain.grammar)
    state = retrace(state, chain.turns[:at])
    for text in task.onward(policy)(state.memory):
        state = advance(state, Reply(text=translate(text, chain.grammar)))
    made = finish(state, f"{chain.source}+oracle", chain.sample)
    if not task.score(made, problem).correct or made.turns[at].reply == chain.turns[at].reply:
        return None
    return made
