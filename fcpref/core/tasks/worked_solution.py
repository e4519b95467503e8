"""Oracle of the mathematics tasks: a reference solution's own steps, as calls.

Only what the solution writes is turned into calls. Nothing is searched for: a row whose steps do
not lead to its gold answer gets a named reason, not a lucky operation.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from attrs import evolve, frozen

from fcpref.core.functions import Call, show_call
from fcpref.core.functions.arithmetic import round_half_up
from fcpref.core.numbers import read_number
from fcpref.core.problems.annotations import WrittenStep, read_worked, without_results
from fcpref.core.problems.expressions import Expression, Number, Operation, apply, evaluate

if TYPE_CHECKING:
    from fcpref.core.functions import Memory
    from fcpref.core.problems import Problem

MAX_CALLS = 18
_NAMES = {"+": "Add", "-": "Subtract", "*": "Multiply", "/": "Divide", "^": "Power"}


class Skip(StrEnum):
    """Why a reference solution has no chain of calls."""

    BAD_GOLD = "bad_gold"
    NO_STEP = "no_step"
    UNPARSEABLE = "unparseable"
    GOLD_NOT_REACHED = "gold_not_reached"
    WRONG_STEP = "wrong_step"
    NOTHING_COMPUTED = "nothing_computed"
    TOO_LONG = "too_long"


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the calls of the reference solution and the answer; empty when it has none."""
    replies = explain(problem)
    return () if isinstance(replies, Skip) else replies


def explain(problem: Problem) -> tuple[str, ...] | Skip:
    """Return the calls of the reference solution, or the reason why there are none."""
    plan = _planned(problem)
    if isinstance(plan, Skip):
        return plan
    return (*(show_call(call) for call in plan.calls), _answer(problem))


def aloud(memory: Memory) -> tuple[str, ...]:
    """Return the calls that are left, each sentence of the solution before those that work it out.

    They come in the order of the solution. A sentence is said without what comes of it, which only
    the call tells; one without words says nothing that the call does not.
    """
    plan = _planned(memory.problem)
    if isinstance(plan, Skip):
        return ()
    replies: dict[str, None] = {}
    for call, index in sorted(plan.calls.items(), key=lambda one: one[1]):
        text = show_call(call)
        if text in memory.calls:
            continue
        thought = without_results(plan.steps[index].sentence)
        if any(sign.isalpha() for sign in thought):
            replies[_reasoning(thought)] = None
        replies[text] = None
    return (*replies, _answer(memory.problem))


def _reasoning(thought: str) -> str:
    return show_call(Call(function="Reasoning", keywords=(("thought", thought),)))


def _answer(problem: Problem) -> str:
    gold = cast("Fraction", read_number(problem.gold))
    return show_call(Call(function="Answer", keywords=(("value", gold),)))


def _planned(problem: Problem) -> _Plan | Skip:
    gold = read_number(problem.gold)
    if gold is None:
        return Skip.BAD_GOLD
    worked = read_worked(problem.solution)
    if not worked.steps:
        return Skip.UNPARSEABLE if worked.unreadable else Skip.NO_STEP
    ends = _ends(worked.steps, gold)
    if not ends:
        return Skip.GOLD_NOT_REACHED
    plan = _Plan(worked.steps)
    last = next((end for end in ends if plan.reading(end) is not None), None)
    if last is None:
        return Skip.WRONG_STEP
    plan.stated(last)
    if not plan.calls:
        return Skip.NOTHING_COMPUTED
    return Skip.TOO_LONG if len(plan.calls) >= MAX_CALLS else plan


def _ends(steps: tuple[WrittenStep, ...], gold: Fraction) -> tuple[int, ...]:
    """Return the indices of the last step and the last annotation where they state the gold.

    Prose is read less surely than annotations: where it leads astray, annotations alone count.
    """
    noted = [index for index, step in enumerate(steps) if step.source == "annotation"]
    ends = dict.fromkeys((len(steps) - 1, *noted[-1:]))
    return tuple(end for end in ends if steps[end].stated == gold)


@frozen(kw_only=True)
class _Reading:
    """How a step holds.

    Attributes:
        value: what its expression gives, exactly; the stated value may be a rounding of it.
        exact: its operands are the exact values of earlier steps, not their stated roundings.
    """

    value: Fraction
    exact: bool


def _rounded(value: Fraction, step: WrittenStep) -> Fraction:
    return round_half_up(value, Fraction(step.places))


class _Plan:
    """Calls in order, built backwards from the step that states the answer.

    Attributes:
        steps: of the solution.
        calls: with the index of the first step that each works out.
    """

    def __init__(self, steps: tuple[WrittenStep, ...]) -> None:
        self.steps = steps
        self.calls: dict[Call, int] = {}
        self.readings: dict[int, _Reading | None] = {}

    def stated(self, index: int) -> Fraction | None:
        """Emit the calls that give a step's stated value; None when the step is wrong."""
        reading = self.reading(index)
        if reading is None:
            return None
        value = self.exact(index, reading)
        step = self.steps[index]
        if value != step.stated:
            self.call(index, "Round", ("a", value), ("places", Fraction(step.places)))
        return step.stated

    def exact(self, index: int, reading: _Reading) -> Fraction:
        """Emit the calls that give a step's exact value."""
        self.emit(self.steps[index].expression, index, exact=reading.exact)
        return reading.value

    def reading(self, index: int) -> _Reading | None:
        """Return how a step holds; None when its stated value is not what it works out to."""
        if index not in self.readings:
            step = self.steps[index]
            written = evaluate(step.expression)
            passed = evaluate(self.resolved(step.expression, index))
            readings = [
                _Reading(value=value, exact=exact)
                for value, exact in ((written, False), (passed, True))
                if value is not None
            ]
            holding = (
                *(r for r in readings if r.value == step.stated),
                *(r for r in readings if _rounded(r.value, step) == step.stated),
            )
            self.readings[index] = next(iter(holding), None)
        return self.readings[index]

    def producer(self, value: Fraction, index: int) -> int | None:
        """Return the latest right step before `index` that states a value."""
        for earlier in range(index - 1, -1, -1):
            if self.steps[earlier].stated == value and self.reading(earlier) is not None:
                return earlier
        return None

    def resolved(self, expression: Expression, index: int) -> Expression:
        """Put the exact values of earlier steps in the place of their stated roundings."""
        if isinstance(expression, Operation):
            return evolve(
                expression,
                left=self.resolved(expression.left, index),
                right=self.resolved(expression.right, index),
            )
        if expression.percent:
            return expression
        source = self.producer(expression.value, index)
        reading = None if source is None else self.reading(source)
        return expression if reading is None else Number(value=reading.value)

    def emit(self, expression: Expression, index: int, *, exact: bool) -> Fraction:
        """Emit an expression's calls, operands first, and return its value."""
        if isinstance(expression, Number):
            # Percentages are worked out in points.
            value = expression.value * 100 if expression.percent else expression.value
            source = self.producer(value, index)
            if source is None:
                return expression.value
            reading = self.reading(source)
            if exact and reading is not None and not expression.percent:
                return self.exact(source, reading)
            self.stated(source)
            return expression.value
        left = self.emit(expression.left, index, exact=exact)
        right = self.emit(expression.right, index, exact=exact)
        return self.operate(expression, left, right, index)

    def operate(
        self, operation: Operation, left: Fraction, right: Fraction, index: int
    ) -> Fraction:
        """Emit one operation, unless it changes nothing, and return its value."""
        operator = operation.operator
        # Never None: the whole expression was worked out before.
        value = cast("Fraction", apply(operator, left, right))
        neutral = Fraction(operator in "*/^")
        if right == neutral or (operator in "+*" and left == neutral):
            return value
        if operator == "+" and left < 0 <= right:
            # -5 + 20 is 20 - 5, whose operands are numbers that people give.
            self.call(index, "Subtract", ("a", right), ("b", -left))
        elif operator == "+" and right < 0 <= left:
            self.call(index, "Subtract", ("a", left), ("b", -right))
        elif operator == "*" and isinstance(operation.left, Number) and operation.left.percent:
            self.call(index, "Percent", ("p", left * 100), ("of", right))
        elif operator == "*" and isinstance(operation.right, Number) and operation.right.percent:
            self.call(index, "Percent", ("p", right * 100), ("of", left))
        else:
            self.call(index, _NAMES[operator], ("a", left), ("b", right))
        return value

    def call(self, index: int, name: str, *keywords: tuple[str, Fraction]) -> None:
        """Add a call once: the executor refuses an identical second one."""
        call = Call(function=name, keywords=keywords)
        self.calls[call] = min(index, self.calls.get(call, index))
