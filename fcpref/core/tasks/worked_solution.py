"""Oracle of the mathematics tasks: a reference solution's own steps, as calls.

Only what the solution writes is turned into calls. Nothing is searched for: a row whose steps do
not lead to its gold answer gets a named reason, not a lucky operation.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.functions import Call, show_call
from fcpref.core.functions.arithmetic import round_half_up
from fcpref.core.numbers import read_number
from fcpref.core.problems.annotations import WrittenStep, read_worked
from fcpref.core.problems.expressions import Expression, Number, Operation, apply, evaluate

if TYPE_CHECKING:
    from fractions import Fraction

    from fcpref.core.problems import Problem

MAX_CALLS = 18


class Skip(StrEnum):
    """Why a reference solution has no chain of calls."""

    BAD_GOLD = "bad_gold"
    NO_STEP = "no_step"
    UNPARSEABLE = "unparseable"
    GOLD_NOT_REACHED = "gold_not_reached"
    WRONG_ANNOTATION = "wrong_annotation"
    NOTHING_COMPUTED = "nothing_computed"
    TOO_LONG = "too_long"


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the calls of the reference solution and the answer; empty when it has none."""
    replies = explain(problem)
    return () if isinstance(replies, Skip) else replies


def explain(problem: Problem) -> tuple[str, ...] | Skip:
    """Return the calls of the reference solution, or the reason why there are none."""
    gold = read_number(problem.gold)
    if gold is None:
        return Skip.BAD_GOLD
    worked = read_worked(problem.solution)
    if not worked.steps:
        return Skip.UNPARSEABLE if worked.unreadable else Skip.NO_STEP
    steps, last = _ending(worked.steps, gold)
    if last is None:
        return Skip.UNPARSEABLE if worked.unreadable else Skip.GOLD_NOT_REACHED
    plan = _Plan(steps)
    if plan.value(last, rounded=True) != gold:
        return Skip.WRONG_ANNOTATION
    if not plan.calls:
        return Skip.NOTHING_COMPUTED
    answer = Call(function="Answer", keywords=(("value", gold),))
    replies = tuple(show_call(call) for call in (*plan.calls, answer))
    return Skip.TOO_LONG if len(replies) > MAX_CALLS else replies


def _ending(
    steps: tuple[WrittenStep, ...], gold: Fraction
) -> tuple[tuple[WrittenStep, ...], int | None]:
    """Return the steps to use and the last one's index when it states the gold answer.

    Prose is read less surely than annotations: where it leads astray, annotations alone count.
    """
    if steps[-1].stated == gold:
        return steps, len(steps) - 1
    noted = [index for index, step in enumerate(steps) if step.source == "annotation"]
    if noted and steps[noted[-1]].stated == gold:
        return steps, noted[-1]
    return steps, None


@frozen
class _Result:
    """What a step's calls give: `exact`, and whether the stated value is a rounding of it."""

    exact: Fraction
    rounded: bool


class _Plan:
    """Calls in order, built backwards from the step that states the answer."""

    def __init__(self, steps: tuple[WrittenStep, ...]) -> None:
        self.steps = steps
        self.calls: list[Call] = []
        self.done: dict[int, _Result | None] = {}

    def value(self, index: int, *, rounded: bool) -> Fraction | None:
        """Compute a step and return its exact or its stated value; None when it is wrong."""
        if index not in self.done:
            self.done[index] = self._compute(index)
        result = self.done[index]
        if result is None:
            return None
        step = self.steps[index]
        if result.rounded and rounded:
            from fractions import Fraction as F  # noqa: PLC0415
            self._call("Round", ("a", "places"), result.exact, F(step.places))
            return step.stated
        return result.exact

    def _compute(self, index: int) -> _Result | None:
        step = self.steps[index]
        # The stated value holds for the numbers as written, or for those that they round.
        for rounded in (True, False):
            value = evaluate(self._with_results(step.expression, index, rounded=rounded))
            if value is None:
                continue
            if value == step.stated or round_half_up(value, step.places) == step.stated:
                break
        else:
            return None
        expression = self._with_results(step.expression, index, rounded=rounded, emit=True)
        exact = self._emit(expression)
        return _Result(exact, exact != step.stated)
