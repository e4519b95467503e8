"""Family `folio`: one row of FOLIO's JSON Lines file as a problem.

Source: Han et al. 2022, "FOLIO: Natural Language Reasoning with First-Order Logic", arXiv
2209.00840; its rows are CC BY-SA 4.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.entailment import arities, has_model
from fcpref.core.logic.syntax import show
from fcpref.core.problems.folio_formulas import free_variables, read_formula
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.split import split_of
from fcpref.errors import FormulaSyntaxError, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.logic.formulas import Formula

TASK = "fol.folio"
_NEEDED = ("story_id", "premises", "conclusion", "label")
LABELS = ("True", "False", "Unknown")
# The published file calls it Uncertain, the first version Unknown.
_LABELS = {label.lower(): label for label in LABELS} | {"uncertain": "Unknown"}


class Skip(StrEnum):
    """Why the annotations of a row's premises are not used."""

    MISSING = "no annotations"
    COUNT = "not one annotation a sentence"
    UNBALANCED = "unbalanced parentheses"
    SYNTAX = "not well-formed"
    FREE_VARIABLE = "a variable that nothing binds"
    MIXED_ARITY = "a predicate with different numbers of terms"


def read_row(row: object, index: int) -> Problem:
    """Return the problem of one row.

    The row has ``story_id``, ``premises`` (texts, or one text with a line for each),
    ``conclusion`` and ``label`` (True, False, Unknown or Uncertain). ``premises-FOL`` and
    ``conclusion-FOL`` are used where they are there and can be read: as the formulas of the
    statements, which a model is never shown. All rows of a story are in one split.

    Args:
        row: the decoded JSON value; other fields are ignored.
        index: the row's place in its file, from 0.

    Raises:
        ProblemError: a field is missing or unusable; the message names row and field.
    """
    if not isinstance(row, Mapping):
        message = f"row {index}: expected an object, got {type(row).__name__}"
        raise ProblemError(message)
    missing = next((name for name in _NEEDED if name not in row), None)
    if missing is not None:
        raise _unusable(index, missing, "is missing")
    story = row["story_id"]
    if type(story) is not int:
        raise _unusable(index, "story_id", "must be a whole number")
    premises = _sentences(row, index)
    conclusion = row.get("conclusion")
    if not isinstance(conclusion, str) or not conclusion.strip():
        raise _unusable(index, "conclusion", "must be a text that is not empty")
    label = _LABELS.get(str(row.get("label")).strip().lower())
    if label is None:
        raise _unusable(index, "label", "must be True, False, Unknown or Uncertain")
    claim = Statement(text=_line(conclusion), formula=_claim_formula(row))
    return Problem(
        task=TASK,
        split=split_of([TASK, story]),
        index=index,
        difficulty=len(premises),
        text="\n".join([*premises, f"Claim: {claim.text}"]),
        givens=_statements(row, premises),
        claim=claim,
        gold=label,
        tags=(f"story:{story}",),
    )


def annotated(row: Mapping[str, object]) -> tuple[Formula, ...] | Skip:
    """Return the formulas of all premises of a row, or why not all can be used."""
    texts = _lines(row.get("premises-FOL"))
    if not texts:
        return Skip.MISSING
    if len(texts) != len(_lines(row.get("premises"))):
        return Skip.COUNT
    formulas = [_read(text) for text in texts]
    skips = [one for one in formulas if isinstance(one, Skip)]
    if skips:
        return skips[0]
    read = tuple(one for one in formulas if not isinstance(one, Skip))
    if any(len(counts) > 1 for counts in arities(read).values()):
        return Skip.MIXED_ARITY
    return read


@frozen(kw_only=True)
class Survey:
    """What can be made of a file's annotations.

    Attributes:
        rows: all rows.
        skipped: rows whose annotations are not used, by reason; the others are parsed.
        consistent: stories whose premises have a model.
        inconsistent: the ids of stories whose premises have none, in order.
        undecided: the ids of stories for which the work limit came first, in order.
    """

    rows: int
    skipped: Mapping[Skip, int]
    consistent: int
    inconsistent: tuple[object, ...]
    undecided: tuple[object, ...]

    @property
    def parsed(self) -> int:
        """Rows of which every premise's annotation is used."""
        return self.rows - sum(self.skipped.values())


def survey(rows: Iterable[Mapping[str, object]]) -> Survey:
    """Read the annotations of all rows, and look for a model of each story's premises."""
    skipped: Counter[Skip] = Counter()
    stories: dict[object, bool | None] = {}
    count = 0
    for row in rows:
        count += 1
        found = annotated(row)
        if isinstance(found, Skip):
            skipped[found] += 1
        else:
            stories.setdefault(row.get("story_id"), has_model(found))
    return Survey(
        rows=count,
        skipped=dict(skipped.most_common()),
        consistent=sum(model is True for model in stories.values()),
        inconsistent=tuple(story for story, model in stories.items() if model is False),
        undecided=tuple(story for story, model in stories.items() if model is None),
    )


def _sentences(row: Mapping[str, object], index: int) -> tuple[str, ...]:
    premises = row.get("premises")
    whole = isinstance(premises, str) or (
        isinstance(premises, list) and all(isinstance(item, str) for item in premises)
    )
    lines = _lines(premises)
    if not whole or not lines:
        raise _unusable(index, "premises", "must be sentences, at least one")
    if len({line.casefold() for line in lines}) < len(lines):
        raise _unusable(index, "premises", "has the same sentence twice")
    return lines


def _statements(row: Mapping[str, object], premises: tuple[str, ...]) -> tuple[Statement, ...]:
    found = annotated(row)
    formulas = [""] * len(premises) if isinstance(found, Skip) else [show(one) for one in found]
    return tuple(
        Statement(text=text, formula=formula)
        for text, formula in zip(premises, formulas, strict=True)
    )


def _claim_formula(row: Mapping[str, object]) -> str:
    text = row.get("conclusion-FOL")
    found = _read(text) if isinstance(text, str) else Skip.MISSING
    return "" if isinstance(found, Skip) else show(found)


def _read(text: str) -> Formula | Skip:
    if text.count("(") != text.count(")"):
        return Skip.UNBALANCED
    try:
        formula = read_formula(text)
    except FormulaSyntaxError:
        return Skip.SYNTAX
    return Skip.FREE_VARIABLE if free_variables(formula) else formula


def _lines(value: object) -> tuple[str, ...]:
    """Return one line an item; empty ones, which a few rows end in, are left out."""
    items = value.splitlines() if isinstance(value, str) else value
    if not isinstance(items, list):
        return ()
    lines = [_line(item) for item in items if isinstance(item, str)]
    return tuple(line for line in lines if line)


def _line(text: str) -> str:
    return " ".join(text.split())


def _unusable(index: int, name: str, what: str) -> ProblemError:
    return ProblemError(f"row {index}: field {name!r} {what}")
