from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fcpref.core.evaluation import Interval, cluster_bootstrap, wilson
from fcpref.core.seeds import derive
from fcpref.errors import EvaluationError

shares = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
values = st.floats(-1e6, 1e6)
clusters = st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=8)


@given(share=shares, level=st.floats(0.5, 0.999))
def test_wilson_agrees_with_scipy(share, level):
    successes, total = share
    theirs = stats.binomtest(successes, total).proportion_ci(level, method="wilson")
    ours = wilson(successes, total, level=level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(share=shares)
def test_wilson_contains_the_share_and_stays_within_zero_and_one(share):
    successes, total = share
    interval = wilson(successes, total)
    assert 0 <= interval.low <= successes / total <= interval.high <= 1


@given(share=shares)
def test_wilson_never_claims_certainty(share):
    interval = wilson(*share)
    assert interval.low < interval.high


@given(share=shares)
def test_wilson_of_the_failures_is_the_mirror_image(share):
    successes, total = share
    one, other = wilson(successes, total), wilson(total - successes, total)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


def test_wilson_narrows_as_trials_are_added():
    widths = [wilson(n // 2, n).high - wilson(n // 2, n).low for n in (10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < widths[0] / 5


@pytest.mark.parametrize(("successes", "total"), [(0, 0), (-1, 3), (4, 3), (float("nan"), 3)])
def test_wilson_refuses_what_is_no_share(successes, total):
    with pytest.raises(EvaluationError, match="is not a share"):
        wilson(successes, total)


@pytest.mark.parametrize("level", [0, 1, -0.5, float("nan"), 1 - 1e-17])
def test_a_level_outside_zero_and_one_is_refused(level):
    with pytest.raises(EvaluationError, match="confidence level"):
        wilson(1, 2, level=level)


@given(clusters=clusters, seed=st.integers(0, 5))
def test_bootstrap_lies_between_the_least_and_the_greatest_cluster_mean(clusters, seed):
    interval = cluster_bootstrap(clusters, derive(seed), resamples=40)
    means = [sum(cluster) / len(cluster) for cluster in clusters]
    slack = 1e-9 * max(1, *map(abs, means))
    assert min(means) - slack <= interval.low <= interval.high <= max(means) + slack


@given(
    gains=st.lists(st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0]), min_size=1, max_size=12),
    seed=st.integers(0, 3),
)
def test_bootstrap_contains_the_mean(gains, seed):
    interval = cluster_bootstrap([(gain,) for gain in gains], derive(seed), resamples=400)
    assert interval.low - 1e-12 <= sum(gains) / len(gains) <= interval.high + 1e-12


def test_bootstrap_agrees_with_the_normal_interval_on_many_clusters():
    stream = derive(7, "normal")
    gains = [stream.gauss(0.2, 1.0) for _ in range(400)]
    interval = cluster_bootstrap([(gain,) for gain in gains], derive(7, "bootstrap"))
    error = stats.sem(gains)
    middle = sum(gains) / len(gains)
    assert interval.low == pytest.approx(middle - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(middle + 1.96 * error, abs=0.15 * error)


def test_bootstrap_takes_more_samples_of_a_problem_as_one_problem():
    once = cluster_bootstrap([(0.0,), (1.0,), (1.0,)], derive(1))
    repeated = cluster_bootstrap([(0.0,) * 9, (1.0,) * 9, (1.0,) * 9], derive(1))
    assert repeated == once


def test_bootstrap_is_a_function_of_its_stream():
    data = [(float(index % 7),) for index in range(30)]
    assert cluster_bootstrap(data, derive(3)) == cluster_bootstrap(data, derive(3))
    assert cluster_bootstrap(data, derive(3)) != cluster_bootstrap(data, derive(4))


@pytest.mark.parametrize("clusters", [[], [()], [(1.0,), ()], [(float("nan"),)]])
def test_bootstrap_refuses_clusters_without_a_mean(clusters):
    with pytest.raises(EvaluationError, match="a mean needs"):
        cluster_bootstrap(clusters, derive(0))


def test_bootstrap_refuses_no_resamples():
    with pytest.raises(EvaluationError, match="resamples"):
        cluster_bootstrap([(1.0,)], derive(0), resamples=0)


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_an_interval_has_finite_ends_in_order(low, high):
    with pytest.raises(EvaluationError, match="cannot run"):
        Interval(low=low, high=high, level=0.95, method="none")
