"""What is wrong with TRL preference rows, whoever wrote them.

A row has `prompt`, `chosen` and `rejected`, as texts or as message lists, and may have `tools`, the
functions' JSON schemas.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.canon import content_id
from fcpref.core.pairs.findings import LintReport, error, warning
from fcpref.core.pairs.lint import errors_first
from fcpref.core.pairs.lint_balance import tally
from fcpref.core.pairs.lint_lengths import biased, length_bias
from fcpref.core.pairs.row_rules import ROW_RULES, answers, columns, sides, without_nulls
from fcpref.errors import CanonError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.core.pairs.findings import Finding, LengthBias


@frozen(kw_only=True)
class PreferenceRow:
    """A row of a file.

    Attributes:
        name: file and line, as findings name it.
        split: the split that the file is of.
        data: what the row holds, as plain data.
    """

    name: str
    split: str
    data: Any


def lint_rows(rows: Sequence[PreferenceRow]) -> LintReport:
    """Check rows as text, and measure their lengths.

    Args:
        rows: of one file or of several splits.
    """
    if not rows:
        return LintReport(pairs=0, findings=(error("none", "", "there are no rows; add some"),))
    findings: list[Finding] = []
    sound: list[PreferenceRow] = []
    for row in rows:
        message = columns(row.data)
        if message is None:
            sound.append(row)
            findings += _of_row(row)
        else:
            findings.append(error("columns", row.name, message))
    findings += _duplicates(sound)
    findings += _overlaps(sound)
    findings += _results(sound)
    lengths = _lengths(sound)
    for one in lengths[-1:]:
        findings += biased(one)
    return LintReport(
        pairs=len(rows),
        findings=errors_first(findings),
        tallies=(tally("split", Counter(row.split for row in rows)),),
        lengths=lengths,
    )


def _of_row(row: PreferenceRow) -> Iterator[Finding]:
    for name, (severity, rule) in ROW_RULES.items():
        message = rule(row.data)
        if message is not None:
            make = error if severity == "error" else warning
            yield make(name, row.name, message)


def _duplicates(rows: Sequence[PreferenceRow]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for row in rows:
        before = first.setdefault(_id(sides(row.data)), row.name)
        if before != row.name:
            yield error("duplicate", row.name, f"the same row as {before}; keep one of the two")


def _overlaps(rows: Sequence[PreferenceRow]) -> Iterator[Finding]:
    splits: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        seen = splits[_id(sides(row.data)[0])]
        for split, name in seen.items():
            if split != row.split:
                text = f"its prompt is also in split {split} ({name}); keep a prompt in one split"
                yield error("split_overlap", row.name, text)
                break
        seen.setdefault(row.split, row.name)


def _results(rows: Sequence[PreferenceRow]) -> Iterator[Finding]:
    count = sum(
        any(message["role"] != "assistant" for side in sides(row.data)[1:] for message in side)
        for row in rows
    )
    if count:
        text = (
            f"{count} rows have results of functions among what is trained, and TRL's DPOTrainer "
            "trains them; mask them out, or train with fcpref train dpo"
        )
        yield warning("results_trained", "", text)


def _lengths(rows: Sequence[PreferenceRow]) -> tuple[LengthBias, ...]:
    if not rows:
        return ()
    both = [[answers(side) for side in sides(row.data)[1:]] for row in rows]
    replies = ([len(chosen) for chosen, _ in both], [len(rejected) for _, rejected in both])
    letters = (
        [sum(map(len, chosen)) for chosen, _ in both],
        [sum(map(len, rejected)) for _, rejected in both],
    )
    return length_bias(*replies, "replies"), length_bias(*letters, "characters")


def _id(data: object) -> str:
    plain: Mapping[str, object] | list[object] = without_nulls(data)
    try:
        return content_id(plain)
    except CanonError:
        return repr(plain)
