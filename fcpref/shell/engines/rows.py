"""Chains under way, and which of them are fed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from random import Random  # noqa: TC004 - the rows are never structured

    from fcpref.shell.engines.base import Request  # noqa: TC004
    from fcpref.shell.engines.memory import Shape

_PASS_TOKENS = 4_096


@define(kw_only=True, eq=False)
class Row:
    """One chain under way.

    Attributes:
        request: what is being answered.
        text: its chat as rendered.
        seen: the tokens of that after what all chains share.
        noise: the random numbers of this reply.
        feed: the last of those tokens, which the model has not been fed yet.
        ready: the token that the model said last and has not been fed yet.
        generated: tokens of the reply so far.
        slot: where its keys and values are.
        column: how many tokens' are there.
        twins: chains of the same prompt that wait for a copy.
    """

    request: Request
    text: str
    seen: list[int]
    noise: Random
    feed: list[int] = field(factory=list)
    ready: int | None = None
    generated: list[int] = field(factory=list)
    slot: int = -1
    column: int = 0
    twins: list[Row] = field(factory=list)


Opening = tuple["Request", str, list[int]]
"""A request, its rendered chat, and the tokens of that."""


def fed_together(waiting: list[Row], shape: Shape) -> tuple[list[Row], int]:
    """Return the chains that are fed in one pass, and how many tokens each.

    Args:
        waiting: have something to be fed.
        shape: of the slots.
    """
    if shape.fixed:
        return waiting[: shape.batch], shape.chunk
    # Those with about as much to feed go together, as many as a pass of bounded size takes.
    ordered = sorted(waiting, key=lambda row: len(row.feed))
    width = min(shape.chunk, len(ordered[0].feed))
    for count, row in enumerate(ordered[1:], start=1):
        wider = min(shape.chunk, len(row.feed))
        if (count + 1) * wider > _PASS_TOKENS:
            return ordered[:count], width
        width = wider
    return ordered, width
