"""Rows of an optimizer step dealt to processes by length, so that none waits long for another."""

from __future__ import annotations

from itertools import chain, cycle, islice
from typing import TYPE_CHECKING, Any

from torch.utils.data import Sampler

from fcpref.shell import processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def dealt(lengths: Sequence[int], count: int) -> list[list[int]]:
    """Return the places of each process's rows: as many for each, of about as many tokens.

    The longest row comes first, each goes to the process with the fewest tokens that has room for
    it. Sums of tokens differ by the longest row at most.

    Args:
        lengths: tokens of each row; a multiple of `count` rows.
        count: processes.
    """
    room = len(lengths) // count
    hands: list[list[int]] = [[] for _ in range(count)]
    tokens = [0] * count
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        open_ones = (at for at, hand in enumerate(hands) if len(hand) < room)
        least = min(open_ones, key=lambda at: tokens[at])
        hands[least].append(place)
        tokens[least] += lengths[place]
    return [sorted(hand) for hand in hands]


class BalancedSampler(Sampler[int]):
    """Draws the rows of another sampler, those of an optimizer step in the order of processes.

    Rows that make no whole step are filled up by the first ones drawn, as Accelerate does. Were
    that left to it, it would take the first ones dealt.
    """

    def __init__(self, rows: Any, lengths: Sequence[int], count: int, own: int) -> None:  # noqa: ANN401
        """Keep what is to be dealt.

        Args:
            rows: the sampler of all rows, the same in each process.
            lengths: tokens of each row.
            count: processes.
            own: rows of a step that are one process's.
        """
        self.rows, self.lengths, self.count, self.batch = rows, lengths, count, count * own

    def __iter__(self) -> Iterator[int]:
        """Yield rows, first those of a step that are the first process's."""
        drawn = iter(self.rows)
        first = step = [*islice(drawn, self.batch)]
        while step:
            if len(step) < self.batch:
                yield from islice(chain(step, cycle(first)), self.batch)
            else:
                for hand in dealt([self.lengths[row] for row in step], self.count):
                    yield from (step[place] for place in hand)
            step = [*islice(drawn, self.batch)]

    def __len__(self) -> int:
        """Count the rows, with those that the last step is filled up by."""
        return -(-len(self.rows) // self.batch) * self.batch

    def set_epoch(self, epoch: int) -> None:
        """Tell the other sampler which pass over the rows comes next."""
        self.rows.set_epoch(epoch)


def balance(loader: Any, lengths: Sequence[int]) -> None:  # noqa: ANN401
    """Let a loader that Accelerate has prepared for several processes deal rows by length.

    Args:
        loader: its batches are those of one process.
        lengths: tokens of each row of its data.
    """
    share = loader.batch_sampler
    rows = loader.get_sampler()
    loader.set_sampler(BalancedSampler(rows, lengths, share.num_processes, share.batch_size))


class Balancing:
    """Goes before a Trainer among a class's parents; its collator says how long rows are."""

    def get_train_dataloader(self: Any) -> Any:  # noqa: ANN401
        """Return the Trainer's loader; that of one process of several draws rows by length."""
        loader = super().get_train_dataloader()  # type: ignore[misc]
        if processes.count() > 1:
            balance(loader, self.data_collator.lengths)
        return loader
