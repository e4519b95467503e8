"""A chain as a model reads it."""

from __future__ import annotations

from itertools import compress

from attrs import frozen


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
