from __future__ import annotations

import math

import pytest
from attrs import evolve

from fcpref.core.report import Point, Series, Table
from tests.core.report.documents import bars


def test_a_table_is_rectangular():
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        Table(title="", columns=("a", "b"), rows=(("1",),))


def test_a_table_has_columns():
    with pytest.raises(ValueError, match="columns"):
        Table(title="", columns=(), rows=())


def test_columns_of_numbers_are_numeric_and_the_first_column_is_not():
    rows = (
        ("1", "2.5%", "\N{MINUS SIGN}3", "<0.001", "two", ""),
        ("2", "", "+4 (1)", "1", "2", ""),
    )
    table = Table(title="", columns=tuple("abcdef"), rows=rows)
    assert table.numeric == (False, True, True, True, False, False)


@pytest.mark.parametrize(
    "ends",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": 1e13},
        {"value": 0.5, "low": 0.1},
        {"value": 0.5, "low": 0.9, "high": 0.1},
        {"value": 0.5, "low": 0.1, "high": math.nan},
    ],
)
def test_a_point_can_be_drawn(ends):
    with pytest.raises(ValueError, match=r"cannot be drawn|needs two ends"):
        Point(**ends)


def test_a_series_has_a_point_for_each_category():
    with pytest.raises(ValueError, match="has 1 points for 2 categories"):
        evolve(bars(0.1, 0.2), series=(Series(name="short", points=(None,)),))


def test_a_figure_reaches_from_zero_over_every_whisker():
    figure = evolve(
        bars(0.2), series=(Series(name="a", points=(Point(value=0.4, low=0.3, high=0.7),)),)
    )
    assert figure.extent == (0.0, 0.7)
    assert bars(-0.3, -0.1).extent == (-0.3, 0.0)
