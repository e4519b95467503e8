"""What a check of pairs comes to: findings, and the numbers behind them."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Severity = Literal["error", "warning"]

SAMPLE = 20
"""Pairs that a share or a correlation of the set needs before it is worth a warning."""


@frozen(kw_only=True)
class Finding:
    """One finding.

    Attributes:
        severity: an error makes the set unfit for training; a warning does not.
        rule: short name of what was checked.
        pair: id of the pair, or empty for the whole set; of rows of a file, the file and line.
        message: what is wrong and what to change.
    """

    severity: Severity
    rule: str
    pair: str
    message: str


@frozen(kw_only=True)
class Tally:
    """How many pairs have each value of one property.

    Attributes:
        name: of the property, such as ``verdict``.
        counts: value and number of pairs, the most frequent first and depths in their order;
            ``none`` is no value.
    """

    name: str
    counts: tuple[tuple[str, int], ...]


@frozen(kw_only=True)
class LengthBias:
    """How much the length of a chain tells of its label.

    Attributes:
        unit: what lengths are counted in, such as ``calls``.
        pairs: how many pairs were measured.
        chosen: mean length of what is judged in chosen chains.
        rejected: the same of rejected chains.
        correlation: point-biserial, of length with the label, chosen being 1; None where all
            lengths are the same.
        interval: its 95% interval by Fisher's z, which takes chains as independent; None where
            there is no correlation or there are fewer than four chains.
    """

    unit: str
    pairs: int
    chosen: float
    rejected: float
    correlation: float | None
    interval: tuple[float, float] | None


@frozen(kw_only=True)
class Trained:
    """How many tokens carry loss.

    Attributes:
        tokens: of all chains, prompts included.
        trained: those of them that carry loss.
        least: the smallest share of a pair.
        greatest: the largest.
        longest: tokens of the longest chain.
    """

    tokens: int
    trained: int
    least: float
    greatest: float
    longest: int

    @property
    def share(self) -> float:
        """Trained tokens of all tokens."""
        return self.trained / self.tokens if self.tokens else 0.0


@frozen(kw_only=True)
class LintReport:
    """A whole check.

    Attributes:
        pairs: how many were checked.
        executed: of how many both chains were executed again.
        findings: errors first.
        tallies: balance of the set.
        lengths: length bias, in one unit or several.
        trained: None without a student.
    """

    pairs: int
    executed: int = 0
    findings: tuple[Finding, ...]
    tallies: tuple[Tally, ...] = ()
    lengths: tuple[LengthBias, ...] = ()
    trained: Trained | None = None

    @property
    def errors(self) -> int:
        """How many findings make the set unfit."""
        return sum(one.severity == "error" for one in self.findings)


def error(rule: str, pair: str, message: str) -> Finding:
    """Return a finding that makes the set unfit."""
    return Finding(severity="error", rule=rule, pair=pair, message=message)


def warning(rule: str, pair: str, message: str) -> Finding:
    """Return a finding that does not."""
    return Finding(severity="warning", rule=rule, pair=pair, message=message)
