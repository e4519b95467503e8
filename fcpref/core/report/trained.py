"""Which tokens of a chain carry loss, as people look at them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fcpref.core.chains import Chain, Encoded


@frozen(kw_only=True)
class Run:
    """Neighbouring tokens as text.

    Attributes:
        text: what they decode to.
        trained: whether they carry loss.
    """

    text: str
    trained: bool


@frozen(kw_only=True)
class ShownTraining:
    """What a training run takes of a chain.

    Attributes:
        tokens: of its row, prompt included; 0 where it is not encoded.
        trained: those that carry loss.
        left_out: why the row is not trained on; empty where it is.
    """

    tokens: int
    trained: int
    left_out: str = ""


@frozen(kw_only=True)
class Tokens:
    """A chain as a training run reads it.

    Attributes:
        training: what it takes of it.
        replies: the tokens of each reply and of its end-of-turn mark.
    """

    training: ShownTraining
    replies: tuple[tuple[Run, ...], ...]


def trained_tokens(
    chain: Chain, encoded: Encoded, decode: Callable[[Sequence[int]], str], left_out: str = ""
) -> Tokens:
    """Return which tokens of a chain carry loss, by the mask that a training run is given.

    Args:
        chain: the chain.
        encoded: the same as tokens, its turns known.
        decode: token ids -> text.
        left_out: why its row is not trained on, if it is not; then nothing carries loss.
    """
    mask = tuple(carries and not left_out for carries in encoded.mask)
    return Tokens(
        training=ShownTraining(tokens=encoded.length, trained=sum(mask), left_out=left_out),
        replies=tuple(
            tuple(_runs(encoded.completion[begin:after], mask[begin:after], end - begin, decode))
            # A row ends with the last token that carries loss; replies after it are not in it.
            if begin < len(mask)
            else _untrained(turn.reply)
            for turn, (begin, end, after) in zip(chain.turns, encoded.turns, strict=True)
        ),
    )


def untrained(chain: Chain, left_out: str) -> Tokens:
    """Return a chain that is not even encoded.

    Args:
        chain: the chain.
        left_out: why not.
    """
    return Tokens(
        training=ShownTraining(tokens=0, trained=0, left_out=left_out),
        replies=tuple(_untrained(turn.reply) for turn in chain.turns),
    )


def _untrained(text: str) -> tuple[Run, ...]:
    return (Run(text=text, trained=False),)


def _runs(
    ids: Sequence[int], mask: Sequence[bool], said: int, decode: Callable[[Sequence[int]], str]
) -> Iterator[Run]:
    """Yield the runs of a turn, up to its reply's end or to the last token that carries loss."""
    last = max((at + 1 for at, carries in enumerate(mask) if carries), default=0)
    both = zip(ids[: max(said, last)], mask, strict=False)
    for carries, run in groupby(both, key=lambda one: one[1]):
        yield Run(text=decode([token for token, _ in run]), trained=carries)
