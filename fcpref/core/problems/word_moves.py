"""What a move of family `word` is: one sentence, and the operations that it stands for.

A move turns the running quantity ``x`` of one kind into another. ``y`` is the result of the move's
first operation; ``b`` and ``c`` are its own numbers. Fields of a text: name, their (the subject),
other (someone else), things, b, c.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Draw = Literal[
    "count", "few", "large", "price", "below", "above", "times", "part", "divisor", "percent"
]
START = "start"


@frozen(kw_only=True)
class Move:
    """One sentence and its operations.

    Attributes:
        source: kind of the running quantity before; ``start`` for an opening.
        target: kind after.
        text: the sentence.
        operations: such as ``"b * c"``; ``"b % x"`` is b percent of x. Empty for an opening that
            states the quantity ``b``.
        b: how the first number is drawn.
        c: how the second number is drawn, where there is one.
        question: what to ask when this move is the last.
        switch: the other person is the subject afterwards.
    """

    source: str
    target: str
    text: str
    operations: tuple[str, ...]
    b: Draw
    question: str
    c: Draw | None = None
    switch: bool = False


@frozen(kw_only=True)
class Situation:
    """Moves that fit together, the things they are about, and sentences beside the point."""

    name: str
    things: tuple[str, ...]
    moves: tuple[Move, ...]
    asides: tuple[str, ...]


def move(
    path: str, text: str, operations: str, draws: str, question: str, *, switch: bool = False
) -> Move:
    """Return the move of a table row: "from>to", text, operations, draws of b and c, question."""
    source, _, target = path.partition(">")
    b, _, c = draws.partition(" ")
    return Move(
        source=source,
        target=target,
        text=text,
        operations=tuple(part.strip() for part in operations.split(";") if part.strip()),
        b=b,  # type: ignore[arg-type] # the table is checked by a test
        c=c or None,  # type: ignore[arg-type]
        question=question,
        switch=switch,
    )
