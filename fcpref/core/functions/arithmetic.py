"""Group `arithmetic`: exact operations on rationals, and a check of what was computed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

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
    fail,
    succeed,
)
from fcpref.core.numbers import show_number, too_large

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_EXPONENT = 64
MAX_POWER_BITS = 4_096
MAX_PLACES = 12


class _DomainError(Exception):
    """An operation is not defined for its operands; caught below."""


def add(a: Fraction, b: Fraction) -> Fraction:
    """Return a + b."""
    return a + b


def subtract(a: Fraction, b: Fraction) -> Fraction:
    """Return a - b."""
    return a - b


def multiply(a: Fraction, b: Fraction) -> Fraction:
    """Return a * b."""
    return a * b


def divide(a: Fraction, b: Fraction) -> Fraction:
    """Return a / b."""
    if b == 0:
        message = "division by zero"
        raise _DomainError(message)
    return a / b


def power(a: Fraction, b: Fraction) -> Fraction:
    """Return a to the power b, b a whole number from -64 to 64."""
    if b.denominator != 1 or abs(b) > MAX_EXPONENT:
        message = f"the exponent must be a whole number up to {MAX_EXPONENT}"
        raise _DomainError(message)
    if a == 0 and b < 0:
        message = "division by zero"
        raise _DomainError(message)
    return Fraction(a ** int(b))


def percent(a: Fraction, b: Fraction) -> Fraction:
    """Return a percent of b."""
    return a * b / 100


def round_half_up(a: Fraction, b: Fraction) -> Fraction:
    """Return a rounded to b decimal places, halves away from zero."""
    if b.denominator != 1 or not 0 <= b <= MAX_PLACES:
        message = f"places must be a whole number from 0 to {MAX_PLACES}"
        raise _DomainError(message)
    scale = 10 ** int(b)
    scaled = abs(a) * scale + Fraction(1, 2)
    rounded = Fraction(scaled.numerator // scaled.denominator, scale)
    return -rounded if a < 0 else rounded


def _function(
    name: str,
    names: tuple[str, str],
    description: str,
    example: str,
    compute: Callable[[Fraction, Fraction], Fraction],
    default: Fraction | None = None,
) -> Function:
    def run(arguments: Arguments, memory: Memory) -> Effect:
        a, b = (cast("Fraction", arguments[key]) for key in names)
        # The size of a power is known before it is computed.
        bits = max(a.numerator.bit_length(), a.denominator.bit_length())
        if compute is power and bits * abs(b) > MAX_POWER_BITS:
            return fail(memory, FailureCode.LIMIT, "the result is too large")
        try:
            result = compute(a, b)
        except _DomainError as error:
            return fail(memory, FailureCode.ARGUMENT_DOMAIN, str(error))
        if too_large(result):
            return fail(memory, FailureCode.LIMIT, "the result is too large")
        uses = (str(a),) if compute is round_half_up else (str(a), str(b))
        fact = Fact(key=str(result), uses=uses, call=memory.steps, by=name)
        return succeed(evolve(memory, facts=(*memory.facts, fact)), show_number(result))

    first, second = names
    return Function(
        signature=Signature(
            name=name,
            parameters=(
                Parameter(name=first, kind="number", description=f"{first}"),
                Parameter(name=second, kind="number", description=f"{second}", default=default),
            ),
            description=description,
            example=example,
            group="solve",
        ),
        run=run,
    )


def _check(arguments: Arguments, memory: Memory) -> Effect:
    value = cast("Fraction", arguments["value"])
    if any(fact.key == str(value) for fact in memory.facts):
        return succeed(memory, f"{show_number(value)} is the result of a call.")
    return succeed(memory, f"{show_number(value)} is not the result of a call so far.")


_AB = ("a", "b")
FUNCTIONS = (
    _function("Add", _AB, "Return a + b.", "Add(a=2, b=3.5)", add),
    _function("Subtract", _AB, "Return a - b.", "Subtract(a=10, b=4)", subtract),
    _function("Multiply", _AB, "Return a * b.", "Multiply(a=6, b=7)", multiply),
    _function("Divide", _AB, "Return a / b, exactly.", "Divide(a=10, b=4)", divide),
    _function("Power", _AB, "Return a to the power b.", "Power(a=2, b=3)", power),
    _function(
        "Percent", ("p", "of"), "Return p percent of a number.", "Percent(p=20, of=50)", percent
    ),
    _function(
        "Round", ("a", "places"), "Round a, halves up.", "Round(a=2.345, places=2)",
        round_half_up, Fraction(0),
    ),
    Function(
        signature=Signature(
            name="Check",
            parameters=(Parameter(name="value", kind="number", description="a number"),),
            description="Verify that a number is the result of a call.",
            example="Check(value=42)",
            group="verify",
        ),
        run=_check,
    ),
)  # fmt: skip
