"""Family `deduction` at the sizes that DESIGN promises."""

from collections import Counter

import pytest

from fcpref.core.problems.deduction import LABELS, generate
from fcpref.core.problems.deduction_knowledge import form_of
from fcpref.core.problems.deduction_spec import DeductionSpec
from fcpref.core.tasks.fol_deduction import TASK
from tests.bag_of_words import accuracy
from tests.splits import share_nothing

COUNT = 20_000
CHANCE = 1 / len(LABELS)


@pytest.mark.parametrize("formal", [False, True])
def test_20000_problems_share_no_form_or_text_between_splits(formal):
    spec = DeductionSpec(formal=formal)
    share_nothing(
        lambda split, index: generate(spec, seed=7, split=split, index=index),
        form_of,
        (16_000, 2_000, 2_000),
    )


@pytest.mark.parametrize("depth", range(1, 11))
def test_each_depth_has_10000_forms(depth):
    spec = DeductionSpec(min_depth=depth, max_depth=depth)
    drawn = (generate(spec, seed=8, split="train", index=index) for index in range(10_800))
    assert len({form_of(one) for one in drawn}) >= 10_000


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"formal": True},
        {"max_depth": 2},
        {"conjunction": 0.5, "relations": 0.5, "cycles": 1.0, "others": 2},
        *TASK.test_sets.values(),
    ],
    ids=lambda knobs: " ".join(f"{name}={value}" for name, value in knobs.items()) or "default",
)
def test_labels_are_balanced_and_words_do_not_tell_them(knobs):
    spec = DeductionSpec(**knobs)
    drawn = [generate(spec, seed=9, split="train", index=index) for index in range(COUNT)]
    labels = Counter(one.gold for one in drawn)
    assert all(abs(labels[label] / COUNT - CHANCE) < 0.02 for label in LABELS)
    guessed = accuracy([one.text for one in drawn], [one.gold for one in drawn])
    assert guessed <= CHANCE + 0.03
