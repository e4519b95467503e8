"""Arithmetic on symbols: is one computation the same as another, whatever the numbers are?

A computation from given numbers is a rational function of them. Two such functions are one when
they agree at a random point of a large field (Schwartz and Zippel): functions of degree d that
differ agree there with a chance of at most d / `PRIME`, which for the sizes that calls allow is
below 1 in 10^14. The point is no chance: a symbol's residue is a hash of its name, so that a score
is the same every time. Exact numbers keep their own residues, and an identity of exact numbers
always holds in the field, so an error can only refuse a computation, never pass an identity off
as one.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

PRIME = 2**61 - 1
_PER_CENT = pow(100, -1, PRIME)


@lru_cache(maxsize=16_384)
def residue(number: str) -> int | None:
    """Return the residue of an exact number ("-7", "10/3"); None where it has none."""
    top, _, bottom = number.partition("/")
    return divide(int(top) % PRIME, int(bottom or 1) % PRIME)


@lru_cache(maxsize=16_384)
def symbol(name: str) -> int:
    """Return the residue that stands for whatever is called so."""
    return int.from_bytes(sha256(name.encode()).digest()[:16]) % PRIME


def divide(a: int, b: int) -> int | None:
    """Return a / b in the field; None where b is zero there."""
    if b in {0, 1}:
        return a if b else None
    return a * pow(b, -1, PRIME) % PRIME


def combine(function: str, operands: list[int], power: str) -> int | None:
    """Return what an arithmetic function makes of two residues.

    Args:
        function: its name; `Round` is no function of residues.
        operands: the residues.
        power: the second operand's exact number, for `Power`.

    Returns:
        The residue, or None where it is not defined in the field.
    """
    a, b = operands
    match function:
        case "Add":
            return (a + b) % PRIME
        case "Subtract":
            return (a - b) % PRIME
        case "Multiply":
            return a * b % PRIME
        case "Percent":
            return a * b * _PER_CENT % PRIME
        case "Divide":
            return divide(a, b)
        case "Power":
            return _raise(a, b, power)
    return None


def _raise(a: int, b: int, power: str) -> int | None:
    if a == 1 or b == 0:
        return 1
    if residue(power) != b:
        # An exponent is no element of the field; what it stands for is known by its name only.
        return symbol(f"{a}^{b}")
    exponent = int(power)
    if exponent < 0:
        return None if a == 0 else pow(a, exponent, PRIME)
    return pow(a, exponent, PRIME)
