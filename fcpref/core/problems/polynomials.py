"""Polynomials over exact rationals: a value, its arithmetic under limits, its printed form.

Letters are single lower-case ones. Every operation is bounded: what would have too many terms, too
high a degree or too long numbers is None, so nothing takes unbounded time or memory.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TERMS = 12
MAX_DEGREE = 6
MAX_BITS = 256

Monomial = tuple[str, ...]


@frozen
class Polynomial:
    """A sum of terms.

    Attributes:
        terms: (letters in order with repetition, coefficient), highest degree first and then by
            letter; no coefficient is 0. The zero polynomial has no term.
    """

    terms: tuple[tuple[Monomial, Fraction], ...] = ()

    @property
    def letters(self) -> frozenset[str]:
        """Return the letters that occur."""
        return frozenset(letter for monomial, _ in self.terms for letter in monomial)

    @property
    def number(self) -> Fraction | None:
        """Return the value of a polynomial without letters, else None."""
        if not self.terms:
            return Fraction(0)
        monomial, coefficient = self.terms[0]
        return None if monomial else coefficient


def constant(value: Fraction) -> Polynomial:
    """Return a number as a polynomial."""
    return Polynomial((((), value),)) if value else Polynomial()


def variable(letter: str) -> Polynomial:
    """Return a letter as a polynomial."""
    return Polynomial((((letter,), Fraction(1)),))


def add(left: Polynomial, right: Polynomial) -> Polynomial | None:
    """Return left + right; None when it is too large."""
    return _collect((*left.terms, *right.terms))


def scale(polynomial: Polynomial, factor: Fraction) -> Polynomial | None:
    """Return a multiple; None when it is too large."""
    return _collect((monomial, value * factor) for monomial, value in polynomial.terms)


def subtract(left: Polynomial, right: Polynomial) -> Polynomial | None:
    """Return left - right; None when it is too large."""
    return _collect((*left.terms, *((monomial, -value) for monomial, value in right.terms)))


def multiply(left: Polynomial, right: Polynomial) -> Polynomial | None:
    """Return left * right; None when it is too large."""
    if _degree(left) + _degree(right) > MAX_DEGREE:
        return None
    return _collect((tuple(sorted(a + b)), x * y) for a, x in left.terms for b, y in right.terms)


def power(base: Polynomial, exponent: int) -> Polynomial | None:
    """Return a power, exponent from 0 to 6; None when it is too large or the exponent is not."""
    if not 0 <= exponent <= MAX_DEGREE:
        return None
    result: Polynomial | None = constant(Fraction(1))
    for _ in range(exponent):
        if result is None:
            return None
        result = multiply(result, base)
    return result


def substitute(polynomial: Polynomial, letter: str, value: Polynomial) -> Polynomial | None:
    """Return the polynomial with a value in place of a letter; None when it is too large."""
    total: Polynomial | None = Polynomial()
    for monomial, coefficient in polynomial.terms:
        count = monomial.count(letter)
        rest = tuple(other for other in monomial if other != letter)
        raised = power(value, count)
        term = None if raised is None else multiply(Polynomial(((rest, coefficient),)), raised)
        if term is None or total is None:
            return None
        total = add(total, term)
    return total


def solve_for(left: Polynomial, right: Polynomial, letter: str) -> Polynomial | None:
    """Return what a letter equals by left = right; None when that is not linear in the letter."""
    difference = subtract(left, right)
    if difference is None:
        return None
    with_letter = [term for term in difference.terms if letter in term[0]]
    if len(with_letter) != 1 or with_letter[0][0] != (letter,):
        return None
    rest = Polynomial(tuple(term for term in difference.terms if letter not in term[0]))
    return scale(rest, -1 / with_letter[0][1])


def show(polynomial: Polynomial) -> str:
    """Print a polynomial as a reader writes it: ``2x^2 - 3/4*x*y + 5``."""
    if not polynomial.terms:
        return "0"
    out = ""
    for index, (monomial, coefficient) in enumerate(polynomial.terms):
        sign = "-" if coefficient < 0 else "+"
        if index:
            out += f" {sign} "
        elif sign == "-":
            out = "-"
        out += _term(monomial, abs(coefficient))
    return out


def _term(monomial: Monomial, size: Fraction) -> str:
    powers = [
        letter if monomial.count(letter) == 1 else f"{letter}^{monomial.count(letter)}"
        for letter in dict.fromkeys(monomial)
    ]
    if not powers:
        return str(size)
    if size == 1:
        return "*".join(powers)
    # "3/4x" would leave it open whether x is above or below the line.
    joint = "" if size.denominator == 1 else "*"
    return f"{size}{joint}{'*'.join(powers)}"


def _degree(polynomial: Polynomial) -> int:
    return len(polynomial.terms[0][0]) if polynomial.terms else 0


def _collect(terms: Iterable[tuple[Monomial, Fraction]]) -> Polynomial | None:
    sums: dict[Monomial, Fraction] = {}
    for monomial, value in terms:
        total = sums.get(monomial, 0) + value
        if _long(total):
            return None
        sums[monomial] = total
    kept = [(monomial, value) for monomial, value in sums.items() if value]
    if len(kept) > MAX_TERMS:
        return None
    kept.sort(key=lambda term: (-len(term[0]), term[0]))
    return Polynomial(tuple(kept))


def _long(value: Fraction) -> bool:
    return value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS
