from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.codec import structure, unstructure
from fcpref.core.evaluation import (
    VERDICTS,
    Count,
    EvaluationSummary,
    summarise,
    wilson,
)
from fcpref.core.seeds import derive
from fcpref.errors import EvaluationError
from tests.core.evaluation.trial_sets import trial, trial_sets


@given(sets=trial_sets(), data=st.data())
def test_the_order_of_trials_does_not_matter(sets, data):
    (trials,) = sets
    shuffled = data.draw(st.permutations(trials))
    assert summarise(shuffled, derive(0)) == summarise(trials, derive(0))


@given(sets=trial_sets())
def test_shares_follow_from_the_verdicts(sets):
    (trials,) = sets
    summary = summarise(trials, derive(0))
    counts = {count.label: count.count for count in summary.verdicts}
    assert summary.correct.value == pytest.approx(counts["correct"] / len(trials))
    right = counts["correct"] + counts["unsupported"]
    assert summary.right.value == pytest.approx(right / len(trials))


@given(sets=trial_sets())
def test_every_chain_has_one_verdict_and_every_problem_one_difficulty_and_family(sets):
    (trials,) = sets
    summary = summarise(trials, derive(0))
    assert [count.label for count in summary.verdicts] == list(VERDICTS)
    assert sum(count.count for count in summary.verdicts) == len(trials)
    for strata in (summary.by_difficulty, summary.by_family):
        assert sum(stratum.problems for stratum in strata) == summary.problems


@given(sets=trial_sets())
def test_strata_average_to_the_whole(sets):
    summary = summarise(*sets, derive(0))
    for strata in (summary.by_difficulty, summary.by_family):
        mean = sum(s.correct.value * s.problems for s in strata) / summary.problems
        assert mean == pytest.approx(summary.correct.value)


@given(sets=trial_sets())
def test_intervals_contain_their_share(sets):
    summary = summarise(*sets, derive(0))
    for one in (summary.correct, summary.right):
        assert one.interval.low - 1e-12 <= one.value <= one.interval.high + 1e-12


@given(sets=trial_sets())
def test_a_summary_survives_the_codec(sets):
    summary = summarise(*sets, derive(0))
    assert structure(unstructure(summary), EvaluationSummary) == summary


def test_greedy_shares_have_wilsons_interval():
    trials = [trial(f"p{index}", "correct" if index < 3 else "limit") for index in range(10)]
    assert summarise(trials, derive(0)).correct.interval == wilson(3, 10)


def test_samples_of_one_problem_do_not_count_as_problems():
    verdicts = ("correct", "limit")
    trials = [trial(f"p{p}", verdicts[p % 2], sample=s) for p in range(8) for s in range(50)]
    interval = summarise(trials, derive(0)).correct.interval
    assert interval.method == "cluster bootstrap"
    # 400 independent chains would give a width below 0.1; there are 8 problems.
    assert interval.high - interval.low > 0.5


def test_problems_that_all_agree_still_leave_doubt():
    trials = [trial(f"p{p}", sample=s) for p in range(5) for s in range(4)]
    interval = summarise(trials, derive(0)).correct.interval
    assert (interval.low, interval.high) == (wilson(5, 5).low, 1.0)
    assert interval.method == "Wilson on problems"


def test_difficulties_are_in_numeric_order():
    trials = [trial(f"p{d}", difficulty=d) for d in (10, 2, 1)]
    labels = [stratum.label for stratum in summarise(trials, derive(0)).by_difficulty]
    assert labels == ["1", "2", "10"]


def test_failures_are_counted_by_code_and_as_a_share_of_calls():
    trials = [
        trial("p0", codes=("limit", "unparseable"), calls=6),
        trial("p1", codes=("unparseable",), calls=4),
    ]
    summary = summarise(trials, derive(0))
    assert summary.failures == (
        Count(label="unparseable", count=2),
        Count(label="limit", count=1),
    )
    assert summary.failed_calls == pytest.approx(0.3)
    assert summary.calls_per_chain == 5
    assert summary.tokens_per_chain == 60


def test_chains_without_calls_have_no_failed_calls():
    assert summarise([trial(calls=0)], derive(0)).failed_calls == 0


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([], "no trials"),
        ([trial(), trial()], "same sample twice"),
        ([trial("p0"), trial("p0", sample=1), trial("p1")], "1 samples where another has 2"),
        ([trial(), trial(sample=1, family="math")], "more than one family"),
        ([trial(), trial(sample=1, difficulty=2)], "more than one family or difficulty"),
    ],
)
def test_trials_that_do_not_fit_together_are_refused(trials, message):
    with pytest.raises(EvaluationError, match=message):
        summarise(trials, derive(0))


def test_a_trial_has_a_known_verdict():
    with pytest.raises(EvaluationError, match="'lucky' is none of correct"):
        trial(verdict="lucky")


def test_a_trial_has_no_more_failed_calls_than_calls():
    with pytest.raises(EvaluationError, match="2 of 1 calls failed"):
        trial(codes=("limit", "limit"), calls=1)
