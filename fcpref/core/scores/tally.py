"""What many scores come to."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.scores.score import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.scores.score import ScoredChain


@frozen(kw_only=True)
class Tally:
    """Counts over scored chains; those that the oracle completed say nothing about their source.

    Attributes:
        chains: how many there are, completed ones left out, as everywhere below.
        completed: how many the oracle completed.
        verdicts: chains by verdict, all verdicts in their order, zeros included.
        codes: failed calls by failure code, most frequent first, then by name.
        compared: correct chains that have an efficiency.
        efficiency: its mean over them; None where there are none.
        measured: chains whose numbers were counted.
        numbers: numbers in `Reasoning` texts.
        grounded: those of them that are grounded.
    """

    chains: int
    completed: int
    verdicts: tuple[tuple[str, int], ...]
    codes: tuple[tuple[str, int], ...]
    compared: int
    efficiency: Fraction | None
    measured: int
    numbers: int
    grounded: int

    @property
    def grounded_share(self) -> Fraction | None:
        """Return the share of grounded numbers; None where there are none."""
        return Fraction(self.grounded, self.numbers) if self.numbers else None


def tally(scored: Iterable[ScoredChain]) -> Tally:
    """Count scored chains; their order does not matter."""
    every = list(scored)
    own = [item.score for item in every if item.chain.own]
    verdicts = Counter(score.verdict for score in own)
    codes = Counter(code.value for score in own for code in score.codes if code is not None)
    found = [score.efficiency for score in own]
    shares = [one for one in found if one is not None]
    counted = [score.reasoned for score in own if score.reasoned is not None]
    return Tally(
        chains=len(own),
        completed=len(every) - len(own),
        verdicts=tuple((verdict.value, verdicts[verdict]) for verdict in Verdict),
        codes=tuple(sorted(codes.items(), key=lambda item: (-item[1], item[0]))),
        compared=len(shares),
        efficiency=sum(shares, Fraction()) / len(shares) if shares else None,
        measured=len(counted),
        numbers=sum(one.numbers for one in counted),
        grounded=sum(one.grounded for one in counted),
    )
