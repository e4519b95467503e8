"""Oracle of `math.algebra`: elimination and back-substitution, or the solution's own operations."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import define, field

from fcpref.core.functions import Call, show_call
from fcpref.core.numbers import read_number
from fcpref.core.problems.algebra_syntax import Reading, read, show_sides
from fcpref.core.problems.polynomials import Polynomial, show, solve_for, substitute, variable

if TYPE_CHECKING:
    from fcpref.core.problems import Problem

_OPERATIONS = {
    "+": ("Add", "a", "b"), "-": ("Subtract", "a", "b"), "*": ("Multiply", "a", "b"),
    "/": ("Divide", "a", "b"), "^": ("Power", "a", "b"), "%": ("Percent", "p", "of"),
}  # fmt: skip
Sides = tuple[Polynomial, ...]


def oracle(problem: Problem) -> tuple[str, ...]:
    """Return the calls that solve a problem, and the answer; empty when there are none."""
    calls = _computed(problem) if problem.claim is None else _solved(problem)
    gold = read_number(problem.gold)
    if not calls or gold is None:
        return ()
    answer = Call(function="Answer", keywords=(("value", gold),))
    # A value that is needed twice is computed once.
    return tuple(dict.fromkeys(show_call(call) for call in (*calls, answer)))


def _computed(problem: Problem) -> list[Call]:
    calls = []
    for line in problem.solution.splitlines():
        match line.split():
            case [a, sign, b, "=", _] if sign in _OPERATIONS:
                name, first, second = _OPERATIONS[sign]
                keywords = ((first, Fraction(a)), (second, Fraction(b)))
                calls.append(Call(function=name, keywords=keywords))
    return calls


def _solved(problem: Problem) -> list[Call]:
    asked = read(problem.claim.formula) if problem.claim else None
    equations = [read(given.formula) for given in problem.givens]
    readings = [found for found in equations if isinstance(found, Reading)]
    if not isinstance(asked, Reading) or len(readings) != len(equations):
        return []
    work = _Elimination(wanted=asked.letters)
    for given, reading in zip(problem.givens, readings, strict=True):
        if _connected(reading, asked.letters, readings):
            work.state(given.formula, reading, formal="formal" in problem.tags)
    if not (work.eliminate() and work.replace_back()):
        return []
    work.ask(asked)
    return work.calls


def _connected(reading: Reading, letters: frozenset[str], readings: list[Reading]) -> bool:
    """Tell whether an equation has to do with the letters asked for, by way of others or not."""
    reach = letters
    for _ in readings:
        near = (other.letters for other in readings if other.letters & reach)
        reach = reach.union(*near)
    return bool(reading.letters & reach)


@define
class _Elimination:
    """Equations to be solved, and the calls made so far.

    Attributes:
        wanted: the letters whose values are asked for.
        calls: in order.
        left: equations not used yet.
        written: how the equations that need no simplifying are written.
        solved: for each letter, what it equals, in the order in which they were solved for.
    """

    wanted: frozenset[str]
    calls: list[Call] = field(factory=list)
    left: list[Sides] = field(factory=list)
    written: dict[Sides, str] = field(factory=dict)
    solved: dict[str, Polynomial] = field(factory=dict)

    def call(self, function: str, **texts: str) -> None:
        self.calls.append(Call(function=function, keywords=tuple(texts.items())))

    def text(self, sides: Sides) -> str:
        return self.written.get(sides) or show_sides(sides)

    def state(self, formula: str, reading: Reading, *, formal: bool) -> None:
        if not formal:
            self.call("Equation", equation=formula)
        if not reading.collected:
            self.call("Simplify", expression=formula)
        else:
            self.written[reading.sides] = formula
        self.left.append(reading.sides)

    def eliminate(self) -> bool:
        while self.left:
            sides, letter = min(
                ((sides, letter) for sides in self.left for letter in sorted(_letters(sides))),
                key=self._cost,
                default=(None, ""),
            )
            value = solve_for(sides[0], sides[1], letter) if sides else None
            if sides is None or value is None:
                return False
            self.left.remove(sides)
            self.call("SolveLinear", equation=self.text(sides), variable=letter)
            self.solved[letter] = value
            self.left = [self.put(other, letter, value) for other in self.left]
        return True

    def put(self, sides: Sides, letter: str, value: Polynomial) -> Sides:
        """Substitute where the letter occurs."""
        if letter not in _letters(sides):
            return sides
        self.call("Substitute", expression=self.text(sides), variable=letter, value=show(value))
        found = (substitute(side, letter, value) for side in sides)
        return tuple(side for side in found if side is not None)

    def replace_back(self) -> bool:
        """Give every letter that is needed its number, the last solved one first."""
        needed = set(self.wanted)
        for letter, value in self.solved.items():
            if letter in needed:
                needed |= value.letters
        if not needed <= set(self.solved):
            return False
        for letter, value in reversed(self.solved.items()):
            if letter in needed:
                sides: Sides = (variable(letter), value)
                for other in sorted(value.letters):
                    sides = self.put(sides, other, self.solved[other])
                self.solved[letter] = sides[1]
        return True

    def ask(self, asked: Reading) -> None:
        sides = asked.sides
        for letter in sorted(asked.letters):
            if sides != (variable(letter),):
                sides = self.put(sides, letter, self.solved[letter])

    def _cost(self, choice: tuple[Sides, str]) -> tuple[object, ...]:
        # Few letters, then no fractions, then a letter that is not asked for.
        sides, letter = choice
        value = solve_for(sides[0], sides[1], letter)
        whole = value is not None and all(n.denominator == 1 for _, n in value.terms)
        return (len(_letters(sides)), not whole, letter in self.wanted, letter)


def _letters(sides: Sides) -> frozenset[str]:
    return frozenset[str]().union(*(side.letters for side in sides))
