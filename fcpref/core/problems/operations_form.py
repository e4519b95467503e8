"""The canonical form of a chain of operations: what no reordering changes.

It is the tree of operations over numbers. A chain of additions and subtractions is a bag of terms,
a chain of multiplications and divisions a bag of factors: "eats 3, then buys 5" and "buys 5, then
eats 3" are one. Taking or adding a share of the whole is a factor, too.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = int | Fraction
Bag = tuple[str, tuple[str, ...], tuple[str, ...]]


class Step(NamedTuple):
    """One operation; ``a % b`` is a percent of b. Operands that are results are these, by value."""

    a: Value
    sign: str
    b: Value
    result: Value


def form_of_steps(steps: Sequence[Step]) -> str:
    """Return the canonical form of operations: an operand that is an earlier result stands for it.

    Only what the last step rests on is in it.
    """
    bags: dict[Value, Bag] = {}
    before: Step | None = None
    for step in steps:
        a, sign, b, result = step
        if before is not None and b == before.result and (share := _share(before, sign, a)):
            bag = _joined("*", _bag(a, bags, "*"), ((share,), ()))
        elif sign in "+-":
            bag = _joined("+", _bag(a, bags, "+"), _bag(b, bags, "+"), turned=sign == "-")
        elif sign == "^":
            bag = ("^", (_operand(a, bags),), (_operand(b, bags),))
        elif sign == "%":
            bag = _joined("*", _joined("*", _bag(a, bags, "*"), _bag(b, bags, "*"))[1:], _PERCENT)
        else:
            bag = _joined("*", _bag(a, bags, "*"), _bag(b, bags, "*"), turned=sign == "/")
        bags[result] = bag
        before = step
    return _text(bags[before.result]) if before is not None else ""


_Parts = tuple[tuple[str, ...], tuple[str, ...]]
_PERCENT: _Parts = ((), ("100",))


def _share(before: Step, sign: str, whole: Value) -> str:
    """Return the factor that changing the whole by a share of it amounts to."""
    if sign in "+-":
        if before.sign == "%" and before.b == whole:
            return f"{sign}{before.a}%"
        if before.sign == "/" and before.a == whole:
            return f"{sign}1/{before.b}"
    return ""


def _bag(number: Value, bags: dict[Value, Bag], kind: str) -> _Parts:
    bag = bags.get(number)
    if bag is None:
        return (str(number),), ()
    return bag[1:] if bag[0] == kind else ((_text(bag),), ())


def _operand(number: Value, bags: dict[Value, Bag]) -> str:
    bag = bags.get(number)
    return str(number) if bag is None else _text(bag)


def _joined(kind: str, left: _Parts, right: _Parts, *, turned: bool = False) -> Bag:
    plus, minus = right[::-1] if turned else right
    return kind, left[0] + plus, left[1] + minus


def _text(bag: Bag) -> str:
    return f"{bag[0]}({','.join(sorted(bag[1]))};{','.join(sorted(bag[2]))})"
