"""Sets of pairs whose verdicts, codes, kinds, depths or lengths tell which chain is chosen."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pointbiserialr

from fcpref.core.chains import Turn
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.pairs import PreferencePair, lint, lint_report
from fcpref.core.pairs.lint_lengths import biased, length_bias
from fcpref.core.problems import problem_id
from tests.core.pairs_by_hand import (
    BY_ID,
    GOOD,
    PROBLEMS,
    SET,
    STEP,
    both,
    changed,
    found,
    pair_for,
)

# balance


def many(count: int = 20) -> list[PreferencePair]:
    return [
        changed("rejected", turns=(Turn(reply=f"Fly{n}()", outcome=Outcome(text="no")),))
        for n in range(count)
    ]


def coded(pair: PreferencePair, code: FailureCode | None) -> PreferencePair:
    turns = tuple(evolve(one, outcome=Outcome(text="no", code=code)) for one in pair.rejected.turns)
    return changed("rejected", pair, turns=turns)


def warned(pairs, problems=()):
    by_id = {problem_id(one): one for one in problems}
    return [one.message for one in lint(pairs, problems=by_id) if one.rule == "balance"]


VERDICTS = ("limit", "malformed", "no_answer", "wrong_answer")


def mixed(count: int = 20) -> list[PreferencePair]:
    return [evolve(one, rejected_verdict=VERDICTS[n % 4]) for n, one in enumerate(many(count))]


def test_one_verdict_only_is_a_warning_from_twenty_pairs_on():
    assert warned(many(20)) == ["20 of 20 rejected chains are wrong_answer; mix in other failures"]
    assert warned(many(19)) == []
    assert warned(mixed()) == []


def test_one_failure_code_only_is_a_warning_and_none_at_all_is_not():
    crowd = [coded(one, FailureCode.UNPARSEABLE) for one in mixed()]
    other = [coded(one, FailureCode.NOT_A_CALL) for one in crowd[:3]]

    (message,) = warned(crowd)
    assert "with a failed call are rejected for unparseable" in message
    assert warned([*other, *crowd[3:]]) == []
    assert warned([coded(one, None) for one in mixed()]) == []


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("origin", lambda pair: evolve(pair, origin="oracle")),
        ("source", lambda pair: changed("chosen", pair, source="other")),
        ("family", lambda pair: both(pair, task="math.gsm8k")),
    ],
)
def test_a_kind_of_pair_that_crowds_out_another_is_a_warning(name, spoil):
    pairs = mixed()
    assert warned([spoil(pairs[0]), *pairs[1:]])[0].startswith(f"19 of 20 pairs have {name} ")
    assert warned([*map(spoil, pairs[:2]), *pairs[2:]]) == []
    assert warned([*map(spoil, pairs)]) == []


def test_a_depth_that_crowds_out_another_is_a_warning_and_one_without_pairs_is_named():
    report = lint([GOOD], problems=BY_ID)
    depths = Counter(one.difficulty for one in PROBLEMS)
    missing = sorted(depth for depth in depths if depth != PROBLEMS[0].difficulty)

    assert [one.rule for one in report] == ["uncovered"] * len(missing)
    assert f"no pair of math.word at depth {missing[0]}" in report[0].message
    other = pair_for(PROBLEMS[1])
    assert any("have depth" in text for text in warned([other, *mixed()], PROBLEMS))


def test_held_out_depths_need_no_pairs():
    others = {problem_id(one) for one in PROBLEMS[1:]}

    assert found([GOOD], problems=BY_ID, held_out=others) == []


def test_the_balance_is_counted_most_frequent_first():
    report = lint_report([*SET, evolve(GOOD, rejected_verdict="limit", origin="oracle")])
    counts = {one.name: dict(one.counts) for one in report.tallies}

    assert counts["verdict"] == {"wrong_answer": 4, "limit": 1}
    assert counts["origin"] == {"chain": 4, "oracle": 1}
    assert counts["code"] == {"unknown_function": 5}
    assert counts["depth"] == {"none": 5}
    depths = {one.name: one.counts for one in lint_report([*SET, *SET[2:]], problems=BY_ID).tallies}
    assert [*map(int, dict(depths["depth"]))] == sorted({one.difficulty for one in PROBLEMS})
    assert [name for name, _ in report.tallies[0].counts] == ["wrong_answer", "limit"]


# lengths


lengths = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=60)


@given(lengths)
def test_the_correlation_is_the_point_biserial_one(drawn):
    chosen, rejected = map(list, zip(*drawn, strict=True))
    bias = length_bias(chosen, rejected, "calls")
    labels = [1] * len(chosen) + [0] * len(rejected)

    if len({*chosen, *rejected}) == 1:
        assert (bias.correlation, bias.interval) == (None, None)
        return
    expected = pointbiserialr(labels, chosen + rejected).statistic
    assert bias.correlation == pytest.approx(expected, abs=1e-9)
    assert bias.interval is not None
    assert bias.interval[0] <= bias.correlation <= bias.interval[1]


def test_the_interval_is_fishers():
    from scipy.stats import pearsonr

    chosen, rejected = [3, 5, 8, 2, 9, 4], [2, 2, 6, 1, 5, 7]
    bias = length_bias(chosen, rejected, "calls")
    expected = pearsonr([1] * 6 + [0] * 6, chosen + rejected).confidence_interval(0.95)

    assert bias.interval == pytest.approx((expected.low, expected.high))


def test_lengths_that_tell_the_label_are_a_warning_from_twenty_pairs_on():
    long, short = [6, 7, 8, 7] * 5, [4, 5, 6, 5] * 5
    (finding,) = biased(length_bias(long, short, "calls"))
    (turned,) = biased(length_bias(short, long, "calls"))

    assert (finding.rule, finding.severity) == ("length_bias", "warning")
    assert "r = 0.82 (95% 0.68 to 0.90), chosen chains are longer" in finding.message
    assert "r = -0.82 (95% -0.90 to -0.68), rejected chains are longer" in turned.message
    assert [*biased(length_bias(long[:19], short[:19], "calls"))] == []


def test_a_weak_correlation_is_none_of_our_business():
    chosen, rejected = [1, 9] * 10, [2, 9] * 10

    assert [*biased(length_bias(chosen, rejected, "calls"))] == []
    many = length_bias([3, 5, 6] * 200, [2, 5, 6] * 200, "calls")
    assert many.interval[0] > 0
    assert [*biased(many)] == []


@pytest.mark.parametrize(
    ("chosen", "rejected", "said"),
    [([1], [4], "rejected chains have 4.0 times"), ([7], [2], "chosen chains have 3.5 times")],
)
def test_lengths_of_another_order_are_a_warning_at_once(chosen, rejected, said):
    (finding,) = biased(length_bias(chosen, rejected, "calls"))

    assert finding.message.startswith(said)
    assert [*biased(length_bias([3], [1], "calls"))] == []


def test_of_a_step_pair_one_call_is_measured():
    longer = changed("rejected", STEP, turns=STEP.rejected.turns * 6)

    assert lint_report([longer]).lengths[0].rejected == 1
    assert lint_report([evolve(longer, kind="chain")]).lengths[0].rejected == 18
