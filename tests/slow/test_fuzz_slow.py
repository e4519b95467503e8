"""One million hostile replies, seeded by every recorded failure."""

import pytest

from fcpref.core.functions import FailureCode
from tests.core.test_fuzz import LONGEST_OUTCOME, MEDIAN_MS, WORST_MS
from tests.fuzzing import failures, fare

PARTS = 4


@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_a_million_replies_raise_nothing_run_nothing_and_take_no_time(part):
    fared = fare(1_000_000 // PARTS, part, failures())
    assert (fared.raised, fared.ran) == ([], [])
    assert fared.median < MEDIAN_MS
    assert fared.worst < WORST_MS, fared.slowest[:500]
    assert fared.told <= LONGEST_OUTCOME
    assert set(fared.codes) == {None, *FailureCode}
