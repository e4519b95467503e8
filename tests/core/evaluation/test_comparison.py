from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.codec import structure, unstructure
from fcpref.core.evaluation import Comparison, compare, summarise, wilcoxon
from fcpref.core.seeds import derive
from fcpref.errors import EvaluationError
from tests.core.evaluation.trial_sets import trial, trial_sets


@given(sets=trial_sets(sets=2), metric=st.sampled_from(["correct", "right"]))
def test_the_difference_is_that_of_the_two_summaries(sets, metric):
    before, after = (getattr(summarise(trials, derive(0)), metric).value for trials in sets)
    comparison = compare("x", *sets, derive(0), metric=metric)
    assert (comparison.before, comparison.after) == pytest.approx((before, after))
    assert comparison.difference.value == pytest.approx(after - before)


@given(sets=trial_sets(sets=2))
def test_the_interval_contains_the_difference(sets):
    difference = compare("x", *sets, derive(0)).difference
    slack = 1e-12
    assert difference.interval.low - slack <= difference.value
    assert difference.value <= difference.interval.high + slack


@given(sets=trial_sets(sets=2), data=st.data())
def test_the_order_of_trials_does_not_matter(sets, data):
    before, after = sets
    shuffled = data.draw(st.permutations(after))
    assert compare("x", before, shuffled, derive(0)) == compare("x", before, after, derive(0))


@given(sets=trial_sets(sets=2))
def test_swapping_the_sides_turns_the_difference_round_and_keeps_the_p_value(sets):
    before, after = sets
    there, back = compare("x", before, after, derive(0)), compare("x", after, before, derive(0))
    assert back.difference.value == pytest.approx(-there.difference.value)
    assert (back.test and back.test.p_value) == (there.test and there.test.p_value)


@given(sets=trial_sets())
def test_a_model_compared_with_itself_has_not_changed(sets):
    (trials,) = sets
    comparison = compare("x", trials, trials, derive(0))
    interval = comparison.difference.interval
    assert (comparison.difference.value, interval.low, interval.high) == (0, 0, 0)
    assert comparison.test is None or comparison.test.p_value == 1


@given(sets=trial_sets(sets=2))
def test_each_test_is_run_or_skipped_with_a_reason(sets):
    comparison = compare("x", *sets, derive(0))
    assert (comparison.mcnemar is None) == bool(comparison.mcnemar_skipped)
    assert (comparison.wilcoxon is None) == bool(comparison.wilcoxon_skipped)
    assert (comparison.mcnemar is not None) == (comparison.samples == 1)
    assert (comparison.wilcoxon is not None) == (comparison.samples >= 4)


@given(sets=trial_sets(sets=2))
def test_a_comparison_survives_the_codec(sets):
    comparison = compare("x", *sets, derive(0))
    assert structure(unstructure(comparison), Comparison) == comparison


def test_greedy_outcomes_get_mcnemars_counts():
    before = [trial("p0", "limit"), trial("p1", "limit"), trial("p2"), trial("p3")]
    after = [trial("p0"), trial("p1"), trial("p2", "unsupported"), trial("p3")]
    test = compare("x", before, after, derive(0)).mcnemar
    assert test is not None
    assert (test.gained, test.lost, test.pairs) == (2, 1, 4)


def test_unsupported_answers_count_as_right_but_not_as_correct():
    before, after = [trial(verdict="unsupported")], [trial(verdict="correct")]
    assert compare("x", before, after, derive(0)).difference.value == 1
    assert compare("x", before, after, derive(0), metric="right").difference.value == 0


def test_equal_gains_tie_whatever_their_means():
    # As means, 0.3 - 0.1 and 0.2 - 0.0 differ in the last bit, and would rank 1 and 2.
    def trials(*solved):
        return [
            trial(f"p{index}", "correct" if sample < count else "limit", sample=sample)
            for index, count in enumerate(solved)
            for sample in range(10)
        ]

    assert compare("x", trials(1, 2), trials(3, 0), derive(0)).wilcoxon == wilcoxon([1, 2], [3, 0])
    assert wilcoxon([1, 2], [3, 0]).effect == 0
    assert wilcoxon([0.1, 0.2], [0.3, 0.0]).effect != 0


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ([trial("p1")], "2 problems have trials on one side only, 'p0' among them"),
        ([trial("p0"), trial("p0", sample=1)], "1 samples a problem before and 2 after"),
        ([evolve(trial("p0"), difficulty=3)], "another family or difficulty"),
        ([], "no trials"),
    ],
)
def test_trials_of_other_problems_are_refused(after, message):
    with pytest.raises(EvaluationError, match=message):
        compare("x", [trial("p0")], after, derive(0))
