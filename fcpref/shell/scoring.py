"""What an artifact of scores comes to, as data and in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.canon import short
from fcpref.core.scores import ScoredChain, Tally, tally
from fcpref.shell.stages_chains import parent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from fcpref.shell.store import Artifact


def summary(scores: Artifact) -> tuple[dict[str, Any], str]:
    """Return what scores come to, as plain data and for people.

    Raises:
        ArtifactError: a record is no scored chain.
    """
    found = tally(scores.values(ScoredChain))
    return _data(found), "\n".join(_lines(found, scores))


def _data(found: Tally) -> dict[str, Any]:
    return {
        "chains": found.chains,
        "completed": found.completed,
        "verdicts": dict(found.verdicts),
        "codes": dict(found.codes),
        "efficiency": _float(found.efficiency),
        "numbers": found.numbers,
        "grounded": found.grounded,
        "grounded_share": _float(found.grounded_share),
    }


def _lines(found: Tally, scores: Artifact) -> Iterable[str]:
    completed = f" (and {found.completed} completed by the oracle)" if found.completed else ""
    yield f"verdicts: {_counts(found.verdicts) or 'none'}{completed}"
    yield f"failed calls: {_counts(found.codes) or 'none'}"
    if not found.measured and found.chains:
        chains = short(parent(scores, 0))
        yield f"not measured: efficiency, grounded numbers; fcpref score {chains} measures them"
        return
    if found.efficiency is not None:
        mean = f"{float(found.efficiency):.2f} times the oracle's"
        yield f"call efficiency: {mean}, mean over {found.compared} correct"
    if found.grounded_share is not None:
        share = f"{float(found.grounded_share):.1%}"
        yield f"grounded numbers in Reasoning: {found.grounded} of {found.numbers} ({share})"


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts if count)


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
