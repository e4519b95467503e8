"""Work in shards: whatever the number of shards and whoever does them, the same bytes come out."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Chain
from fcpref.core.codec import unstructure
from fcpref.core.pairs import PairSpec
from fcpref.errors import ClusterError, EndpointError
from fcpref.shell import sharded, stages
from fcpref.shell.recording_files import Recording
from fcpref.shell.shards import InProcess, Sharding, by_shard
from tests.sharded_stages import Unreliable, asking, files, make, serving, solver


class Losing:
    """Never returns the last task."""

    def run(self, work, tasks, *, gpu=False):  # noqa: ARG002 - nothing here has a GPU
        for number, task in list(enumerate(tasks))[:-1]:
            yield number, work(task)


class BrokenOffError(Exception):
    """A driver that is killed."""


class BreaksOff:
    """Dies after some tasks."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, work, tasks, *, gpu=False):  # noqa: ARG002 - nothing here has a GPU
        for number, task in enumerate(tasks):
            if number == self.after:
                raise BrokenOffError
            yield number, work(task)


@pytest.mark.parametrize("shards", [0, 2, 5, 100])
def test_any_number_of_shards_gives_the_bytes_of_one_process(tmp_path, server, alone, shards):
    executor = Unreliable(shards)
    made = make(tmp_path, asking(server[0]), Sharding(executor=executor, shards=shards))

    assert made.pairs.header.count > 2
    assert files(tmp_path) == alone.files


def test_the_oracle_in_shards_gives_its_bytes_and_no_recording(tmp_path):
    make(tmp_path / "one", solver())
    make(tmp_path / "many", solver(), Sharding(executor=Unreliable(0), shards=5))

    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert not (tmp_path / "many" / "local" / "recording").exists()


def test_a_ladder_that_stops_early_and_is_completed_gives_the_same_bytes(tmp_path, server):
    how = asking(server[0])
    plan = evolve(how.plan, samples=3, temperatures=(0.0, 0.7), until_both=True, complete="prefix")
    how = evolve(how, plan=plan)
    alone = make(tmp_path / "alone", how)
    make(tmp_path / "ray", how, Sharding(executor=Unreliable(2), shards=4))

    samples = Counter(chain.problem for chain in alone.chains.values(Chain) if chain.own)
    assert set(samples.values()) == {2, 3}
    assert any(not chain.own for chain in alone.chains.values(Chain))
    assert files(tmp_path / "ray") == alone.files


@pytest.mark.parametrize("kinds", [("chain",), ("oracle",), ("step", "recovery", "chain")])
@given(data=st.data())
def test_pairs_do_not_depend_on_the_shards_even_where_they_are_drawn(alone, kinds, data):
    spec = PairSpec(
        kinds=kinds,
        solved=True,
        per_problem=data.draw(st.integers(1, 4)),
        per_code=data.draw(st.integers(0, 3)),
        limit=data.draw(st.integers(0, 30)),
        seed=data.draw(st.integers(0, 5)),
    )
    sharding = Sharding(
        executor=Unreliable(data.draw(st.integers(0, 100))), shards=data.draw(st.integers(1, 20))
    )
    one = stages.pairs(alone.workspace, [alone.scores], spec)
    pairer = sharded.pairer(sharding)
    again = alone.workspace.write(
        "pairs",
        pairer(alone.workspace, [alone.scores], spec),
        parents=[alone.scores.id],
        spec=unstructure(spec),
    )
    assert again.id == one.id


@given(st.lists(st.text(min_size=1)), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_problem_is_in_one_shard_whatever_else_there_is(names, shards, noise):
    found = by_shard(names, str, shards)
    shuffled = list(names)
    noise.shuffle(shuffled)

    assert sorted(name for some in found.values() for name in some) == sorted(names)
    assert all(0 <= shard < shards for shard in found)
    assert {name: shard for shard, some in found.items() for name in some} == {
        name: shard for shard, some in by_shard(shuffled, str, shards).items() for name in some
    }


def test_shards_are_about_equally_large():
    sizes = [len(some) for some in by_shard(map(str, range(10_000)), str, 10).values()]

    assert len(sizes) == 10
    assert all(900 < size < 1_100 for size in sizes)


def test_there_is_a_shard_for_each_fifty_problems_unless_told():
    sharding = Sharding(executor=InProcess())

    assert [sharding.count(n) for n in (0, 1, 50, 51, 10_000)] == [1, 1, 1, 2, 200]
    assert evolve(sharding, shards=7).count(10_000) == 7


def test_shards_that_do_not_come_back_are_an_error_and_are_all_that_is_asked_for_again(
    tmp_path, alone
):
    with serving() as (endpoint, behaviour):
        with pytest.raises(ClusterError, match="1 of 3 shards did not come back; run the same"):
            make(tmp_path, asking(endpoint), Sharding(executor=Losing(), shards=4))
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=4))

    recording = alone.workspace.find(alone.chains.header.parents[1], "recording")
    assert len(behaviour.asked) == len(set(behaviour.asked)) == recording.header.count
    assert files(tmp_path) == alone.files


def test_a_driver_that_is_killed_goes_on_with_the_shards_that_it_lacks(tmp_path, alone):
    with serving() as (endpoint, behaviour):
        with pytest.raises(BrokenOffError):
            make(tmp_path, asking(endpoint), Sharding(executor=BreaksOff(3), shards=6))
        begun = len(behaviour.asked)
        # Another number of shards: what is recorded counts all the same.
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=5))

        assert 0 < begun < len(behaviour.asked) == len(set(behaviour.asked))
    assert files(tmp_path) == alone.files
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_begun_in_one_process_goes_on_in_shards(tmp_path, alone):
    with serving(fail_after=20) as (endpoint, behaviour):
        with pytest.raises(EndpointError):
            make(tmp_path, asking(endpoint))
        behaviour.fail_after = None
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=5))
    assert files(tmp_path) == alone.files


def test_a_server_that_refuses_is_one_line_and_keeps_what_was_paid_for(tmp_path, alone):
    with serving(fail_after=25) as (endpoint, behaviour):
        # One request at a time: the answer to another one might come too late to be kept.
        how, sharding = asking(endpoint, 1), Sharding(executor=InProcess(), shards=6)
        with pytest.raises(EndpointError, match="402") as caught:
            make(tmp_path, how, sharding)
        assert "\n" not in str(caught.value)
        (part,) = tmp_path.rglob("*.part")
        with Recording(part) as recording:
            assert len(recording.replies) == len(behaviour.asked) == 25
        behaviour.fail_after = None
        make(tmp_path, how, sharding)
        assert len(behaviour.asked) == len(set(behaviour.asked))
    assert files(tmp_path) == alone.files
