from __future__ import annotations

import pytest

from fcpref.core.report import wording


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.share(0.4567), "45.7%"),
        (wording.share(-0.00001), "0.0%"),
        (wording.points(0.1), "+10.0"),
        (wording.points(-0.025), "\N{MINUS SIGN}2.5"),
        (wording.points(0.0), "0.0"),
        (wording.signed(-0.125), "\N{MINUS SIGN}0.12"),
        (wording.mean(1234.56), "1,234.6"),
        (wording.number(7.0), "7"),
        (wording.number(0.12345), "0.123"),
        (wording.number(123456.7), "123,457"),
        (wording.p_value(0.0009), "<0.001"),
        (wording.p_value(0.001), "0.001"),
        (wording.p_value(1.0), "1.000"),
        (wording.bounds(0.1, 0.25, "share"), "10.0% to 25.0%"),
        (wording.bounds(-0.1, 0.25, "points"), "\N{MINUS SIGN}10.0 to +25.0"),
    ],
)
def test_numbers_are_written_for_readers(written, expected):
    assert written == expected
