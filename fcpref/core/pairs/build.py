"""Pairs from scored chains: the builders' candidates, mixed and drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from fcpref.core.chains import chain_id
from fcpref.core.pairs.chain_level import chain_level
from fcpref.core.pairs.corruption import corruption
from fcpref.core.pairs.oracle_level import oracle_level
from fcpref.core.pairs.recovery import recovery
from fcpref.core.pairs.step_level import step_level
from fcpref.core.pairs.values import Origin, PairSpec, PreferencePair
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fcpref.core.functions import Grammar
    from fcpref.core.problems import Problem
    from fcpref.core.scores import ScoredChain

    _Asked = tuple[str, Grammar, tuple[str, ...]]
    _Builder = Callable[[Sequence[ScoredChain], Problem | None, PairSpec], Iterable[PreferencePair]]

T = TypeVar("T")

_BUILDERS: Mapping[Origin, _Builder] = MappingProxyType(
    {
        "chain": chain_level,
        "step": step_level,
        "recovery": recovery,
        "oracle": oracle_level,
        "corruption": corruption,
    }
)
_EXECUTING: tuple[Origin, ...] = ("recovery", "oracle", "corruption")


@frozen(kw_only=True)
class Candidate:
    """What the draw needs to know of a pair.

    Attributes:
        prompt: the problem with the call grammar and the functions on offer, as text.
        origin: the builder.
        code: the failure that the rejected chain is judged for, or empty.
        length: calls of the chosen chain.
        lesson: what is judged, as text; two pairs of the same lesson are one.
    """

    prompt: str
    origin: Origin
    code: str
    length: int
    lesson: str


def build_pairs(
    scored: Iterable[ScoredChain], problems: Mapping[str, Problem], spec: PairSpec
) -> tuple[PreferencePair, ...]:
    """Pair scored chains of the same problem, call grammar and functions.

    The result depends on the set of chains only, not on their order.

    Args:
        scored: chains with their scores.
        problems: the chains' problems by id; may be empty where `executes` says so.
        spec: which pairs, and how many.
    """
    made = candidates(scored, problems, spec)
    return drawn(made, [candidate(pair) for pair in made], spec)


def executes(spec: PairSpec) -> bool:
    """Tell whether a builder executes calls, and so needs the problems."""
    return any(kind in _EXECUTING for kind in spec.kinds)


def candidates(
    scored: Iterable[ScoredChain], problems: Mapping[str, Problem], spec: PairSpec
) -> list[PreferencePair]:
    """Return each builder's pairs, `spec.per_problem` of a prompt at most, in order of prompt.

    Arguments are as in `build_pairs`. Chains may be given in parts, each problem's in one of them.
    """
    # Chains of two grammars, or with other functions on offer, answer two prompts; a pair has one.
    by_prompt: dict[_Asked, dict[str, ScoredChain]] = defaultdict(dict)
    for item in scored:
        chain = item.chain
        by_prompt[chain.problem, chain.grammar, chain.without][chain_id(chain)] = item
    made: list[PreferencePair] = []
    for (problem, _, _), items in sorted(by_prompt.items(), key=itemgetter(0)):
        chains = [item for _, item in sorted(items.items())]
        for kind in spec.kinds:
            found = _BUILDERS[kind](chains, problems.get(problem), spec)
            made += islice(found, spec.per_problem)
    return made


def candidate(pair: PreferencePair) -> Candidate:
    """Return what the draw needs to know of a pair."""
    chosen, rejected = (
        [turn.reply for turn in chain.turns] for chain in (pair.chosen, pair.rejected)
    )
    if pair.kind == "step":
        end = pair.shared + 1
        chosen, rejected = chosen[:end], rejected[:end]
    prompt = "\n".join((pair.chosen.problem, pair.chosen.grammar, *pair.chosen.without))
    return Candidate(
        prompt=prompt,
        origin=pair.origin,
        code=pair.rejected_code or "",
        length=len(pair.chosen.turns),
        lesson="\n".join((prompt, pair.kind, *map(repr, (chosen, rejected)))),
    )


def drawn(items: Sequence[T], candidates: Sequence[Candidate], spec: PairSpec) -> tuple[T, ...]:
    """Draw pairs within the caps of a specification, the builders in proportion to their weights.

    Args:
        items: the pairs, in any form, in order of prompt.
        candidates: what is known of each.
        spec: the caps and weights.
    """
    queues: dict[Origin, list[int]] = {kind: [] for kind in spec.kinds}
    for place, one in enumerate(candidates):
        queues[one.origin].append(place)
    for queue in queues.values():
        derive(spec.seed, "pairs", "limit").shuffle(queue)
        queue.reverse()
    weights = dict(zip(spec.kinds, spec.weights or [1.0] * len(spec.kinds), strict=True))
    caps = _Caps(spec)
    taken: list[int] = []
    shares: Counter[Origin] = Counter()
    while any(queues.values()) and (not spec.limit or len(taken) < spec.limit):
        left = (kind for kind in spec.kinds if queues[kind])
        kind = min(left, key=lambda one: (shares[one] + 1) / weights[one])
        place = queues[kind].pop()
        if caps.take(candidates[place]):
            taken.append(place)
            shares[kind] += 1
    return tuple(items[place] for place in sorted(taken))


class _Caps:
    """How much of a draw is taken."""

    def __init__(self, spec: PairSpec) -> None:
        self._spec = spec
        self._taken: Counter[object] = Counter()

    def take(self, one: Candidate) -> bool:
        """Count a pair in, if it is within all caps."""
        places = (
            (("lesson", one.lesson), 1),
            (("prompt", one.prompt), self._spec.per_problem),
            (("code", one.code), self._spec.per_code),
            (("length", one.length), self._spec.per_length),
        )
        if any(cap and self._taken[place] >= cap for place, cap in places):
            return False
        self._taken.update(place for place, _ in places)
        return True
