"""Kind `linear` of family `algebra`: one equation with one unknown."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import (
    Draft,
    Size,
    choose,
    nonzero,
    phrase,
    show_linear,
    signed,
)
from fcpref.core.problems.algebra_form import equations_form
from fcpref.core.problems.algebra_linear_words import Numbers, say_linear, say_linear_otherwise

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_PLAIN = ("plain", "both", "shared")
_BRACKETS = ("bracket", "brackets")
QUESTIONS = ("What is {asked}?", "Find {asked}.", "Give the value of {asked}.")
OTHER_QUESTIONS = ("How much is {asked}?", "Work out {asked}.")
_SHAPES = 3
_HALF = 0.5


def draft_linear(size: Size, stream: Random) -> Draft | None:
    """Return an equation; None when the draw does not fit.

    Level 1 has no brackets and asks for the unknown; level 2 has brackets or asks for an
    expression of the unknown; level 3 and above has both.
    """
    brackets = size.level >= _SHAPES or (size.level > 1 and stream.random() < _HALF)
    derived = size.level > 1 and (size.level >= _SHAPES or not brackets)
    shape = stream.choice(_BRACKETS if brackets else _PLAIN)
    letter = stream.choice(size.words.letters)
    most = size.coefficients
    a = stream.randint(2, most)
    d = stream.choice([n for n in range(1, most + 1) if n != a])
    b, c = nonzero(3 * most, stream), nonzero(3 * most, stream)
    x = _root(shape, a, a if shape in {"plain", "bracket"} else a - d, most, stream)
    right = _right(shape, (a, b, c, d), x)
    if x == 0 or right == 0:
        return None
    numbers = Numbers(v=letter, x=x, a=a, b=b, c=c, d=d, right=right)
    told = phrase(size, say_linear(shape, numbers), say_linear_otherwise(shape, numbers), stream)
    if told is None:
        return None
    phrasing, sentence = told
    m, k = (stream.randint(2, most), nonzero(2 * most, stream)) if derived else (1, 0)
    asked = show_linear([m], [letter], k)
    equation = _equation(shape, numbers)
    return Draft(
        phrasing=phrasing,
        sentences=(sentence,),
        formal=(equation,),
        question=choose(size, QUESTIONS, OTHER_QUESTIONS, stream).format(asked=asked),
        equations=(equation,),
        asked=asked,
        values=(x,),
        gold=m * x + k,
        lines=(f"{letter} = {x}",),
        form=equations_form([equation], asked),
    )


def _root(shape: str, a: int, slope: int, most: int, stream: Random) -> Fraction:
    whole = stream.randint(-4 * most, 8 * most)
    if shape == "shared":
        return Fraction(a * whole)
    # Positive slopes only matter for size; every divisor of the slope may stand below the line.
    divisors = [n for n in range(1, 7) if slope % n == 0]
    return Fraction(whole, stream.choice((1, 1, 1, *divisors)))


def _right(shape: str, numbers: tuple[int, int, int, int], x: Fraction) -> Fraction:
    """Return the number on the right that makes x the solution."""
    a, b, c, d = numbers
    match shape:
        case "plain":
            return a * x + b
        case "both":
            return (a - d) * x + b
        case "shared":
            return x / a + b
        case "bracket":
            return a * (x + b)
    return a * (x + b) + c - d * x


def _equation(shape: str, numbers: Numbers) -> str:
    v, a, b, c, d = numbers.v, numbers.a, numbers.b, numbers.c, numbers.d
    right = numbers.right
    match shape:
        case "plain":
            return f"{show_linear([a], [v], b)} = {right}"
        case "both":
            return f"{show_linear([a], [v], b)} = {show_linear([d], [v], right)}"
        case "shared":
            return f"{v}/{a} {signed(b, '+', '-')} = {right}"
        case "bracket":
            return f"{a}({show_linear([1], [v], b)}) = {right}"
    left = f"{a}({show_linear([1], [v], b)}) {signed(c, '+', '-')}"
    return f"{left} = {show_linear([d], [v], right)}"
