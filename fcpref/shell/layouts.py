"""Rows of some lengths laid out for passes: each by itself, or one behind the other in lines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORTH_IT = 0.9
"""Of the tokens with padding, that rows one behind the other must save a tenth of.

Attention is slower there: each row's tokens are told apart from the others' by a mask.
"""


class Part(NamedTuple):
    """A pass.

    Attributes:
        lines: places of the rows that stand one behind the other in each line.
        width: tokens of a line, padding included.
    """

    lines: list[list[int]]
    width: int

    @property
    def rows(self) -> list[int]:
        """Places of the rows in the order of a batch."""
        return [at for line in self.lines for at in line]


def lay_out(lengths: Sequence[int], budget: int) -> list[Part]:
    """Return the passes that take rows: a line each, or filled lines if that saves enough.

    Args:
        lengths: tokens of each row.
        budget: tokens of a pass, padding included; a longer row is a pass of its own.
    """
    padded = by_budget(lengths, budget)
    width = max(lengths)
    filled = fill(lengths, width)
    tokens = sum(len(group) * max(lengths[at] for at in group) for group in padded)
    if len(filled) * width > _WORTH_IT * tokens:
        return [Part([[at] for at in group], max(lengths[at] for at in group)) for group in padded]
    count = -(-len(filled) // max(1, budget // width))
    # Alike in size: a pass of few lines takes a GPU no less time than one of many.
    cuts = [-(-number * len(filled) // count) for number in range(count + 1)]
    return [Part(filled[start:end], width) for start, end in pairwise(cuts)]


def by_budget(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return places of rows grouped for batches: alike in length, within a budget of tokens.

    Args:
        lengths: tokens of each row.
        budget: tokens of a batch, padding included; a longer row is a batch of its own.
    """
    groups: list[list[int]] = []
    widest = 0
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        if groups and widest * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(place)
        else:
            groups.append([place])
            widest = lengths[place]
    return groups


def fill(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Return places of rows, grouped into lines that hold them one behind the other.

    The longest row comes first, each in the first line that has room for it (first-fit decreasing).

    Args:
        lengths: tokens of each row, at most `width`.
        width: tokens of a line.
    """
    lines: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        line = next((at for at, left in enumerate(room) if left >= lengths[place]), len(lines))
        if line == len(lines):
            lines.append([])
            room.append(width)
        lines[line].append(place)
        room[line] -= lengths[place]
    return lines
