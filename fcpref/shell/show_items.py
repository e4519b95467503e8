"""The chains and pairs of an artifact, one by one: what they are called, what they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import define

from fcpref.core.canon import ID_PREFIX, short
from fcpref.core.chains import Chain, chain_id
from fcpref.core.codec import value_id
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem
from fcpref.core.report import shown_chain, shown_pair
from fcpref.core.scores import Score, ScoredChain
from fcpref.core.tasks import find_task
from fcpref.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.report import ShownChain, ShownPair
    from fcpref.shell.show_filters import Filters
    from fcpref.shell.store import Artifact

_SOME = 3


@define
class ChainItem:
    """A chain of the artifact, scored when that is needed."""

    chain: Chain
    problem: Problem | None
    known: Score | None = None

    @property
    def id(self) -> str:
        """Its content id."""
        return chain_id(self.chain)

    @property
    def about(self) -> str:
        """Its problem's id."""
        return self.chain.problem

    @property
    def samples(self) -> set[int]:
        """The samples that it is made of."""
        return {self.chain.sample}

    @property
    def score(self) -> Score | None:
        """Its score: as recorded, else by executing it; None where its problem is not here."""
        if self.known is None and self.problem is not None:
            self.known = find_task(self.problem.task).measured(self.chain, self.problem)
        return self.known

    def fits(self, filters: Filters) -> bool:
        """Tell whether it is asked for, whatever the name."""
        # What is known without executing the chain comes first.
        return (
            filters.task in {"", self.chain.task}
            and _deep(self.problem, filters.depth)
            and (not filters.code or any(t.outcome.code == filters.code for t in self.chain.turns))
            and (
                not filters.verdict
                or (self.score is not None and self.score.verdict == filters.verdict)
            )
        )

    def shown(self) -> ShownChain:
        """Return it to be looked at."""
        return shown_chain(self.chain, self.problem, self.score)


@define
class PairItem:
    """A pair of the artifact."""

    pair: PreferencePair
    problem: Problem | None

    @property
    def id(self) -> str:
        """Its content id."""
        return value_id(self.pair)

    @property
    def about(self) -> str:
        """Its problem's id."""
        return self.pair.chosen.problem

    @property
    def samples(self) -> set[int]:
        """The samples that it is made of."""
        return {self.pair.chosen.sample, self.pair.rejected.sample}

    def fits(self, filters: Filters) -> bool:
        """Tell whether it is asked for, whatever the name."""
        pair = self.pair
        return (
            filters.task in {"", pair.chosen.task}
            and filters.verdict in {"", pair.rejected_verdict}
            and filters.origin in {"", pair.origin}
            and filters.code in {"", pair.rejected_code or ""}
            and _deep(self.problem, filters.depth)
        )

    def shown(self) -> ShownPair:
        """Return it to be looked at."""
        return shown_pair(self.pair, self.problem)


def _deep(problem: Problem | None, depth: tuple[int, int] | None) -> bool:
    if depth is None:
        return True
    return problem is not None and depth[0] <= problem.difficulty <= depth[1]


Item: TypeAlias = ChainItem | PairItem


def items_of(artifact: Artifact, problems: Mapping[str, Problem]) -> list[Item]:
    """Return what an artifact holds, in its order."""
    if artifact.header.stage == "pairs":
        pairs = artifact.values(PreferencePair)
        return [PairItem(pair, problems.get(pair.chosen.problem)) for pair in pairs]
    if artifact.header.stage == "scores":
        scored = artifact.values(ScoredChain)
        return [
            ChainItem(item.chain, problems.get(item.chain.problem), item.score) for item in scored
        ]
    chains = artifact.values(Chain)
    return [ChainItem(chain, problems.get(chain.problem)) for chain in chains]


def named(items: Sequence[Item], name: str, artifact: Artifact) -> list[Item]:
    """Return the one whose id starts so, or all of the problem whose id does.

    Raises:
        UsageError: there is none, or there are several.
    """
    start, slash, sample = name.removeprefix(ID_PREFIX).partition("/")
    found = [] if slash else [item for item in items if start and _starts(item.id, start)]
    about = [item for item in items if start and _starts(item.about, start)]
    problems = {item.about for item in about}
    ids = {item.id for item in found}
    if len(ids) + len(problems) > 1:
        what = "pairs" if artifact.header.stage == "pairs" else "chains"
        kinds = [f"{len(ids)} {what}"] * bool(ids)
        kinds += [f"{len(problems)} problems"] * bool(problems)
        raise UsageError(f"{name}: {' and '.join(kinds)} start so; give more digits")
    wanted = [item for item in about if not sample or sample in map(str, item.samples)]
    if about and not wanted:
        have = ", ".join(map(str, sorted(set().union(*(item.samples for item in about)))))
        raise UsageError(f"{artifact.path}: has no sample {sample} of that problem, but {have}")
    if not found and not wanted:
        some = ", ".join(short(item.id, 8) for item in items[:_SOME]) or "none"
        more = ", ..." if len(items) > _SOME else ""
        raise UsageError(f"{artifact.path}: no id in it starts with {name}; there are {some}{more}")
    return found or wanted


def _starts(identifier: str, start: str) -> bool:
    return identifier.removeprefix(ID_PREFIX).startswith(start)
