"""Rates and time left, by a clock of our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.shell.pace import WINDOW, Pace, duration
from tests.clock import Clock


def test_nothing_is_known_at_first():
    pace = Pace(Clock())
    assert (pace.rate, pace.seconds_left(3), pace.seconds_left(0)) == (0.0, None, 0.0)


def test_the_rate_is_that_of_what_was_done_since_the_start():
    clock = Clock()
    pace = Pace(clock)
    for done in (4, 8, 12):
        clock.now += 2
        pace.to(done)
    assert (pace.rate, pace.seconds_left(10)) == (2.0, 5.0)


def test_time_in_which_nothing_comes_counts():
    clock = Clock()
    pace = Pace(clock)
    clock.now += 10
    pace.to(10)
    clock.now += 10
    assert pace.rate == 0.5


def test_only_the_last_minutes_count():
    clock = Clock()
    pace = Pace(clock)
    for _ in range(100):
        clock.now += 10
        pace.to(clock.now * 5)
    fast = clock.now * 5
    for _ in range(int(WINDOW // 10) + 1):
        clock.now += 10
        fast += 10
        pace.to(fast)
    assert pace.rate == pytest.approx(1.0)


def test_what_was_done_before_tells_nothing_about_the_rate():
    """A run that goes on from a recording has hundreds of chains within its first second."""
    clock = Clock()
    pace = Pace(clock)
    for done in range(500):
        pace.to(done)
    clock.now += 10
    pace.to(501)
    assert pace.rate == pytest.approx(0.2)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=30))
def test_a_rate_is_never_negative_and_never_above_the_fastest_second(steps):
    clock, done = Clock(), 0
    pace = Pace(clock)
    for seconds, units in steps:
        clock.now += seconds
        done += units
        pace.to(done)
        assert 0 <= pace.rate <= done
        left = pace.seconds_left(10)
        assert left is None or left > 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (90, "2 min"), (3569, "59 min")),
        *((3590, "1 h 00 min"), (7500, "2 h 05 min"), (360_000, "100 h 00 min")),
    ],
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text
