"""Step-level pairs: one executed prefix, two calls after it, each valued by what came of it.

A call's value is the share of the executed chains through it that came to a correct end, as in
Monte Carlo estimates of step values (Wang et al., "Math-Shepherd", arXiv 2312.08935), from the
chains that there are. A chain that the oracle completed says nothing about it.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.pairs.choice import best_first, hardest
from fcpref.core.pairs.values import PairSpec, PreferencePair
from fcpref.core.scores import ScoredChain
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.problems import Problem


@frozen(kw_only=True)
class _Branch:
    """The chains that made the same call after the same prefix."""

    call: str
    chains: tuple[ScoredChain, ...]

    @property
    def correct(self) -> list[ScoredChain]:
        return [item for item in self.chains if item.score.correct]

    @property
    def incorrect(self) -> list[ScoredChain]:
        return [item for item in self.chains if not item.score.correct]

    @property
    def value(self) -> Fraction:
        return Fraction(len(self.correct), len(self.chains))


def step_level(
    chains: Sequence[ScoredChain], problem: Problem | None, spec: PairSpec
) -> Iterator[PreferencePair]:
    """Pair the best call after a prefix with calls after it that are worse by the margin.

    Args:
        chains: of one prompt, in an order of their own.
        problem: is not needed.
        spec: the margin, and how many chains a value takes.
    """
    del problem
    stream = derive(spec.seed, "pairs", chains[0].chain.problem, "step")
    found = list(_compared([item for item in chains if item.chain.own], 0, spec))
    stream.shuffle(found)
    for better, worse in found:
        correct, incorrect = better.correct, worse.incorrect
        stream.shuffle(correct)
        stream.shuffle(incorrect)
        chosen = min(correct, key=best_first) if spec.choose == "best" else correct[0]
        rejected = incorrect[0] if spec.reject == "random" else hardest(chosen, incorrect)
        yield PreferencePair(
            kind="step",
            origin="step",
            chosen=chosen.chain,
            rejected=rejected.chain,
            rejected_verdict=rejected.score.verdict.value,
            values=(better.value, worse.value),
        )


def _compared(
    chains: Sequence[ScoredChain], at: int, spec: PairSpec
) -> Iterator[tuple[_Branch, _Branch]]:
    """Yield the best branch with each that is worse enough, wherever chains that agree so far part.

    Args:
        chains: their first `at` replies are the same.
        at: where to look.
        spec: the margin, and how many chains a value takes.
    """
    by_call: dict[str, list[ScoredChain]] = defaultdict(list)
    for item in chains:
        if len(item.chain.turns) > at:
            by_call[item.chain.turns[at].reply].append(item)
    branches = [_Branch(call=call, chains=tuple(some)) for call, some in sorted(by_call.items())]
    valued = [one for one in branches if len(one.chains) >= spec.continuations]
    if len(valued) > 1:
        best = max(valued, key=lambda one: (one.value, len(one.chains)))
        margin = Fraction(str(spec.margin))
        for one in valued:
            if best.value - one.value >= margin:
                yield best, one
    for one in branches:
        if len(one.chains) > 1:
            yield from _compared(one.chains, at + 1, spec)
