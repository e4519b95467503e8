import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.seeds import derive, derive_seed
from fcpref.errors import CanonError

LABELS = st.lists(st.text(max_size=4) | st.integers(-9, 9), max_size=4)


def test_a_seed_is_the_same_in_every_version():
    assert (derive_seed(0), derive_seed(7, "fol.deduction", "train", 3, "problem")) == (
        15_041_073_954_064_335_159,
        9_901_842_463_698_163_262,
    )


@given(st.integers(-(2**64), 2**64), LABELS)
def test_equal_labels_give_equal_streams(root, labels):
    first, second = derive(root, *labels), derive(root, *labels)
    assert [first.random() for _ in range(5)] == [second.random() for _ in range(5)]


@given(st.integers(0, 5), LABELS, st.integers(0, 5), LABELS)
def test_different_labels_give_different_seeds(root, labels, other_root, other_labels):
    same = (root, labels) == (other_root, other_labels)
    assert same == (derive_seed(root, *labels) == derive_seed(other_root, *other_labels))


@pytest.mark.parametrize(
    ("labels", "others"),
    [(("ab", "c"), ("a", "bc")), (("1",), (1,)), (("a", "b"), ("b", "a")), (("a",), ("a", ""))],
)
def test_labels_do_not_run_into_each_other(labels, others):
    assert derive_seed(0, *labels) != derive_seed(0, *others)


def test_a_seed_has_64_bits():
    seeds = [derive_seed(0, index) for index in range(200)]
    assert max(seeds) < 2**64
    assert max(seeds) > 2**63


def test_neighbouring_indices_are_not_neighbouring_seeds():
    seeds = [derive_seed(0, index) for index in range(200)]
    assert min(abs(a - b) for a, b in pairwise(seeds)) > 2**40


def test_deriving_leaves_the_global_stream_alone():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    derive(3, "a").random()
    assert expected == random.random()


def test_a_label_without_canonical_form_is_refused():
    with pytest.raises(CanonError):
        derive(0, "\ud800")
