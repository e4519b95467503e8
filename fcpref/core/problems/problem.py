"""The Problem value, common to every family."""

from __future__ import annotations

from typing import Literal, get_args

from attrs import field, frozen
from attrs.validators import ge, in_, instance_of

from fcpref.core.codec import value_id

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@frozen(kw_only=True)
class Statement:
    """A sentence as the model reads it, and the formula that it stands for."""

    text: str
    formula: str


@frozen(kw_only=True, cache_hash=True)  # problems are cache keys of the functions
class Problem:
    """One problem.

    Attributes:
        task: the task's name, such as ``fol.deduction``.
        split: train, dev or test.
        index: the place in its split's stream (or in its file), from 0.
        difficulty: proof depth, or number of operations of the reference solution; from 0.
        text: all that a model is shown.
        givens: the statements that functions may refer to (logic only).
        claim: the statement in question (logic only).
        gold: the right answer, as `Answer` takes it; an exact rational in mathematics.
        solution: the reference solution with ``<<3*4=12>>`` annotations (mathematics only); never
            shown to a model.
        tags: named facts about the problem, such as its template.
    """

    task: str
    split: Split = field(validator=in_(SPLITS))
    index: int = field(validator=[instance_of(int), ge(0)])
    difficulty: int = field(validator=[instance_of(int), ge(0)])
    text: str
    givens: tuple[Statement, ...] = ()
    claim: Statement | None = None
    gold: str
    solution: str = ""
    tags: tuple[str, ...] = ()


def normalised(text: str) -> str:
    """Return a text without differences of case and white space: what duplicates share."""
    return " ".join(text.casefold().split())


def problem_id(problem: Problem) -> str:
    """Return the content id of a problem."""
    return value_id(problem)
