"""Family `gsm8k`: one row of GSM8K's JSON Lines file as a problem."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fcpref.core.numbers import read_number, show_number
from fcpref.core.problems.annotations import read_worked
from fcpref.core.problems.expressions import count_operations
from fcpref.core.problems.problem import Problem, normalised
from fcpref.core.problems.split import split_of
from fcpref.errors import ProblemError

TASK = "math.gsm8k"
_FINAL = re.compile(r"####\s*\$?\s*(\S[^\n]*?)\s*$")


def read_row(row: object, index: int) -> Problem:
    """Return the problem of one row ``{"question": ..., "answer": ...}``.

    Args:
        row: the decoded JSON value; other fields are ignored.
        index: the row's place in its file, from 0.

    Raises:
        ProblemError: a field is missing or unusable; the message names row and field.
    """
    if not isinstance(row, Mapping):
        message = f"row {index}: expected an object, got {type(row).__name__}"
        raise ProblemError(message)
    question = _text(row, "question", index)
    answer = _text(row, "answer", index)
    final = _FINAL.search(answer)
    value = None if final is None else read_number(final[1])
    if value is None:
        message = f"row {index}: field 'answer' does not end in a line '#### number'"
        raise ProblemError(message)
    steps = read_worked(answer).steps
    return Problem(
        task=TASK,
        split=split_of([TASK, normalised(question)]),
        index=index,
        difficulty=sum(
            count_operations(step.expression) for step in steps if step.source == "annotation"
        ),
        text=question.strip(),
        gold=show_number(value),
        solution=answer,
    )


def _text(row: Mapping[str, object], name: str, index: int) -> str:
    if name not in row:
        message = f"row {index}: field {name!r} is missing"
        raise ProblemError(message)
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        message = f"row {index}: field {name!r} must be a text that is not empty"
        raise ProblemError(message)
    return value
