"""What is wrong with a set of pairs before it trains anything."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.core.codec import value_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from fcpref.core.pairs.values import PreferencePair

MAX_LENGTH_RATIO = 3.0


@frozen(kw_only=True)
class Finding:
    """One finding.

    Attributes:
        severity: an error makes the set unfit for training; a warning does not.
        rule: short name of what was checked.
        pair: id of the pair, or empty for the whole set.
        message: what is wrong and what to change.
    """

    severity: Literal["error", "warning"]
    rule: str
    pair: str
    message: str


def lint(
    pairs: Sequence[PreferencePair], *, held_out: Collection[str] = frozenset()
) -> tuple[Finding, ...]:
    """Check pairs.

    Args:
        pairs: the pairs.
        held_out: ids of problems that must not be trained on.
    """
    findings: list[Finding] = []
    for pair in pairs:
        findings.extend(_of_pair(pair, held_out))
    for identifier, count in Counter(value_id(pair) for pair in pairs).items():
        if count > 1:
            findings.append(_error("duplicate", identifier, f"occurs {count} times; keep it once"))
    return (*findings, *_of_set(pairs))


def _of_pair(pair: PreferencePair, held_out: Collection[str]) -> Iterable[Finding]:
    identifier = value_id(pair)
    chosen = [turn.reply for turn in pair.chosen.turns]
    rejected = [turn.reply for turn in pair.rejected.turns]
    if pair.chosen.problem != pair.rejected.problem:
        yield _error("problem", identifier, "chains of two problems; pair within one problem")
    if pair.chosen.grammar != pair.rejected.grammar:
        yield _error("grammar", identifier, "chains of two call grammars; pair within one grammar")
    if pair.chosen.without != pair.rejected.without:
        yield _error("functions", identifier, "chains with other functions on offer; drop the pair")
    if chosen == rejected:
        yield _error("equal", identifier, "chosen equals rejected; drop the pair")
    if not chosen or not rejected:
        yield _error("empty", identifier, "a chain has no reply; drop the pair")
    if pair.chosen.problem in held_out:
        yield _error("held_out", identifier, "a held-out problem; remove it from the training data")


def _of_set(pairs: Sequence[PreferencePair]) -> Iterable[Finding]:
    if not pairs:
        yield _error("none", "", "there are no pairs; sample more chains a problem")
        return
    chosen = sum(len(pair.chosen.turns) for pair in pairs)
    rejected = sum(len(pair.rejected.turns) for pair in pairs)
    ratio = rejected / max(chosen, 1)
    if not 1 / MAX_LENGTH_RATIO <= ratio <= MAX_LENGTH_RATIO:
        text = f"rejected chains have {ratio:.1f} times the calls of chosen ones; balance lengths"
        yield Finding(severity="warning", rule="length_bias", pair="", message=text)
    verdict, count = Counter(pair.rejected_verdict for pair in pairs).most_common(1)[0]
    if len(pairs) >= 20 and count > 0.9 * len(pairs):  # noqa: PLR2004 - a share needs a sample
        text = f"{count} of {len(pairs)} rejected chains are {verdict}; mix in other failures"
        yield Finding(severity="warning", rule="balance", pair="", message=text)


def _error(rule: str, pair: str, message: str) -> Finding:
    return Finding(severity="error", rule=rule, pair=pair, message=message)
