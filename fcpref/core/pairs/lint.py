"""What is wrong with a set of pairs before it trains anything."""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.canon import bytes_id, short
from fcpref.core.codec import value_id
from fcpref.core.pairs.build import candidate
from fcpref.core.pairs.findings import LintReport, error, warning
from fcpref.core.pairs.lint_balance import Balance
from fcpref.core.pairs.lint_lengths import biased, length_bias
from fcpref.core.pairs.lint_overlap import same_form, same_text
from fcpref.core.pairs.lint_rules import RULES, Background, judged_calls, label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from fcpref.core.pairs.findings import Finding
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

_NO_PROBLEMS: Mapping[str, Problem] = MappingProxyType({})


def lint(
    pairs: Sequence[PreferencePair],
    *,
    held_out: Collection[str] = frozenset(),
    problems: Mapping[str, Problem] = _NO_PROBLEMS,
) -> tuple[Finding, ...]:
    """Check pairs; see `lint_report`, which also tells the numbers.

    Args:
        pairs: the pairs.
        held_out: ids of problems that must not be trained on.
        problems: by id, those of the pairs and the held-out ones, as far as they are known.
    """
    return lint_report(pairs, held_out=held_out, problems=problems).findings


def lint_report(
    pairs: Sequence[PreferencePair],
    *,
    held_out: Collection[str] = frozenset(),
    problems: Mapping[str, Problem] = _NO_PROBLEMS,
    ids: Sequence[str] | None = None,
    execute: int | None = None,
) -> LintReport:
    """Check pairs, and measure their balance and their lengths.

    Args:
        pairs: the pairs.
        held_out: ids of problems that must not be trained on.
        problems: by id, those of the pairs and the held-out ones, as far as they are known. With
            them, problems that are held-out ones in disguise are found, chains are executed again,
            and depths without a pair are named.
        ids: content ids of the pairs, where they are known already.
        execute: of how many pairs both chains are executed again at most, those with the smallest
            ids; all when None.
    """
    if not pairs:
        found = error("none", "", "there are no pairs; sample more chains a problem")
        return LintReport(pairs=0, findings=(found,))
    ids = [value_id(pair) for pair in pairs] if ids is None else ids
    held_out = frozenset(held_out)
    used = {pair.chosen.problem for pair in pairs}
    background = Background(
        known=problems or None,
        held_out=held_out,
        same_text=same_text(used, held_out, problems),
        same_form=same_form(used, held_out, problems),
    )
    balance = Balance(problems)
    lengths: tuple[list[int], list[int]] = ([], [])
    findings: list[Finding] = []
    for identifier, pair in zip(ids, pairs, strict=True):
        findings += _of_pair(identifier, pair, background)
        balance.add(pair)
        for counts, count in zip(lengths, judged_calls(pair), strict=True):
            counts.append(count)
    findings += _duplicates(ids, pairs)
    unfit = {one.pair for one in findings if one.severity == "error"}
    fit = [(key, pair) for key, pair in zip(ids, pairs, strict=True) if key not in unfit]
    executed = _executed(fit, problems, execute)
    findings += _labels(executed, problems)
    bias = length_bias(*lengths, "calls")
    findings += biased(bias)
    trained = [one for key, one in problems.items() if key not in held_out]
    findings += balance.findings(trained)
    return LintReport(
        pairs=len(pairs),
        executed=len(executed),
        findings=errors_first(findings),
        tallies=balance.tallies(),
        lengths=(bias,),
    )


def errors_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings, errors before warnings, else in the order given."""
    return tuple(sorted(findings, key=lambda one: one.severity != "error"))


def _of_pair(identifier: str, pair: PreferencePair, background: Background) -> Iterator[Finding]:
    for name, rule in RULES.items():
        message = rule(pair, background)
        if message is not None:
            yield error(name, identifier, message)


def _duplicates(ids: Sequence[str], pairs: Sequence[PreferencePair]) -> Iterator[Finding]:
    for identifier, count in Counter(ids).items():
        if count > 1:
            yield error("duplicate", identifier, f"occurs {count} times; keep it once")
    lessons: dict[str, str] = {}
    for identifier, pair in sorted(zip(ids, pairs, strict=True), key=lambda item: item[0]):
        lesson = bytes_id(candidate(pair).lesson.encode())
        first = lessons.setdefault(lesson, identifier)
        if first != identifier:
            text = f"compares the same replies as {short(first)}; keep one of the two"
            yield warning("same_lesson", identifier, text)


def _executed(
    pairs: Sequence[tuple[str, PreferencePair]],
    problems: Mapping[str, Problem],
    execute: int | None,
) -> list[tuple[str, PreferencePair]]:
    there = [item for item in pairs if item[1].chosen.problem in problems]
    if execute is None or len(there) <= execute:
        return there
    # Ids are hashes, so the smallest ones are drawn evenly and in no order's favour.
    return nsmallest(execute, there, key=lambda item: item[0])


def _labels(
    pairs: Sequence[tuple[str, PreferencePair]], problems: Mapping[str, Problem]
) -> Iterator[Finding]:
    for identifier, pair in pairs:
        message = label(pair, problems[pair.chosen.problem])
        if message is not None:
            yield error("label", identifier, message)
