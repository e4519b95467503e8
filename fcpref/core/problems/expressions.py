"""Arithmetic expressions as people write them: read into a small tree, worked out exactly.

``(600*2)*2``, ``$1,200 - .5``, ``20% * 50`` and ``3(4 + 1)`` are read by hand, never evaluated as
code. Length, nesting and magnitude are bounded before anything is computed.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from attrs import evolve, frozen

from fcpref.core.numbers import read_number, too_large

Operator = Literal["+", "-", "*", "/", "^"]
MAX_LENGTH = 400
MAX_NESTING = 12
MAX_EXPONENT = 64
_TOKEN = re.compile(
    r"(?P<mixed>\d{1,6}\s+(?:and\s+)?\d{1,6}/\d{1,6}(?![\d.]))"
    r"|(?P<number>(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?P<percent>\s?%)?)"
    r"|(?P<operator>\*\*|//|[-+*/^()\[\]x\u00d7\u00f7\u2212\u2013])|(?P<skip>[\s$]+)",
    re.ASCII,
)
_SAME: dict[str, str] = {
    "**": "^", "//": "/", "x": "*", "\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-",
    "[": "(", "]": ")",
}  # fmt: skip
_RANK: dict[str, int] = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_SIGN_RANK = 3  # -2^2 is -(2^2), and -2*3 is (-2)*3


@frozen(kw_only=True)
class Number:
    """A number as written; `percent` when a percent sign follows it (its value is then p/100)."""

    value: Fraction
    percent: bool = False


@frozen(kw_only=True)
class Operation:
    """Two expressions joined by an operator."""

    operator: Operator
    left: Expression
    right: Expression


Expression = Number | Operation


def parse_expression(text: str) -> Expression | None:
    """Read an expression; None for any text that is not one. Never raises."""
    if len(text) > MAX_LENGTH:
        return None
    tokens = _tokens(text)
    if not tokens:
        return None
    reader = _Reader(tokens)
    try:
        found = reader.expression(0, 0)
    except _BadExpressionError:
        return None
    return found if reader.at == len(tokens) else None


def evaluate(expression: Expression) -> Fraction | None:
    """Return the exact value, or None where it is undefined or too large."""
    if isinstance(expression, Number):
        return expression.value
    left, right = evaluate(expression.left), evaluate(expression.right)
    return None if left is None or right is None else apply(expression.operator, left, right)


def apply(operator: Operator, left: Fraction, right: Fraction) -> Fraction | None:
    """Return `left operator right` exactly, or None where it is undefined or too large."""
    value: Fraction | None
    match operator:
        case "+":
            value = left + right
        case "-":
            value = left - right
        case "*":
            value = left * right
        case "/":
            if right == 0:
                return None
            value = left / right
        case "^":
            value = _power(left, right)
            if value is None:
                return None
    return None if too_large(value) else value


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT or (base == 0 and exponent < 0):
        return None
    return Fraction(base ** int(exponent))


def in_points(expression: Expression) -> Expression | None:
    """Return an expression of a percentage with its value in points: 60% * 40% is 60% of 40.

    None where the expression is not a sum, multiple or share of percentages.
    """
    if isinstance(expression, Number):
        return Number(value=expression.value * 100) if expression.percent else None
    left, right = in_points(expression.left), in_points(expression.right)
    match expression.operator:
        case "+" | "-" if left is not None and right is not None:
            return evolve(expression, left=left, right=right)
        case "*" if right is not None:
            return evolve(expression, right=right)
        case "*" | "/" if left is not None:
            return evolve(expression, left=left)
    return None


def count_operations(expression: Expression) -> int:
    """Return how many operators an expression has."""
    if isinstance(expression, Number):
        return 0
    return 1 + count_operations(expression.left) + count_operations(expression.right)


class _BadExpressionError(Exception):
    """Not an expression; never leaves this module."""


def _tokens(text: str) -> list[str | Number] | None:
    tokens: list[str | Number] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            return None
        at = found.end()
        if found["operator"]:
            tokens.append(_SAME.get(found["operator"], found["operator"]))
        elif found["mixed"]:
            whole, _, part = found["mixed"].replace("and", " ").partition(" ")
            fraction = read_number(part.strip())
            if fraction is None:
                return None
            tokens.append(Number(value=int(whole) + fraction))
        elif found["number"]:
            digits = found["number"].rstrip("% ").rstrip(",")
            value = read_number(digits.replace(",", ""))
            if value is None:
                return None
            percent = found["percent"] is not None
            tokens.append(Number(value=value / 100 if percent else value, percent=percent))
    return tokens


class _Reader:
    """Precedence climbing over tokens; every step takes a token or stops, so it always ends."""

    def __init__(self, tokens: list[str | Number]) -> None:
        self.tokens = tokens
        self.at = 0

    def expression(self, rank: int, depth: int) -> Expression:
        left = self.atom(depth)
        while (operator := self.operator()) is not None and _RANK[operator] > rank:
            if self.peek() == operator:
                self.at += 1  # an implicit product has no token of its own
            # A power groups to the right, everything else to the left.
            inner = _RANK[operator] - (operator == "^")
            left = Operation(operator=operator, left=left, right=self.expression(inner, depth + 1))
        return left

    def operator(self) -> Operator | None:
        match self.peek():
            case "+" | "-" | "*" | "/" | "^" as operator:
                return operator
            case "(":
                return "*"
        return None

    def atom(self, depth: int) -> Expression:
        token = self.peek()
        self.at += 1
        if depth > MAX_NESTING:
            raise _BadExpressionError
        match token:
            case Number():
                return token
            case "(":
                inside = self.expression(0, depth + 1)
                if self.peek() != ")":
                    raise _BadExpressionError
                self.at += 1
                return inside
            case "+":
                return self.expression(_SIGN_RANK, depth + 1)
            case "-":
                inside = self.expression(_SIGN_RANK, depth + 1)
                if isinstance(inside, Number):
                    return Number(value=-inside.value, percent=inside.percent)
                return Operation(operator="-", left=Number(value=Fraction(0)), right=inside)
        raise _BadExpressionError

    def peek(self) -> str | Number | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None
