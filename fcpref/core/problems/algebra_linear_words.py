"""The sentences of kind `linear` of family `algebra`, ordinary and held out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.problems.algebra_draft import signed

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen(kw_only=True)
class Numbers:
    """What an equation is made of: the unknown `v`, its value `x`, and the numbers around it."""

    v: str
    x: Fraction
    a: int
    b: int
    c: int
    d: int
    right: Fraction

    @property
    def story(self) -> bool:
        """Tell whether the numbers are those of things: whole and positive."""
        return self.x > 0 and self.x.denominator == 1 and self.b > 0 and self.right > 0

    @property
    def times(self) -> str:
        """Return the multiple of the unknown on the right."""
        return self.v if self.d == 1 else f"{self.d} times {self.v}"


def say_linear(shape: str, n: Numbers) -> Mapping[str, str]:
    """Return the ordinary sentences, by the name of their situation; empty where none fits."""
    v, a, b, c, d, right = n.v, n.a, n.b, n.c, n.d, n.right
    side = f"{signed(b, 'adds', 'subtracts')} {'to' if b > 0 else 'from'} a number {v}"
    match shape:
        case "plain":
            return {
                "number": f"{v} is a number. {a} times {v} {signed(b)} is {right}.",
                "machine": f"A machine multiplies a number {v} by {a}, then "
                f"{signed(b, 'adds', 'subtracts')}. Out comes {right}.",
                "ride": f"A ride of {v} miles costs ${right}: ${b} at the start and ${a} a mile."
                * n.story,
                "tickets": f"A theater takes in ${right}: {v} tickets at ${a} each, and ${b} "
                "as a gift." * n.story,
            }
        case "both":
            return {
                "number": f"{v} is a number. {a} times {v} {signed(b)} is as much as {n.times} "
                f"{signed(right)}.",
                "machine": f"Multiply a number {v} by {a} and {signed(b, 'add', 'subtract')}, or "
                f"multiply it by {d} and {signed(right, 'add', 'subtract')}: the result is the "
                "same." * (d > 1),
                "plans": f"A phone plan costs ${b} and ${a} a month more, another one ${right} and "
                f"${d} a month more. After {v} months they have cost the same."
                * (n.story and d > 1),
                "tanks": f"A tank holds {b} liters and gains {a} an hour. Another holds {right} "
                f"and gains {d} an hour. After {v} hours they hold the same." * (n.story and d > 1),
            }
        case "shared":
            return {
                "number": f"{v} is a number. {v} divided by {a}, {signed(b)}, is {right}.",
                "machine": f"A machine divides a number {v} by {a}, then "
                f"{signed(b, 'adds', 'subtracts')}. Out comes {right}.",
                "friends": f"{a} friends share {v} dollars equally. Each of them also gets ${b} "
                f"and then has ${right}." * n.story,
                "ropes": f"A rope of {v} meters is cut into {a} equal pieces. Each piece is "
                f"tied to {b} meters more and is then {right} meters long." * n.story,
            }
        case "bracket":
            return {
                "number": f"{v} is a number. {signed(b, 'Add', 'Subtract')} "
                f"{'to' if b > 0 else 'from'} {v}, multiply by {a}, and the result is {right}.",
                "machine": f"A machine {side}, then multiplies by {a}. Out comes {right}.",
                "boxes": f"Each of {a} boxes holds {v} pens and {b} pencils. In all these are "
                f"{right} things." * n.story,
                "rows": f"Each of {a} rows has {v} seats, and now {b} seats more. That makes "
                f"{right} seats." * n.story,
            }
    inner = f"{'sum' if b > 0 else 'difference'} of {v} and {abs(b)}"
    return {
        "number": f"{v} is a number. {a} times the {inner}, {signed(c)}, is as much as "
        f"{n.times} {signed(right)}.",
        "machine": f"A machine {side}, multiplies by {a} and {signed(c, 'adds', 'subtracts')}. "
        f"Out comes {n.times} {signed(right)}.",
        "boxes": f"A shop has {a} boxes, each with {v} pens and {b} pencils, and {c} loose "
        f"pens. Another shop has {d} boxes with {v} pens each and {right} loose pens. Both "
        "have the same number of things." * (n.story and c > 0 and d > 1),
    }


def say_linear_otherwise(shape: str, n: Numbers) -> Mapping[str, str]:
    """Return the sentences that only a held-out test set uses."""
    v, a, b, c, d, right = n.v, n.a, n.b, n.c, n.d, n.right
    then = signed(b, "and a further", "but without")
    far = f"{abs(b)} {'above' if b > 0 else 'below'} {v}"
    match shape:
        case "plain":
            return {
                "riddle": f"Think of {v}. Taken {a} times, {then}, it makes {right}.",
                "printer": f"Printing {v} posters at ${a} a poster comes to ${right}, a fee of "
                f"${b} included." * n.story,
                "stack": f"On a base of {b} centimeters stand {v} bricks of {a} centimeters each, "
                f"and the top is at {right} centimeters." * n.story,
            }
        case "both":
            return {
                "riddle": f"Think of {v}. Taken {a} times, {then}, it equals {n.times}, "
                f"{signed(right, 'and a further', 'but without')}.",
                "candles": f"Sam owns {b} stamps and buys {a} a week, Lea owns {right} and buys "
                f"{d} a week. In week {v} their collections are equally large."
                * (n.story and d > 1),
            }
        case "shared":
            return {
                "riddle": f"Think of {v}. A part, when it is split into {a} equal parts, "
                f"{then}, makes {right}.",
                "cake": f"A baker splits {v} grams of dough into {a} equal loaves, and with {b} "
                f"grams of nuts a loaf weighs {right} grams." * n.story,
            }
        case "bracket":
            return {
                "riddle": f"Think of {v}. The number that is {far}, taken {a} times, makes "
                f"{right}.",
                "teams": f"At a camp {a} teams have {v} girls and {b} boys each, {right} people "
                "altogether." * n.story,
            }
    return {
        "riddle": f"Think of {v}. The number that is {far}, taken {a} times, "
        f"{signed(c, 'and a further', 'but without')}, equals {n.times}, "
        f"{signed(right, 'and a further', 'but without')}.",
        "teams": f"One camp has {a} teams of {v} girls and {b} boys and {c} cooks. A second camp "
        f"is as large, with {d} teams of {v} girls and {right} cooks."
        * (n.story and c > 0 and d > 1),
    }
