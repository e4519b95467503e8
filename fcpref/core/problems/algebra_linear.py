"""Kind `linear` of family `algebra`: one equation with one unknown."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from fcpref.core.problems.algebra_draft import (
    LETTERS,
    Draft,
    Size,
    nonzero,
    show_linear,
    signed,
)

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_PLAIN = ("plain", "both", "shared")
_BRACKETS = ("bracket", "brackets")
_QUESTIONS = ("What is {asked}?", "Find {asked}.", "Give the value of {asked}.")


def draft_linear(size: Size, stream: Random) -> Draft | None:
    """Return an equation; None when the draw does not fit.

    Level 1 has no brackets and asks for the unknown; level 2 has brackets or asks for an
    expression of the unknown; level 3 has both.
    """
    brackets = size.level == 3 or (size.level == 2 and stream.random() < 0.5)  # noqa: PLR2004
    derived = size.level > 1 and (size.level == 3 or not brackets)  # noqa: PLR2004
    shape = stream.choice(_BRACKETS if brackets else _PLAIN)
    letter = stream.choice(LETTERS)
    most = size.coefficients
    a = stream.randint(2, most)
    d = stream.choice([n for n in range(1, most + 1) if n != a])
    b, c = nonzero(3 * most, stream), nonzero(3 * most, stream)
    slope = a if shape in {"plain", "bracket"} else a - d
    x = _root(shape, a, slope, most, stream)
    if x == 0:
        return None
    told = _tell(shape, letter, (a, b, c, d), x, stream)
    m, k = (stream.randint(2, most), nonzero(2 * most, stream)) if derived else (1, 0)
    asked = show_linear([m], [letter], k)
    if told is None:
        return None
    phrasing, sentence, equation, numbers = told
    return Draft(
        phrasing=phrasing,
        sentences=(sentence,),
        formal=(equation,),
        question=stream.choice(_QUESTIONS).format(asked=asked),
        equations=(equation,),
        asked=asked,
        values=(x,),
        gold=m * x + k,
        lines=(f"{letter} = {x}",),
        form=("linear", shape, *(str(number) for number in (*numbers, m, k))),
    )


def _root(shape: str, a: int, slope: int, most: int, stream: Random) -> Fraction:
    whole = stream.randint(-4 * most, 8 * most)
    if shape == "shared":
        return Fraction(a * whole)
    # Positive slopes only matter for size; every divisor of the slope may stand below the line.
    divisors = [n for n in range(1, 7) if slope % n == 0]
    return Fraction(whole, stream.choice((1, 1, 1, *divisors)))


def _tell(
    shape: str, v: str, numbers: tuple[int, int, int, int], x: Fraction, stream: Random
) -> tuple[str, str, str, tuple[int | Fraction, ...]] | None:
    """Return phrasing, sentence, equation, and the numbers that make the equation."""
    a, b, c, d = numbers
    story = x > 0 and x.denominator == 1 and b > 0
    times = v if d == 1 else f"{d} times {v}"
    match shape:
        case "plain":
            right = a * x + b
            said = {
                "number": f"{v} is a number. {a} times {v} {signed(b)} is {right}.",
                "machine": f"A machine multiplies a number {v} by {a}, then "
                f"{signed(b, 'adds', 'subtracts')}. Out comes {right}.",
                "ride": f"A ride of {v} miles costs ${right}: ${b} at the start and ${a} a mile."
                * story,
                "tickets": f"A theater takes in ${right}: {v} tickets at ${a} each, and ${b} "
                "as a gift." * story,
            }
            equation = f"{show_linear([a], [v], b)} = {right}"
            made: tuple[int | Fraction, ...] = (a, b, right)
        case "both":
            right = (a - d) * x + b
            story = story and right > 0 and d > 1
            said = {
                "number": f"{v} is a number. {a} times {v} {signed(b)} is as much as {times} "
                f"{signed(right)}.",
                "machine": f"Multiply a number {v} by {a} and {signed(b, 'add', 'subtract')}, or "
                f"multiply it by {d} and {signed(right, 'add', 'subtract')}: the result is the "
                "same." * (d > 1),
                "plans": f"A phone plan costs ${b} and ${a} a month more, another one ${right} and "
                f"${d} a month more. After {v} months they have cost the same." * story,
                "tanks": f"A tank holds {b} liters and gains {a} an hour. Another holds {right} "
                f"and gains {d} an hour. After {v} hours they hold the same." * story,
            }
            equation = f"{show_linear([a], [v], b)} = {show_linear([d], [v], right)}"
            made = (a, b, d, right)
        case "shared":
            right = x / a + b
            said = {
                "number": f"{v} is a number. {v} divided by {a}, {signed(b)}, is {right}.",
                "machine": f"A machine divides a number {v} by {a}, then "
                f"{signed(b, 'adds', 'subtracts')}. Out comes {right}.",
                "friends": f"{a} friends share {v} dollars equally. Each of them also gets ${b} "
                f"and then has ${right}." * story,
                "ropes": f"A rope of {v} meters is cut into {a} equal pieces. Each piece is "
                f"tied to {b} meters more and is then {right} meters long." * story,
            }
            equation = f"{v}/{a} {signed(b, '+', '-')} = {right}"
            made = (a, b, right)
        case "bracket":
            right = a * (x + b)
            said = {
                "number": f"{v} is a number. {signed(b, 'Add', 'Subtract')} "
                f"{'to' if b > 0 else 'from'} {v}, multiply by {a}, and the result is {right}.",
                "machine": f"A machine {signed(b, 'adds', 'subtracts')} "
                f"{'to' if b > 0 else 'from'} a number {v}, then multiplies by {a}. "
                f"Out comes {right}.",
                "boxes": f"Each of {a} boxes holds {v} pens and {b} pencils. In all these are "
                f"{right} things." * story,
                "rows": f"Each of {a} rows has {v} seats, and now {b} seats more. That makes "
                f"{right} seats." * story,
            }
            equation = f"{a}({show_linear([1], [v], b)}) = {right}"
            made = (a, b, right)
        case _:
            right = a * (x + b) + c - d * x
            story = story and c > 0 and right > 0 and d > 1
            inner = f"{'sum' if b > 0 else 'difference'} of {v} and {abs(b)}"
            said = {
                "number": f"{v} is a number. {a} times the {inner}, {signed(c)}, is as much as "
                f"{times} {signed(right)}.",
                "machine": f"A machine {signed(b, 'adds', 'subtracts')} "
                f"{'to' if b > 0 else 'from'} a number {v}, multiplies by {a} and "
                f"{signed(c, 'adds', 'subtracts')}. Out comes {times} {signed(right)}.",
                "boxes": f"A shop has {a} boxes, each with {v} pens and {b} pencils, and {c} loose "
                f"pens. Another shop has {d} boxes with {v} pens each and {right} loose pens. Both "
                "have the same number of things." * story,
            }
            equation = (
                f"{a}({show_linear([1], [v], b)}) {signed(c, '+', '-')} = "
                f"{show_linear([d], [v], right)}"
            )
            made = (a, b, c, d, right)
    phrasing = stream.choice([name for name, text in said.items() if text])
    return None if right == 0 else (phrasing, said[phrasing], equation, made)
