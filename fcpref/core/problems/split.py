"""Which split a problem belongs to: decided by the hash of its canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.canon import content_id, short

if TYPE_CHECKING:
    from fcpref.core.problems.problem import Split

_DEV_SHARE = 10
_TEST_SHARE = 20


def split_of(canonical_form: object) -> Split:
    """Return the split of a canonical form: 80% train, 10% dev, 10% test.

    Equal forms always land in one split, so no test problem is a train problem in disguise.
    """
    percent = int(short(content_id(["split", canonical_form])), 16) % 100
    if percent < _DEV_SHARE:
        return "dev"
    return "test" if percent < _TEST_SHARE else "train"
