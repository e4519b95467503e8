"""Rows dealt to processes by length: the steps of one process, of about as many tokens for each."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
import torch
from accelerate import skip_first_batches
from accelerate.data_loader import prepare_data_loader
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, RandomSampler

from fcpref.core.chains import Encoded
from fcpref.shell.balancing import BalancedSampler, Balancing, balance, dealt
from fcpref.shell.packed_rows import alone
from fcpref.shell.packed_sft import PackedSFTTrainer, RowCollator
from fcpref.shell.packed_trainer import PackedCollator, PackedDPOTrainer

COUNTS = st.integers(1, 5)


@st.composite
def steps(draw) -> tuple[list[int], int]:
    """Lengths of a step's rows, and the number of processes that share them."""
    count, own = draw(COUNTS), draw(st.integers(1, 12))
    lengths = st.one_of(st.integers(1, 1_000), st.sampled_from([1, 2, 50, 100]))
    return draw(st.lists(lengths, min_size=count * own, max_size=count * own)), count


@given(steps())
def test_all_rows_are_dealt_as_many_to_each(step):
    lengths, count = step
    hands = dealt(lengths, count)
    assert [len(hand) for hand in hands] == [len(lengths) // count] * count
    assert sorted(chain(*hands)) == list(range(len(lengths)))
    assert all(hand == sorted(hand) for hand in hands)


@settings(max_examples=500)
@given(steps())
def test_tokens_differ_by_the_longest_row_at_most(step):
    lengths, count = step
    tokens = [sum(lengths[place] for place in hand) for hand in dealt(lengths, count)]
    assert max(tokens) - min(tokens) <= max(lengths)


def test_the_longest_come_first_and_equal_ones_by_place():
    assert dealt([1, 7, 2, 6], 2) == [[0, 1], [2, 3]]
    assert dealt([5, 5, 5, 5, 5, 5], 3) == [[0, 3], [1, 4], [2, 5]]
    # The first has the fewest tokens in the end, but the second has room alone.
    assert dealt([3, 3, 3, 9, 1, 1], 2) == [[3, 4, 5], [0, 1, 2]]


def test_a_step_of_many_rows_is_shared_to_within_a_hundredth():
    lengths = torch.randint(150, 700, (64,), generator=torch.Generator().manual_seed(1)).tolist()
    first, second = (sum(lengths[place] for place in hand) for hand in dealt(lengths, 2))
    assert abs(first - second) < 0.01 * sum(lengths) / 2
    assert abs(sum(lengths[:32]) - sum(lengths[32:])) > 0.05 * sum(lengths) / 2


def prepared(rows: int, count: int, own: int, number: int, lengths: list[int] | None = None):
    """What Accelerate makes of the Trainer's loader for one process of several, dealt or not."""
    data = list(range(rows))
    loader = prepare_data_loader(
        DataLoader(data, batch_size=own, sampler=RandomSampler(data), collate_fn=list),
        num_processes=count,
        process_index=number,
        use_seedable_sampler=True,
        data_seed=3,
    )
    if lengths is not None:
        balance(loader, lengths)
    return loader


def by_all(loaders) -> list[list[list[int]]]:
    """Each step's rows, process by process."""
    return [list(step) for step in zip(*loaders, strict=True)]


@st.composite
def runs(draw) -> tuple[list[int], int, int]:
    """Lengths of all rows, the number of processes, and how many rows of a step one has."""
    lengths = draw(st.lists(st.integers(1, 50), min_size=1, max_size=40))
    return lengths, draw(st.integers(2, 4)), draw(st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(runs())
def test_each_step_has_the_rows_that_it_had_of_about_as_many_tokens(run):
    lengths, count, own = run
    rows = len(lengths)
    plain = [prepared(rows, count, own, number) for number in range(count)]
    dealing = [prepared(rows, count, own, number, lengths) for number in range(count)]
    one = prepared(rows, 1, count * own, 0)
    assert [len(loader) for loader in dealing] == [len(loader) for loader in plain]
    sampler = dealing[0].get_sampler()
    assert len(sampler) == len([*sampler])
    for _ in range(2):
        before, after = by_all(plain), by_all(dealing)
        assert len(after) == len(before) == len(one)
        for was, now, whole in zip(before, after, one, strict=True):
            assert Counter(chain(*now)) == Counter(chain(*was))
            assert all(len(hand) == own for hand in now)
            if len(whole) < count * own:
                assert now == was
                continue
            assert Counter(chain(*now)) == Counter(whole)
            tokens = [sum(lengths[row] for row in hand) for hand in now]
            assert max(tokens) - min(tokens) <= max(lengths)


def test_epochs_differ_and_one_that_is_gone_on_with_has_the_same_rows():
    lengths = [1 + place * place % 17 for place in range(22)]
    through = prepared(22, 2, 2, 1, lengths)
    epochs = [[*through] for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    skipping = skip_first_batches(prepared(22, 2, 2, 1, lengths), 2)
    skipping.set_epoch(1)
    assert [*skipping] == epochs[1][2:]


class Loading:
    """In place of TRL's trainers: what they are asked for."""

    def get_train_dataloader(self):
        return self.loader


class Trainer(Balancing, Loading):
    def __init__(self, loader, collator) -> None:
        self.loader, self.data_collator = loader, collator


def chain_of(length: int) -> Encoded:
    return Encoded(prompt=(1,) * (length - 1), completion=(2,), mask=(True,))


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_trainers_deal_by_the_lengths_of_their_rows(monkeypatch, kind):
    lengths = [9, 9, 3, 3]
    chains = [chain_of(length) for length in lengths]
    rows = RowCollator(chains, 0, 1_000)
    pairs = PackedCollator([alone(one) for one in chains], 0, 1_000)
    trainer = Trainer(prepared(4, 2, 2, 0), rows if kind == "sft" else pairs)
    monkeypatch.setenv("WORLD_SIZE", "2")
    (own,) = trainer.get_train_dataloader()
    assert sorted(lengths[row] for row in own) == [3, 9]
    real = PackedSFTTrainer if kind == "sft" else PackedDPOTrainer
    assert real.get_train_dataloader is Balancing.get_train_dataloader


def test_one_process_draws_rows_as_ever(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    loader = prepared(4, 1, 4, 0)
    before = loader.get_sampler()
    trainer = Trainer(loader, None)
    assert trainer.get_train_dataloader() is loader
    assert loader.get_sampler() is before
    assert not isinstance(before, BalancedSampler)
