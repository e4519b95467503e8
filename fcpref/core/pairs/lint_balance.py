"""Balance: what a set of pairs is made of, and where one kind of it crowds out the rest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fcpref.core.pairs.findings import SAMPLE, Tally, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fcpref.core.pairs.findings import Finding
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

MAX_SHARE = 0.9
_NONE = "none"
_FEW_FAILURES = ("verdict", "code")
"""What is worth a warning even where there is one value only; one family or source can be meant."""

_ADVICE: Mapping[str, str] = {
    "verdict": "mix in other failures",
    "code": "mix in other failures",
    "origin": "weigh the builders otherwise",
    "depth": "sample more chains of the other depths",
    "family": "sample more chains of the other tasks",
    "source": "pair chains of the other sources too",
}


class Balance:
    """Counts pairs, one after the other."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        """Begin with no pairs.

        Args:
            problems: by id, as far as they are known.
        """
        self._problems = problems
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in _ADVICE}
        self._covered: set[tuple[str, int]] = set()

    def add(self, pair: PreferencePair) -> None:
        """Count a pair."""
        problem = self._problems.get(pair.chosen.problem)
        found = {
            "verdict": pair.rejected_verdict,
            "code": pair.rejected_code or _NONE,
            "origin": pair.origin,
            "depth": _NONE if problem is None else str(problem.difficulty),
            "family": pair.chosen.task,
            "source": f"{pair.chosen.source} over {pair.rejected.source}",
        }
        for name, value in found.items():
            self._counts[name][value] += 1
        if problem is not None:
            self._covered.add((problem.task, problem.difficulty))

    def tallies(self) -> tuple[Tally, ...]:
        """Return the counts by property."""
        return tuple(tally(name, counts) for name, counts in self._counts.items())

    def findings(self, trained: Iterable[Problem]) -> Iterator[Finding]:
        """Yield what is out of balance.

        Args:
            trained: the problems that there could be pairs of.
        """
        for name, counts in self._counts.items():
            yield from crowded(name, counts)
        there = Counter((one.task, one.difficulty) for one in trained)
        for (family, depth), count in sorted(there.items()):
            if (family, depth) not in self._covered:
                text = (
                    f"no pair of {family} at depth {depth}, of which there are {count} problems; "
                    "sample more chains there, or let the oracle complete them"
                )
                yield warning("uncovered", "", text)


def tally(name: str, counts: Counter[str]) -> Tally:
    """Return counts, the most frequent first and depths in their order."""

    def rank(item: tuple[str, int]) -> tuple[int, str]:
        value, count = item
        return (int(value) if name == "depth" and value.isdigit() else -count), value

    return Tally(name=name, counts=tuple(sorted(counts.items(), key=rank)))


def crowded(name: str, counts: Counter[str]) -> Iterator[Finding]:
    """Yield a warning where one value of a property is nearly all there is."""
    there = counts - Counter({_NONE: counts[_NONE]}) if name == "code" else counts
    if there.total() < SAMPLE or (len(there) == 1 and name not in _FEW_FAILURES):
        return
    value, count = there.most_common(1)[0]
    if count > MAX_SHARE * there.total():
        what = {
            "verdict": f"rejected chains are {value}",
            "code": f"rejected chains with a failed call are rejected for {value}",
        }.get(name, f"pairs have {name} {value}")
        text = f"{count} of {there.total()} {what}; {_ADVICE[name]}"
        yield warning("balance", "", text)
