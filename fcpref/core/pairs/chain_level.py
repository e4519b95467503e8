"""Chain-level pairs, the paper's rule: a correct and an incorrect chain of the same problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.chains import replies_of
from fcpref.core.pairs.choice import best_first, hardest
from fcpref.core.pairs.values import PairSpec, PreferencePair
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain


def chain_level(
    chains: Sequence[ScoredChain], problem: Problem | None, spec: PairSpec
) -> Iterator[PreferencePair]:
    """Pair correct with incorrect chains; none is in two pairs.

    Chains with the same replies count once, so chosen and rejected always differ.

    Args:
        chains: of one prompt, in an order of their own.
        problem: is not needed.
        spec: which chains go first.
    """
    del problem
    distinct: dict[tuple[str, ...], ScoredChain] = {}
    for item in chains:
        distinct.setdefault(replies_of(item.chain), item)
    chosen = [item for item in distinct.values() if item.score.correct]
    rejected = [i for i in distinct.values() if not i.score.correct and i.chain.turns]
    if not (chosen and rejected):
        return
    stream = derive(spec.seed, "pairs", chains[0].chain.problem)
    stream.shuffle(chosen)
    stream.shuffle(rejected)
    if spec.choose == "best":
        chosen.sort(key=best_first)
    for better in chosen[: len(rejected)]:
        worse = rejected[0] if spec.reject == "random" else hardest(better, rejected)
        rejected.remove(worse)
        yield PreferencePair(
            kind="chain",
            origin="chain",
            chosen=better.chain,
            rejected=worse.chain,
            rejected_verdict=worse.score.verdict.value,
        )
