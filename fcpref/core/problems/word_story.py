"""How a word problem of family `word` comes about: first its moves, then its numbers."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fcpref.core.problems.word_form import Step
from fcpref.core.problems.word_moves import START, Move, Situation
from fcpref.core.problems.word_numbers import (
    LARGEST,
    Number,
    draw_converted,
    draw_number,
    given_by,
    pick,
)
from fcpref.core.problems.word_units import CONVERSIONS, WHOLE, Conversion, conversions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems.word_numbers import Draw
    from fcpref.core.seeds import Random

_LEAST_ANSWER = 2
_PLACES = 100


class Planned(NamedTuple):
    """A move, and for each of its numbers how it is converted, if it is."""

    move: Move
    converted: tuple[Conversion | None, ...]


class Plan(NamedTuple):
    """Moves without numbers.

    Attributes:
        moves: in order; the first is an opening.
        unit: of the running quantity in the end; empty when it has none.
        asked: how the answer is converted before it is asked for, if it is.
    """

    moves: tuple[Planned, ...]
    unit: str
    asked: Conversion | None


class Said(NamedTuple):
    """A number as the text gives it, in the unit in which it gives it."""

    draw: Draw
    number: Number
    unit: str


class Story(NamedTuple):
    """Numbers for a plan.

    Attributes:
        said: the numbers of each move.
        steps: the operations, conversions included.
        value: the answer.
        given: every number that the text gives a reader.
    """

    said: tuple[tuple[Said, ...], ...]
    steps: tuple[Step, ...]
    value: Number
    given: frozenset[Number]


@lru_cache(maxsize=64)
def _exits(situation: Situation) -> Mapping[tuple[str, int], tuple[Move, ...]]:
    """Return for each kind and number of operations left the moves that lead on."""
    kinds = {START, *(move.target for move in situation.moves)}
    asked = {kind for kind, unit in situation.units if CONVERSIONS.get(unit)}
    found: dict[tuple[str, int], tuple[Move, ...]] = {}
    for left in range(9):
        for kind in kinds:
            found[kind, left] = tuple(
                move
                for move in situation.moves
                if move.source == kind
                and (after := left - len(move.operations)) >= 0
                and (
                    after == 0
                    or any(other.source == move.target for other in situation.moves)
                    or (after == 1 and move.target in asked)
                )
            )
    return found


@lru_cache(maxsize=1_024)
def _ways(unit: str, draw: Draw) -> tuple[Conversion, ...]:
    return conversions_of(unit, draw)


@lru_cache(maxsize=64)
def _units(situation: Situation) -> Mapping[str, str]:
    return dict(situation.units)


def plan_story(situation: Situation, steps: int, units: float, stream: Random) -> Plan | None:
    """Walk from an opening through moves that have `steps` operations in all.

    Args:
        situation: whose moves are used, each at most once.
        steps: number of operations, conversions included.
        units: probability that a number is said, or the answer asked for, in another unit.
        stream: of random choices.

    Returns:
        None when the walk comes to a dead end.
    """
    exits, kinds = _exits(situation), _units(situation)
    kind, left = START, steps
    moves: list[Planned] = []
    used: set[Move] = set()
    while left or not moves:
        if left == 1 and moves:
            ways = CONVERSIONS.get(kinds.get(kind, ""))
            if ways and stream.random() < units:
                return Plan(tuple(moves), kinds[kind], pick(ways, stream))
        choices = exits[kind, left]
        if moves:
            choices = tuple([move for move in choices if move not in used])
        if not choices:
            return None
        move = pick(choices, stream)
        used.add(move)
        left -= len(move.operations)
        converted: list[Conversion | None] = []
        for amount in move.amounts:
            conversion = None
            if left and amount.unit and stream.random() < units:
                ways = _ways(amount.unit, amount.draw)
                if ways:
                    conversion = pick(ways, stream)
                    left -= 1
            converted.append(conversion)
        moves.append(Planned(move, tuple(converted)))
        kind = move.target
    return Plan(tuple(moves), kinds.get(kind, ""), None)


def tell_story(plan: Plan, stream: Random) -> Story | None:
    """Draw numbers for a plan; None when none fit, or when the text would give the answer."""
    work = _Work()
    told: list[tuple[Said, ...]] = []
    x: Number = 0
    for move, converted in plan.moves:
        said: list[Said] = []
        numbers: dict[str, Number] = {"x": x}
        for key, amount, conversion in zip("bc", move.amounts, converted, strict=False):
            value = work.draw(amount.draw, amount.unit, conversion, x, said, stream)
            if value is None:
                return None
            numbers[key] = value
        told.append(tuple(said))
        x = numbers["b"]
        for left, sign, right in move.operations:
            result = work.do(numbers[left], sign, numbers[right])
            if result is None:
                return None
            x = numbers["y"] = result
    if plan.asked is not None:
        unit, sign, factor = plan.asked
        if factor in work.results:
            return None
        asked = work.do(x, "/" if sign == "*" else "*", factor)
        if asked is None or (unit in WHOLE and type(asked) is not int):
            return None
        x = asked
    if x < _LEAST_ANSWER or x in work.given:
        return None
    return Story(tuple(told), tuple(work.steps), x, frozenset(work.given))


class _Work:
    """The operations done so far, and the numbers that the text has given for them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.given: set[Number] = set()
        self.results: set[Number] = set()

    def draw(
        self,
        draw: Draw,
        unit: str,
        conversion: Conversion | None,
        x: Number,
        said: list[Said],
        stream: Random,
    ) -> Number | None:
        """Draw a number, say it, and return it in the unit that the problem counts in."""
        if conversion is None:
            value = draw_number(draw, x, stream)
            # A number equal to a result would leave it open which of the two is meant.
            if value is None or value in self.results:
                return None
            said.append(Said(draw, value, unit))
            self.given.update(given_by(draw, value))
            return value
        found = draw_converted(draw, x, conversion, stream)
        if found is None or found[0] in self.results or conversion.factor in self.results:
            return None
        number, value = found
        said.append(Said("count", number, conversion.unit))
        self.given.add(number)
        if conversion.unit == "dozen":
            self.given.add(value)
        return self.do(number, conversion.sign, conversion.factor)

    def do(self, a: Number, sign: str, b: Number) -> Number | None:
        """Do an operation; None when its result is no number that people use."""
        if a == b and a in self.results:
            return None  # it would be open which of two results is meant
        result: Number
        match sign:
            case "+":
                result = a + b
            case "-":
                result = a - b
            case "*":
                result = a * b
            case "/":
                result = a // b if a % b == 0 else Fraction(a) / b
            case _:
                result = a * b // 100 if a * b % 100 == 0 else Fraction(a * b) / 100
        if type(result) is not int and result.denominator == 1:
            result = int(result)
        if not 0 < result <= LARGEST or result * _PLACES % 1 != 0:
            return None
        for operand in (a, b):
            if operand not in self.results:
                self.given.add(operand)
        self.results.add(result)
        self.steps.append(Step(a, sign, b, result))
        return result
