"""Chain-level pairs, the paper's rule: a correct and an incorrect chain of the same problem."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.chains import chain_id
from fcpref.core.codec import LATER
from fcpref.core.pairs.values import PreferencePair
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.functions import Grammar
    from fcpref.core.scores import ScoredChain

    _Asked = tuple[str, Grammar, tuple[str, ...]]

T = TypeVar("T")


@frozen(kw_only=True)
class PairSpec:
    """How pairs are drawn.

    Attributes:
        per_problem: pairs a problem gives at most, in each call grammar; no chosen and no rejected
            chain is used twice.
        limit: pairs in all at most, drawn evenly from all problems; 0 is no limit.
        seed: of the draw.
        kind: ``chain`` is the paper's rule, a correct and an incorrect chain of one problem;
            ``step`` pairs an incorrect chain's deciding call with the oracle's at its place.
    """

    per_problem: int = field(default=2, validator=ge(1))
    limit: int = field(default=0, validator=ge(0))
    seed: int = 0
    kind: Literal["chain", "step"] = field(default="chain", metadata=LATER)


def chain_pairs(scored: Iterable[ScoredChain], spec: PairSpec) -> tuple[PreferencePair, ...]:
    """Pair correct with incorrect chains of the same problem, call grammar and functions.

    The result depends on the set of chains only, not on their order. Chains with the same replies
    count once, so chosen and rejected always differ.
    """
    # Chains of two grammars, or with other functions on offer, answer two prompts; a pair has one.
    by_problem: dict[_Asked, dict[tuple[str, ...], ScoredChain]] = defaultdict(dict)
    for item in sorted(scored, key=lambda item: chain_id(item.chain)):
        replies = tuple(turn.reply for turn in item.chain.turns)
        asked = (item.chain.problem, item.chain.grammar, item.chain.without)
        by_problem[asked].setdefault(replies, item)
    pairs: list[PreferencePair] = []
    for (problem, _, _), distinct in sorted(by_problem.items(), key=itemgetter(0)):
        pairs.extend(_of_problem(problem, tuple(distinct.values()), spec))
    return drawn(pairs, spec)


def drawn(pairs: Sequence[T], spec: PairSpec) -> tuple[T, ...]:
    """Return at most `spec.limit` of the pairs, drawn evenly; they come in order of problem."""
    if not spec.limit:
        return tuple(pairs)
    shuffled = list(pairs)
    derive(spec.seed, "pairs", "limit").shuffle(shuffled)
    return tuple(shuffled[: spec.limit])


def _of_problem(
    problem: str, chains: tuple[ScoredChain, ...], spec: PairSpec
) -> Iterable[PreferencePair]:
    stream = derive(spec.seed, "pairs", problem)
    chosen = [item for item in chains if item.score.correct]
    rejected = [item for item in chains if not item.score.correct and item.chain.turns]
    stream.shuffle(chosen)
    stream.shuffle(rejected)
    for better, worse in list(zip(chosen, rejected, strict=False))[: spec.per_problem]:
        yield PreferencePair(
            kind="chain",
            chosen=better.chain,
            rejected=worse.chain,
            rejected_verdict=worse.score.verdict.value,
        )
