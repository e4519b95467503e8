"""A chain as a model reads it."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen(kw_only=True)
class Encoded:
    """A chain as tokens.

    Attributes:
        prompt: ids of the opening, up to where the first reply starts.
        completion: ids of everything after it.
        mask: for each completion id, whether it carries loss: the model's own calls and their
            end-of-turn mark, never a function's result or the template's glue.
        turns: for each reply, where in the completion its ids begin, where they end, and where
            those end that follow it before the next reply; empty where that is not known.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    mask: tuple[bool, ...]
    turns: tuple[tuple[int, int, int], ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, in order."""
        return self.prompt + self.completion

    @property
    def trained(self) -> tuple[int, ...]:
        """The ids that carry loss."""
        return tuple(compress(self.completion, self.mask))

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.completion)


@frozen(kw_only=True)
class Spoken:
    """A sampled reply as tokens.

    Attributes:
        before: ids of all that the model had read when it began.
        said: ids of the reply.
        ending: the id that ended it, which the model said too; None where a limit cut it.
    """

    before: tuple[int, ...]
    said: tuple[int, ...]
    ending: int | None

    def stands_in(self, ids: Sequence[int]) -> bool:
        """Tell whether a text begins with what was read and said here."""
        whole = (*self.before, *self.said)
        return tuple(ids[: len(whole)]) == whole


def encode_sampled(replies: Sequence[Spoken]) -> Encoded:
    """Return a chain as what was read and said, token by token; nothing is tokenised again.

    A chat template may print an earlier reply otherwise than it was said (tool calls in other
    spacing), and an end of line that ends a reply is read as an end-of-turn mark. What the model
    did not say so carries no loss; the last reply always does.

    Args:
        replies: of one chain in order, at least one.
    """
    last = replies[-1]
    ids = (*last.before, *last.said)
    if last.ending is not None:
        ids = (*ids, last.ending)
    kept = [reply for reply in replies if reply.stands_in(ids)]
    mask = [False] * len(ids)
    for reply in kept:
        start = len(reply.before)
        end = start + len(reply.said)
        if end < len(ids) and ids[end] == reply.ending:
            end += 1
        mask[start:end] = [True] * (end - start)
    opening = len(kept[0].before)
    return Encoded(prompt=ids[:opening], completion=ids[opening:], mask=tuple(mask[opening:]))
