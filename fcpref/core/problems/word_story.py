"""How a word problem of family `word` comes about: first its moves, then its numbers."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fcpref.core.problems.operations_form import Step
from fcpref.core.problems.word_moves import MAX_STEPS, START, Move, Situation
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

    from fcpref.core.problems.word_moves import Amount
    from fcpref.core.problems.word_numbers import Draw
    from fcpref.core.seeds import Random

_LEAST_ANSWER = 2
_PLACES = 100
_GIVE_MORE = frozenset({"percent", "part"})


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
    """

    said: tuple[tuple[Said, ...], ...]
    steps: tuple[Step, ...]
    value: Number


@lru_cache(maxsize=64)
def _exits(situation: Situation) -> Mapping[tuple[str, int], tuple[Move, ...]]:
    """Return for each kind and number of operations left the moves that lead on."""
    kinds = {START, *(move.target for move in situation.moves)}
    asked = {kind for kind, unit in situation.units if CONVERSIONS.get(unit)}
    found: dict[tuple[str, int], tuple[Move, ...]] = {}
    for left in range(MAX_STEPS + 1):
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
    # Two numbers in one other unit, or an answer in it, could be worked out without converting.
    said: set[str] = set()
    while left or not moves:
        if left == 1 and moves:
            ways = CONVERSIONS.get(kinds.get(kind, ""))
            if ways and stream.random() < units:
                way = pick(ways, stream)
                return None if way.unit in said else Plan(tuple(moves), kinds[kind], way)
        choices = [move for move in exits[kind, left] if move not in used]
        if not choices:
            return None
        move = pick(choices, stream)
        used.add(move)
        left -= len(move.operations)
        converted: list[Conversion | None] = []
        for amount in move.amounts:
            other = None
            if left and amount.unit and stream.random() < units:
                other = _way(amount, said, stream)
                left -= other is not None
            converted.append(other)
        moves.append(Planned(move, tuple(converted)))
        kind = move.target
    return Plan(tuple(moves), kinds.get(kind, ""), None)


def _way(amount: Amount, said: set[str], stream: Random) -> Conversion | None:
    """Choose another unit for a number, if there is one that was not said yet."""
    ways = () if amount.fixed else conversions_of(amount.unit, amount.draw)
    way = pick(ways, stream) if ways else None
    if way is None or way.unit in said:
        return None
    said.add(way.unit)
    return way


def tell_story(plan: Plan, stream: Random) -> Story | None:
    """Draw numbers for a plan; None when none fit, or when the text would give the answer."""
    work = _Work(stream)
    told: list[tuple[Said, ...]] = []
    x: Number = 0
    for move, converted in plan.moves:
        said: list[Said] = []
        numbers = work.numbers(move, converted, x, said)
        if numbers is None:
            return None
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
        # In formulas the factor is written down.
        work.given.append(factor)
        x = asked
    if x < _LEAST_ANSWER or x in work.given:
        return None
    return Story(tuple(told), tuple(work.steps), x)


class _Work:
    """The operations done so far, and the numbers that the text has given for them."""

    __slots__ = ("given", "results", "steps", "stream")

    def __init__(self, stream: Random) -> None:
        self.stream = stream
        self.steps: list[Step] = []
        self.given: list[Number] = []
        self.results: set[Number] = set()

    def numbers(
        self,
        move: Move,
        converted: tuple[Conversion | None, ...],
        x: Number,
        said: list[Said],
    ) -> dict[str, Number] | None:
        """Draw a move's numbers; None when none fit."""
        found: dict[str, Number] = {"x": x}
        for key, amount, conversion in zip("bc", move.amounts, converted, strict=False):
            if conversion is None:
                draw = amount.draw
                value = draw_number(draw, x, self.stream)
                # A number equal to a result would leave it open which of the two is meant.
                if value is None or value in self.results:
                    return None
                said.append(Said(draw, value, amount.unit))
                self.given.append(value)
                if draw in _GIVE_MORE:
                    self.given += given_by(draw, value)
            else:
                value = self.converted(amount, conversion, x, said)
                if value is None:
                    return None
            found[key] = value
        return found

    def converted(
        self, amount: Amount, conversion: Conversion, x: Number, said: list[Said]
    ) -> Number | None:
        """Draw a number, say it in another unit, and turn it into the one that is counted in."""
        unit, sign, factor = conversion
        found = draw_converted(amount.draw, x, conversion, self.stream)
        if found is None or found[0] in self.results or factor in self.results:
            return None
        number, value = found
        said.append(Said("count", number, unit))
        # "3 dozen" is 36 to a reader, too.
        self.given += (number, factor, value) if unit == "dozen" else (number, factor)
        return self.do(number, sign, factor)

    def do(self, a: Number, sign: str, b: Number) -> Number | None:
        """Do an operation; None when its result is no number that people use."""
        if a == b and a in self.results:
            return None  # it would be open which of two results is meant
        result: Number
        if sign == "+":
            result = a + b
        elif sign == "-":
            result = a - b
        elif sign == "*":
            result = a * b
        else:
            result = _divided(a * b, 100) if sign == "%" else _divided(a, b)
        if not 0 < result <= LARGEST:
            return None
        if type(result) is not int:
            if result.denominator == 1:
                result = int(result)
            elif _PLACES % result.denominator:
                return None
        self.results.add(result)
        self.steps.append(Step(a, sign, b, result))
        return result


def _divided(a: Number, b: Number) -> Number:
    return a // b if a % b == 0 else Fraction(a) / b
