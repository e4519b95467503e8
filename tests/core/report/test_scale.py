from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.report.scale import scale

extents = st.tuples(st.floats(-1e12, 0), st.floats(0, 1e12))


@given(extent=extents)
def test_ticks_ascend_and_enclose_what_is_shown(extent):
    ticks = scale(extent, 0, 100).ticks
    slack = 1e-9 + 1e-5 * (extent[1] - extent[0])
    assert list(ticks) == sorted(set(ticks))
    assert ticks[0] <= extent[0] + slack
    assert ticks[-1] >= extent[1] - slack


@given(extent=extents)
def test_there_are_neither_too_few_nor_too_many_ticks(extent):
    assert 2 <= len(scale(extent, 0, 100).ticks) <= 8


@given(extent=extents, start=st.floats(0, 300), stop=st.floats(301, 700))
def test_the_ends_of_the_axis_are_its_first_and_last_tick(extent, start, stop):
    axis = scale(extent, start, stop)
    assert axis.at(axis.ticks[0]) == pytest.approx(start)
    assert axis.at(axis.ticks[-1]) == pytest.approx(stop)


def test_zero_is_a_tick():
    assert 0.0 in scale((-0.31, 0.94), 0, 1).ticks


def test_shares_up_to_one_get_an_axis_up_to_one():
    assert scale((0.0, 1.0), 0, 1).ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert scale((0.0, 0.93), 0, 1).ticks[-1] == pytest.approx(1.0)


def test_nothing_but_zero_still_has_an_axis():
    assert scale((0.0, 0.0), 0, 1).ticks[-1] == pytest.approx(1.0)
