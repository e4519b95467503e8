from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from fcpref.core.evaluation import holm, mcnemar, wilcoxon
from fcpref.errors import EvaluationError

counts = st.integers(0, 6).map(float)
pairs_of_counts = st.lists(st.tuples(counts, counts), min_size=1, max_size=70)
# Distinct magnitudes, so that nothing ties and the exact distribution applies.
untied = st.lists(st.integers(1, 10_000), min_size=1, max_size=50, unique=True).flatmap(
    lambda sizes: st.tuples(*(st.sampled_from([float(size), -float(size)]) for size in sizes))
)
outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300)
p_values = st.lists(st.floats(0, 1), max_size=12)


def split(pairs):
    return [old for old, _ in pairs], [new for _, new in pairs]


def mirrored(result):
    return evolve(result, gained=result.lost, lost=result.gained, effect=-result.effect)


def assert_agrees_with_scipy(pairs):
    differences = [new - old for old, new in pairs if new != old]
    assume(differences)
    theirs = stats.wilcoxon(differences, zero_method="wilcox", method="auto")
    ours = wilcoxon(*split(pairs))
    assert ours.statistic == theirs.statistic
    assert ours.p_value == pytest.approx(min(1.0, theirs.pvalue), rel=1e-9)


@settings(max_examples=15)  # scipy's permutation test takes its time
@given(pairs=st.lists(st.tuples(counts, counts), min_size=1, max_size=13))
def test_wilcoxon_agrees_with_scipy_on_few_differences(pairs):
    assert_agrees_with_scipy(pairs)


@given(pairs=st.lists(st.tuples(counts, counts.map(lambda n: n + 7)), min_size=14, max_size=70))
def test_wilcoxon_agrees_with_scipy_on_many_differences_that_tie(pairs):
    swapped = [pair[::-1] if index % 3 else pair for index, pair in enumerate(pairs)]
    assert_agrees_with_scipy(swapped)


@given(differences=st.lists(st.integers(1, 9999), min_size=51, max_size=70, unique=True))
def test_wilcoxon_agrees_with_scipy_on_many_differences_that_do_not_tie(differences):
    assert_agrees_with_scipy([(0.0, d if d % 2 else -d) for d in differences])


@given(differences=untied)
def test_wilcoxon_is_exact_up_to_fifty_differences_without_ties(differences):
    theirs = stats.wilcoxon(differences, method="exact")
    ours = wilcoxon([0.0] * len(differences), differences)
    assert ours.method == "exact"
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


@given(pairs=st.lists(st.tuples(counts, counts), min_size=1, max_size=9))
def test_exact_wilcoxon_counts_the_sign_patterns_at_least_as_lopsided(pairs):
    sizes = [abs(new - old) for old, new in pairs if new != old]
    ranks = stats.rankdata(sizes)
    result = wilcoxon(*split(pairs))
    sums = [
        sum(rank for rank, up in zip(ranks, signs, strict=True) if up)
        for signs in product([False, True], repeat=len(ranks))
    ]
    extreme = sum(min(total, sum(ranks) - total) <= result.statistic for total in sums)
    assert result.p_value == extreme / len(sums)


@pytest.mark.parametrize(
    ("differences", "method"),
    [([1.0] * 13, "exact"), ([1.0] * 14, "normal approximation"), ([0.0] * 60, "no differences")],
)
def test_wilcoxon_says_how_it_found_the_p_value(differences, method):
    assert wilcoxon([0.0] * len(differences), differences).method == method


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_wilcoxon_without_any_difference_gives_one_and_not_nan(values):
    result = wilcoxon(values, values)
    assert (result.p_value, result.statistic, result.effect) == (1.0, 0.0, 0.0)
    assert (result.pairs, result.gained, result.lost) == (len(values), 0, 0)


@given(pairs=pairs_of_counts)
def test_wilcoxon_is_symmetric_under_swapping_before_and_after(pairs):
    before, after = split(pairs)
    assert wilcoxon(after, before) == mirrored(wilcoxon(before, after))


@given(pairs=pairs_of_counts, zeros=st.integers(1, 9))
def test_wilcoxon_is_not_moved_by_pairs_that_do_not_differ(pairs, zeros):
    before, after = split(pairs)
    plain = wilcoxon(before, after)
    padded = wilcoxon(before + [2.0] * zeros, after + [2.0] * zeros)
    assert padded == evolve(plain, pairs=plain.pairs + zeros)


@given(pairs=pairs_of_counts)
def test_wilcoxon_counts_gains_and_losses(pairs):
    result = wilcoxon(*split(pairs))
    assert result.gained == sum(new > old for old, new in pairs)
    assert result.lost == sum(new < old for old, new in pairs)


def test_rank_biserial_weighs_a_change_by_its_rank():
    # Ranks 1, 2, 3 with the smallest change a loss: (2 + 3 - 1) / 6.
    assert wilcoxon([0.0, 0.0, 0.0], [-1.0, 2.0, 3.0]).effect == pytest.approx(4 / 6)
    assert wilcoxon([0.0, 0.0], [1.0, 5.0]).effect == 1.0


@pytest.mark.parametrize(
    ("before", "after"),
    [([], []), ([1.0], []), ([float("nan")], [1.0]), ([-1.7e308], [1.7e308])],
)
def test_wilcoxon_refuses_what_has_no_paired_difference(before, after):
    with pytest.raises(EvaluationError, match="paired"):
        wilcoxon(before, after)


@given(pairs=outcomes)
def test_mcnemar_agrees_with_scipys_binomial_test(pairs):
    gained = sum(new and not old for old, new in pairs)
    lost = sum(old and not new for old, new in pairs)
    assume(gained + lost)
    result = mcnemar(*split(pairs))
    assert (result.gained, result.lost) == (gained, lost)
    assert result.p_value == pytest.approx(stats.binomtest(gained, gained + lost).pvalue, rel=1e-9)


@given(pairs=outcomes)
def test_mcnemar_is_symmetric_under_swapping_before_and_after(pairs):
    before, after = split(pairs)
    assert mcnemar(after, before) == mirrored(mcnemar(before, after))


@given(values=st.lists(st.booleans(), min_size=1))
def test_mcnemar_without_any_difference_gives_one(values):
    result = mcnemar(values, values)
    assert (result.p_value, result.effect, result.method) == (1.0, 0.0, "no differences")


def test_mcnemar_holds_on_thousands_of_pairs():
    result = mcnemar([False] * 3000 + [True] * 2000, [True] * 3000 + [False] * 2000)
    assert result.p_value == pytest.approx(stats.binomtest(3000, 5000).pvalue, rel=1e-6)


@pytest.mark.parametrize(("before", "after"), [([], []), ([True], [True, False])])
def test_mcnemar_refuses_outcomes_that_are_no_pairs(before, after):
    with pytest.raises(EvaluationError, match="paired"):
        mcnemar(before, after)


@given(ps=p_values)
def test_holm_never_lowers_a_p_value_and_never_exceeds_one(ps):
    assert all(p <= adjusted <= 1 for p, adjusted in zip(ps, holm(ps), strict=True))


@given(ps=p_values)
def test_holm_keeps_the_order(ps):
    ordered = [adjusted for _, adjusted in sorted(zip(ps, holm(ps), strict=True))]
    assert ordered == sorted(ordered)


@given(ps=p_values, data=st.data())
def test_holm_does_not_depend_on_the_order_given(ps, data):
    order = data.draw(st.permutations(range(len(ps))))
    assert holm([ps[i] for i in order]) == tuple(holm(ps)[i] for i in order)


def test_holm_on_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        holm([0.5, p])
