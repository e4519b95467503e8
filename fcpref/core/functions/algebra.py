"""Group `algebra`: state, simplify, solve and substitute, one step a call.

Texts are copied: an equation or expression is accepted when the problem gives it, when `Equation`
stated it, or when it is the result of an earlier call. Each function does one step of what a
textbook would write, so a system is solved by substitution and back-substitution and not at once.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    Fact,
    FailureCode,
    Function,
    Memory,
    Parameter,
    Signature,
    Value,
    fail,
    succeed,
)
from fcpref.core.numbers import read_number, show_number
from fcpref.core.problems.algebra_syntax import Reading, Refusal, read, show_sides
from fcpref.core.problems.polynomials import (
    Polynomial,
    constant,
    show,
    solve_for,
    substitute,
    variable,
)
from fcpref.core.problems.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.core.problems import Problem

_EQUATION = 2
_UNKNOWN = "is neither given nor the result of a call"


def _equation(arguments: Arguments, memory: Memory) -> Effect:
    reading = read(str(arguments["equation"]))
    if isinstance(reading, Refusal):
        return _refused(reading, memory)
    if len(reading.sides) != _EQUATION:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "an equation has an equals sign")
    reason = _why_not_said(reading, memory.problem)
    if reading.key in _shown(memory.problem) or (reason and reading.key in _known(memory)):
        return succeed(memory, _copy(arguments["equation"]))
    if reason:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, reason)
    return succeed(_with(memory, reading.key, ()), _copy(arguments["equation"]))


def _why_not_said(reading: Reading, problem: Problem) -> str:
    """Return why the problem cannot say an equation; empty when it may."""
    foreign = reading.letters - _letters(problem)
    if foreign:
        return f"{min(foreign)} is no unknown of the problem"
    if not reading.letters:
        return "no unknown is left"
    missing = [number for number in reading.numbers if number not in _numbers(problem)]
    return f"{missing[0]} is not a number of the problem" if missing else ""


def _simplify(arguments: Arguments, memory: Memory) -> Effect:
    reading = read(str(arguments["expression"]))
    if isinstance(reading, Refusal):
        return _refused(reading, memory)
    if not reading.letters:
        text = "there is no unknown in it; compute numbers with Add, Subtract, Multiply, Divide"
        return fail(memory, FailureCode.NOT_APPLICABLE, text)
    if reading.key not in _known(memory):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"expression {_UNKNOWN}")
    return _result(reading.sides, (reading.key,), memory)


def _solve(arguments: Arguments, memory: Memory) -> Effect:
    reading = read(str(arguments["equation"]))
    letter = str(arguments["variable"]).strip()
    if isinstance(reading, Refusal):
        return _refused(reading, memory)
    if len(reading.sides) != _EQUATION:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "an equation has an equals sign")
    if reading.key not in _known(memory):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"equation {_UNKNOWN}")
    if letter not in reading.letters:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "variable is no unknown of the equation")
    if not reading.collected:
        return fail(memory, FailureCode.NOT_APPLICABLE, "simplify the equation first")
    left, right = reading.sides
    if left == variable(letter) and letter not in right.letters:
        return fail(memory, FailureCode.NOT_APPLICABLE, "the equation is solved already")
    value = solve_for(left, right, letter)
    if value is None:
        return fail(memory, FailureCode.NOT_APPLICABLE, "the equation is not linear in variable")
    return _result((variable(letter), value), (reading.key,), memory)


def _substitute(arguments: Arguments, memory: Memory) -> Effect:
    reading = read(str(arguments["expression"]))
    letter = str(arguments["variable"]).strip()
    value = read(str(arguments["value"]))
    if isinstance(reading, Refusal):
        return _refused(reading, memory)
    if isinstance(value, Refusal):
        return _refused(value, memory)
    if reading.key not in _known(memory):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"expression {_UNKNOWN}")
    if letter not in reading.letters:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "variable does not occur in expression")
    # A result such as "x = y + 4" may be copied as a whole.
    if len(value.sides) == _EQUATION and value.sides[0] != variable(letter):
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "value is not solved for variable")
    solved = next((key for key in _solutions(memory, letter, value.sides[-1])), None)
    if solved is None:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"variable = value {_UNKNOWN}")
    sides = [substitute(side, letter, value.sides[-1]) for side in reading.sides]
    found = tuple(side for side in sides if side is not None)
    if len(found) != len(sides):
        return fail(memory, FailureCode.LIMIT, "the result is too large")
    if len(found) == _EQUATION and not any(side.letters for side in found):
        return fail(memory, FailureCode.NOT_APPLICABLE, f"no unknown is left: {show_sides(found)}")
    return _result(found, (reading.key, solved), memory)


def _check(arguments: Arguments, memory: Memory) -> Effect:
    claim = str(arguments["claim"])
    number = read_number(claim)
    if number is not None:
        made = any(fact.key == str(number) for fact in memory.facts)
        made = made or any(number == value for _, value in _values(memory))
        verb = "is" if made else "is not"
        return succeed(memory, f"{show_number(number)} {verb} the result of a call so far.")
    reading = read(claim)
    if isinstance(reading, Refusal):
        return _refused(reading, memory)
    if len(reading.sides) != _EQUATION:
        return fail(memory, FailureCode.ARGUMENT_DOMAIN, "claim is neither number nor equation")
    sides = list(reading.sides)
    for letter, value in dict(_values(memory)).items():
        placed = [substitute(side, letter, constant(value)) for side in sides]
        sides = [side for side in placed if side is not None]
        if len(sides) != _EQUATION:
            return fail(memory, FailureCode.LIMIT, "the result is too large")
    unknown = sorted(letter for side in sides for letter in side.letters)
    if unknown:
        return succeed(memory, f"Not decided: {unknown[0]} is not known so far.")
    truth = "True" if sides[0] == sides[1] else "False"
    return succeed(memory, f"{truth}: {show(sides[0])} and {show(sides[1])}.")


def _result(sides: tuple[Polynomial, ...], uses: tuple[str, ...], memory: Memory) -> Effect:
    """Give a result; one that changes nothing establishes nothing."""
    text = show_sides(sides)
    reading = read(text)
    if isinstance(reading, Refusal):
        return fail(memory, FailureCode.LIMIT, "the result is too long")
    key = reading.key
    if len(sides) == 1 and (number := sides[0].number) is not None:
        key = str(number)
    if key in _shown(memory.problem) or key in uses:
        return succeed(memory, text)
    return succeed(_with(memory, key, uses), text)


def _with(memory: Memory, key: str, uses: tuple[str, ...]) -> Memory:
    """Add a fact, unless it was established in the same way before.

    A second way is kept: the first one may rest on an equation that the problem does not say.
    """
    if any(fact.key == key and fact.uses == uses for fact in memory.facts):
        return memory
    new = Fact(key=key, uses=uses, call=memory.steps)
    return evolve(memory, facts=(*memory.facts, new))


def _refused(refusal: Refusal, memory: Memory) -> Effect:
    limit = refusal.reason == "limit"
    code = FailureCode.LIMIT if limit else FailureCode.ARGUMENT_DOMAIN
    return fail(memory, code, refusal.text)


def _copy(text: Value) -> str:
    return " ".join(str(text).split())


def _known(memory: Memory) -> frozenset[str]:
    return _shown(memory.problem) | {fact.key for fact in memory.facts}


def _solutions(memory: Memory, letter: str, value: Polynomial) -> Iterator[str]:
    """Yield the keys of what says that a letter has a value."""
    for key in (*sorted(_shown(memory.problem)), *(fact.key for fact in memory.facts)):
        if key.startswith(f"{letter}="):
            reading = _read(key)
            if isinstance(reading, Reading) and reading.sides[-1] == value:
                yield key


def _values(memory: Memory) -> Iterator[tuple[str, Fraction]]:
    """Yield the unknowns that are solved, with their numbers, later ones last."""
    for fact in memory.facts:
        if fact.key[1:2] == "=" and fact.key[0].isalpha():
            reading = _read(fact.key)
            number = None if isinstance(reading, Refusal) else reading.sides[-1].number
            if number is not None:
                yield fact.key[0], number


@lru_cache(maxsize=4_096)
def _read(key: str) -> Reading | Refusal:
    return read(key)


@lru_cache(maxsize=4_096)
def _shown(problem: Problem) -> frozenset[str]:
    """Return the keys of what the problem shows as a formula."""
    formulas = [problem.claim.formula] if problem.claim else []
    if "formal" in problem.tags:
        formulas += [given.formula for given in problem.givens]
    return frozenset(found.key for text in formulas if isinstance(found := read(text), Reading))


@lru_cache(maxsize=4_096)
def _letters(problem: Problem) -> frozenset[str]:
    statements = (*problem.givens, *((problem.claim,) if problem.claim else ()))
    readings = [read(statement.formula) for statement in statements]
    letters = (found.letters for found in readings if isinstance(found, Reading))
    return frozenset[str]().union(*letters)


@lru_cache(maxsize=4_096)
def _numbers(problem: Problem) -> frozenset[Fraction]:
    # A coefficient of 1 is seldom said.
    return quantities(problem.text) | {Fraction(1)}


_EXPRESSION = Parameter(
    name="expression", kind="text", description="copied from the problem or from a result"
)
_COPIED = Parameter(
    name="equation", kind="text", description="copied from the problem or from a result"
)
_VARIABLE = Parameter(name="variable", kind="text", description="one letter")

FUNCTIONS = (
    Function(
        signature=Signature(
            name="Equation",
            parameters=(
                Parameter(
                    name="equation", kind="text", description="with the problem's own numbers"
                ),
            ),
            description="State what one sentence of the problem says as an equation.",
            example="Equation(equation='3x + 2y = 16')",
            group="solve",
        ),
        run=_equation,
    ),
    Function(
        signature=Signature(
            name="Simplify",
            parameters=(_EXPRESSION,),
            description="Remove brackets and collect like terms, on each side of an equation.",
            example="Simplify(expression='2(x + 3) = 5x - 6')",
            group="solve",
        ),
        run=_simplify,
    ),
    Function(
        signature=Signature(
            name="SolveLinear",
            parameters=(_COPIED, _VARIABLE),
            description="Solve a simplified equation for one unknown.",
            example="SolveLinear(equation='x - y = 4', variable='x')",
            group="solve",
        ),
        run=_solve,
    ),
    Function(
        signature=Signature(
            name="Substitute",
            parameters=(
                _EXPRESSION,
                _VARIABLE,
                Parameter(name="value", kind="text", description="what variable was solved to"),
            ),
            description="Put what an unknown equals into an equation or expression.",
            example="Substitute(expression='3x + 2y = 16', variable='x', value='y + 4')",
            group="solve",
        ),
        run=_substitute,
    ),
    Function(
        signature=Signature(
            name="Check",
            parameters=(
                Parameter(name="claim", kind="text", description="an equation, or a number"),
            ),
            description="Verify an equation with the values found, or that a number is a result.",
            example="Check(claim='3x + 2y = 16')",
            group="verify",
        ),
        run=_check,
    ),
)
