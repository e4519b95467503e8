"""What a move of family `word` is: a sentence, and the operations that it stands for.

A move turns the running quantity ``x`` of one kind into another. ``y`` is the result of the move's
first operation; ``b`` and ``c`` are its own numbers. Fields of a text: name, their, they (the
subject), other (someone else), things, b, c. A question may have name, things, unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.problems.word_numbers import DRAWS, Draw

if TYPE_CHECKING:
    from typing import TypeGuard

START = "start"
MAX_STEPS = 8


@frozen(kw_only=True)
class Amount:
    """How a move's number is drawn, and the unit that it is measured in.

    Attributes:
        draw: such as ``few`` or ``below``.
        unit: such as ``minutes``; ``pieces`` for things that are counted by the dozen. The text
            then says no unit by itself: ``{b}`` is replaced by ``3 hours``.
        fixed: never said in another unit, which would sound odd.
    """

    draw: Draw
    unit: str = ""
    fixed: bool = False


@frozen(kw_only=True, eq=False)  # compared and hashed by identity, which is fast
class Move:
    """One sentence and its operations.

    Attributes:
        source: kind of the running quantity before; ``start`` for an opening.
        target: kind after.
        texts: ways to say the sentence.
        operations: left operand, sign and right operand, such as ``("b", "*", "c")``; ``("b", "%",
            "x")`` is b percent of x. Empty for an opening that states the quantity ``b``.
        amounts: of b, and of c where there is one.
        questions: ways to ask when this move is the last.
        switch: the other person is the subject afterwards.
    """

    source: str
    target: str
    texts: tuple[str, ...]
    operations: tuple[tuple[str, str, str], ...]
    amounts: tuple[Amount, ...]
    questions: tuple[str, ...]
    switch: bool = False


@frozen(kw_only=True, eq=False)
class Situation:
    """Moves that fit together, the things they are about, and sentences beside the point.

    Attributes:
        name: of the situation.
        things: ordinary words for the field ``things``.
        other_things: words for it that only the held-out vocabulary uses.
        moves: in any order.
        asides: with one number ``n``; ``name`` and ``other`` in them play no part.
        units: for each kind that is measured, its unit.
    """

    name: str
    things: tuple[str, ...]
    other_things: tuple[str, ...]
    moves: tuple[Move, ...]
    asides: tuple[str, ...]
    units: tuple[tuple[str, str], ...] = ()


def move(
    path: str,
    operations: str,
    draws: str,
    questions: tuple[str, ...] | str,
    *texts: str,
    switch: bool = False,
) -> Move:
    """Return the move of a table row.

    Args:
        path: ``source>target``.
        operations: separated by ``;``, such as ``b * c; x + y``.
        draws: of b and c, each with its unit where it has one: ``few count@pieces``; an
            exclamation mark keeps to the unit: ``few@minutes!``.
        questions: one or more.
        texts: ways to say the sentence.
        switch: the other person is the subject afterwards.

    Raises:
        ValueError: a draw is unknown.
    """
    source, _, target = path.partition(">")
    return Move(
        source=source,
        target=target,
        texts=texts,
        operations=tuple(_operation(part) for part in operations.split(";") if part.strip()),
        amounts=tuple(_amount(part) for part in draws.split()),
        questions=(questions,) if isinstance(questions, str) else questions,
        switch=switch,
    )


def _operation(text: str) -> tuple[str, str, str]:
    left, sign, right = text.split()
    return left, sign, right


def _amount(text: str) -> Amount:
    draw, _, unit = text.partition("@")
    if not _is_draw(draw):
        message = f"unknown draw {draw!r}"
        raise ValueError(message)
    return Amount(draw=draw, unit=unit.removesuffix("!"), fixed=unit.endswith("!"))


def _is_draw(text: str) -> TypeGuard[Draw]:
    return text in DRAWS
