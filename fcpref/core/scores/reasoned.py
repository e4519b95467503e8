"""How many numbers a chain's thoughts say, and how many of them it could know.

A number counts where it is written in digits, each time that it is: "the two of them" and "first"
say no quantity, and neither does the 2 of "x2", "2nd" or "step 2". Signs are left aside. It is
grounded when the problem's text gives it, number words and percent forms included, or when a result
before it told it. "25%" may be 25 or 1/4, and "6/2" is grounded as well where 6 and 2 are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.functions import Call
from fcpref.core.functions.grammars import parse
from fcpref.core.numbers import read_number
from fcpref.core.problems.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from fractions import Fraction

    from attrs import Attribute

    from fcpref.core.functions import Grammar, Outcome
    from fcpref.core.problems import Problem

_THINKS = "Reasoning"
_LONGEST = 20_000
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])(?<!step )(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    r"(?!\d|(?:st|nd|rd|th)\b)(?:/(?P<bottom>\d+))?"
    r"(?P<hundredths> ?(?:%|percent\b|cents?\b|\u00a2))?",
    re.ASCII | re.IGNORECASE,
)


@frozen(kw_only=True)
class Grounded:
    """The numbers in a chain's `Reasoning` texts.

    Attributes:
        numbers: how many there are.
        grounded: how many of them the problem gives or an earlier result told.
    """

    numbers: int = field(validator=ge(0))
    grounded: int = field(validator=ge(0))

    @grounded.validator
    def _among_them(self, _: Attribute[int], grounded: int) -> None:
        if grounded > self.numbers:
            raise ValueError(f"'grounded' are at most all {self.numbers} 'numbers': {grounded}")


def reasoned(
    replies: Iterable[str], outcomes: Iterable[Outcome], problem: Problem, grammar: Grammar
) -> Grounded:
    """Count the numbers in a chain's thoughts.

    Args:
        replies: the chain's, in order.
        outcomes: what came of executing them; a call that failed says and tells nothing.
        problem: what the chain is about.
        grammar: how the replies are read.
    """
    known: set[Fraction] | None = None
    told: list[str] = []
    numbers = grounded = 0
    for reply, outcome in zip(replies, outcomes, strict=True):
        if outcome.code is not None:
            continue
        thought = _thought(reply, grammar)
        if thought is None:
            told.append(outcome.text)
            continue
        said = list(_NUMBER.finditer(thought[:_LONGEST]))
        if said and known is None:
            known = {*_given(problem.text)}
        if said and known is not None:
            known.update(*map(quantities, told))
            told.clear()
            numbers += len(said)
            grounded += sum(_grounded(one, known) for one in said)
    return Grounded(numbers=numbers, grounded=grounded)


def _thought(reply: str, grammar: Grammar) -> str | None:
    """Return what a reply that worked thinks aloud, or None where it does something else."""
    # Most replies are told apart without parsing; JSON can write any letter as an escape.
    if _THINKS not in reply and "\\" not in reply:
        return None
    call = parse(reply, grammar)
    if not isinstance(call, Call) or call.function != _THINKS:
        return None
    values = [*call.positional, *(value for _, value in call.keywords)]
    return str(values[0])


def _grounded(said: re.Match[str], known: Collection[Fraction]) -> bool:
    value, bottom = read_number(said["number"]), read_number(said["bottom"] or "1")
    if value is None or bottom is None:
        return False
    if said["hundredths"] and value / 100 in known:
        return True
    if said["bottom"]:
        return (bottom != 0 and value / bottom in known) or (value in known and bottom in known)
    return value in known


@lru_cache(maxsize=4_096)
def _given(text: str) -> frozenset[Fraction]:
    return quantities(text)
