"""Equations and expressions as people write them, read by hand into polynomials.

``3(x - 4) + 5 = 2x + 11``, ``x/4 - 1/2*y`` and ``-x^2``: a whitelist of numbers, single letters,
``+ - * / ^``, brackets and one ``=``; nothing is ever evaluated as code. A division by a letter and
a power with a letter above are not polynomials and are refused. ``3/4x`` is three quarters of x.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, NoReturn

from attrs import frozen

from fcpref.core.problems.polynomials import (
    MAX_DEGREE,
    Polynomial,
    add,
    constant,
    multiply,
    power,
    scale,
    show,
    subtract,
    variable,
)

MAX_LENGTH = 160
MAX_NESTING = 10
MAX_DIGITS = 16
_TOKEN = re.compile(
    r"\s+|\d+(?:\.\d+)?|[a-z]+|\*\*|[-+*/^()=\u2212\u2013\u00d7\u00b7\u00f7]", re.ASCII
)
_SAME = {"**": "^", "\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "\u00f7": "/"}
_MAX_LETTERS = 2  # "xy" is a product, "price" is no name of an unknown


@frozen(kw_only=True)
class Reading:
    """A text that is an expression or an equation.

    Attributes:
        key: the text without spaces and with every product sign: equal for two copies of one text
            only, not for texts that are equal after calculation.
        sides: one polynomial for an expression, two for an equation.
        numbers: the numbers written, in order.
        collected: no brackets, and no two terms that could be added up, on any side.
    """

    key: str
    sides: tuple[Polynomial, ...]
    numbers: tuple[Fraction, ...]
    collected: bool

    @property
    def letters(self) -> frozenset[str]:
        """Return the letters that are left after like terms are collected."""
        return frozenset[str]().union(*(side.letters for side in self.sides))


@frozen(kw_only=True)
class Refusal:
    """Why a text was not read: it is no such text, or it goes beyond a limit."""

    reason: Literal["unreadable", "limit"]
    text: str


class _BadTextError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def read(text: str) -> Reading | Refusal:
    """Read an expression or an equation; never raises.

    Args:
        text: at most 160 characters; numbers of at most 16 digits, exponents from 0 to 6, brackets
            nested at most 10 deep, and no more than 12 terms of degree 6 at any point.
    """
    if len(text) > MAX_LENGTH:
        return Refusal(reason="limit", text=f"a text may have {MAX_LENGTH} characters at most")
    try:
        return _Reader(_tokens(text)).whole()
    except _BadTextError as bad:
        return bad.refusal


def show_sides(sides: tuple[Polynomial, ...]) -> str:
    """Print an expression, or an equation, with like terms collected."""
    return " = ".join(show(side) for side in sides)


def _refuse(reason: Literal["unreadable", "limit"], text: str) -> NoReturn:
    raise _BadTextError(Refusal(reason=reason, text=text))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            _refuse("unreadable", f"{text[at]!a} is not allowed in an expression")
        at = found.end()
        token = found[0]
        if token.isalpha():
            if len(token) > _MAX_LETTERS:
                _refuse("unreadable", f"{token[:20]} is not a letter: an unknown is one letter")
            tokens.extend(token)
        elif token[0].isdigit():
            if len(token) > MAX_DIGITS:
                _refuse("limit", f"a number may have {MAX_DIGITS} digits at most")
            whole, _, decimals = token.partition(".")
            tokens.append(f"{int(whole)}.{decimals.rstrip('0')}".rstrip("."))
        elif not token.isspace():
            tokens.append(_SAME.get(token, token))
    return tokens


class _Reader:
    """Recursive descent; every step takes a token or stops, so it always ends."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.key: list[str] = []
        self.numbers: list[Fraction] = []
        self.brackets = False
        self.terms = 0

    def whole(self) -> Reading:
        sides, terms = [], []
        while True:
            sides.append(self.sum(0))
            terms.append(self.terms)
            if self.peek() != "=" or len(sides) > 1:
                break
            self.take()
        if self.at < len(self.tokens):
            _refuse("unreadable", f"{self.peek()} is out of place")
        collected = not self.brackets and all(
            count == max(1, len(side.terms)) for count, side in zip(terms, sides, strict=True)
        )
        return Reading(
            key="".join(self.key),
            sides=tuple(sides),
            numbers=tuple(self.numbers),
            collected=collected,
        )

    def sum(self, depth: int) -> Polynomial:
        sign = self.take() if self.peek() in {"+", "-"} else "+"
        total = self.product(depth)
        total = _within(scale(total, Fraction(-1))) if sign == "-" else total
        terms = 1
        while self.peek() in {"+", "-"}:
            join = add if self.take() == "+" else subtract
            total = _within(join(total, self.product(depth)))
            terms += 1
        self.terms = terms
        return total

    def product(self, depth: int) -> Polynomial:
        total = self.factor(depth)
        while True:
            mark = self.peek()
            if mark == "/":
                self.take()
                divisor = self.factor(depth).number
                if not divisor:
                    _refuse("unreadable", "only a number other than 0 may stand below a line")
                total = _within(scale(total, 1 / divisor))
            elif mark == "*":
                self.take()
                total = _within(multiply(total, self.factor(depth)))
            elif mark == "(" or mark.isalpha():
                self.key.append("*")
                total = _within(multiply(total, self.factor(depth)))
            else:
                return total

    def factor(self, depth: int) -> Polynomial:
        if depth > MAX_NESTING:
            _refuse("limit", f"nested deeper than {MAX_NESTING}")
        if self.peek() == "-":
            self.take()
            return _within(scale(self.factor(depth + 1), Fraction(-1)))
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.peek()
        if not exponent.isdigit():
            _refuse("unreadable", "an exponent must be a whole number")
        if int(exponent) > MAX_DEGREE:
            _refuse("limit", f"an exponent may be {MAX_DEGREE} at most")
        self.take()
        return _within(power(base, int(exponent)))

    def atom(self, depth: int) -> Polynomial:
        mark = self.take()
        if mark.isalpha():
            return variable(mark)
        if mark[:1].isdigit():
            value = Fraction(mark)
            self.numbers.append(value)
            return constant(value)
        if mark != "(":
            _refuse("unreadable", f"{mark or 'the end'} is out of place")
        self.brackets = True
        inside = self.sum(depth + 1)
        if self.take() != ")":
            _refuse("unreadable", "a bracket is not closed")
        return inside

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        mark = self.peek()
        self.at += 1
        self.key.append(mark)
        return mark


def _within(polynomial: Polynomial | None) -> Polynomial:
    if polynomial is None:
        _refuse("limit", "the expression is too large")
    return polynomial
