"""The checks of pairs as text: each planted fault is found, named, and nothing else is."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.codec import value_id
from fcpref.core.pairs import lint, lint_report
from fcpref.core.pairs.lint_rules import RULES
from tests.core.pairs_by_hand import BY_ID, GOOD, PROBLEMS, SET, STEP, both, changed, found

SHORTENED = evolve(STEP.chosen, turns=STEP.chosen.turns[:1])
PLANTED = {
    "problem": changed("rejected", problem="sha256:2"),
    "unknown_problem": both(problem="sha256:2"),
    "task": both(task="math.chess"),
    "grammar": changed("rejected", grammar="tools"),
    "functions": changed("rejected", without=("Reasoning",)),
    "equal": evolve(GOOD, rejected=evolve(GOOD.chosen, sample=3)),
    "empty": changed("rejected", turns=()),
    "step": evolve(STEP, rejected=SHORTENED),
    "values": evolve(STEP, values=(Fraction(1, 3), Fraction(1, 3))),
    "verdict": evolve(GOOD, rejected_verdict="correct"),
    "held_out": GOOD,
}
HELD_OUT = {"held_out": {GOOD.chosen.problem}}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_fault_is_found_with_its_pair(rule):
    pair = PLANTED[rule]
    known = BY_ID if rule != "held_out" else {}
    report = found([*SET[1:], pair], held_out=HELD_OUT.get(rule, ()), problems=known)

    assert ("error", rule, value_id(pair)) in report
    assert {one[2] for one in report} <= {value_id(pair), ""}
    assert {one[1] for one in report if one[0] == "error"} == {rule}


def test_every_rule_has_its_planted_fault():
    assert {*RULES} == {*PLANTED, "held_out_text", "held_out_form"}


def test_a_sound_set_has_no_findings():
    assert found(SET, problems=BY_ID) == []
    assert found([STEP], problems={GOOD.chosen.problem: PROBLEMS[0]}) == []
    assert lint_report(SET, problems=BY_ID).executed == len(SET)


def test_no_pairs_are_an_error():
    assert found([]) == [("error", "none", "")]


def test_every_finding_says_what_to_change():
    for pair in PLANTED.values():
        for one in lint([pair], held_out={GOOD.chosen.problem}, problems=BY_ID):
            assert "; " in one.message


def test_a_value_that_is_above_the_other_is_sound():
    assert found([evolve(STEP, values=(Fraction(2, 3), Fraction(1, 3)))]) == []


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_a_chain_that_is_not_what_it_is_taken_for_is_found_by_executing_it(side):
    other = GOOD.rejected if side == "chosen" else GOOD.chosen
    pair = evolve(GOOD, **{side: evolve(other, sample=7, turns=other.turns)})
    if side == "chosen":
        pair = changed("chosen", pair, turns=(*other.turns[1:],))
    else:
        pair = changed("rejected", pair, turns=(GOOD.rejected.turns[0], *other.turns))

    (finding,) = [one for one in lint([pair], problems=BY_ID) if one.rule == "label"]
    assert (finding.severity, finding.pair) == ("error", value_id(pair))
    wrong_side = {"chosen": "chosen chain is wrong_answer", "rejected": "rejected chain is correct"}
    assert wrong_side[side] in finding.message
    assert "label" not in {rule for _, rule, _ in found([pair])}


def test_another_verdict_than_the_recorded_one_is_found():
    pair = evolve(GOOD, rejected_verdict="limit")
    (finding,) = [one for one in lint([pair], problems=BY_ID) if one.rule == "label"]

    assert finding.message.startswith("the rejected chain is wrong_answer when executed again")


def test_as_many_pairs_are_executed_as_one_says_whatever_their_order():
    bad = [evolve(pair, rejected_verdict="limit") for pair in SET]
    some = lint_report(bad, problems=BY_ID, execute=2)
    again = lint_report(bad[::-1], problems=BY_ID, execute=2)
    labels = {one.pair for one in some.findings if one.rule == "label"}

    assert (some.executed, len(labels)) == (2, 2)
    assert labels == {*sorted(map(value_id, bad))[:2]}
    assert {*some.findings} == {*again.findings}


def test_ids_that_are_known_are_taken():
    report = lint_report(SET[:1], held_out={SET[0].chosen.problem}, ids=["sha256:77"])

    assert {one.pair for one in report.findings} == {"sha256:77"}


# duplicates


def test_the_same_pair_twice_is_one_error():
    report = found([*SET, SET[1]], problems=BY_ID)

    assert report == [("error", "duplicate", value_id(SET[1]))]


def test_the_same_lesson_in_two_pairs_is_a_warning_that_names_both():
    again = changed("chosen", sample=5)
    (finding,) = lint([GOOD, again], problems={GOOD.chosen.problem: PROBLEMS[0]})
    first, second = sorted(map(value_id, (GOOD, again)))

    assert (finding.severity, finding.rule, finding.pair) == ("warning", "same_lesson", second)
    assert first.removeprefix("sha256:")[:16] in finding.message


def test_pairs_with_a_warning_are_executed_all_the_same():
    again = changed("chosen", sample=5)
    report = lint_report([GOOD, again], problems=BY_ID)

    assert report.executed == 2
    assert lint_report([GOOD, GOOD, again], problems=BY_ID).executed == 1


def test_step_pairs_that_part_at_the_same_call_are_one_lesson():
    # What comes after the judged call is another, and is not judged.
    longer = changed("rejected", STEP, turns=(*STEP.rejected.turns, STEP.rejected.turns[0]))

    assert [rule for _, rule, _ in found([STEP, longer])] == ["same_lesson"]
    assert found([STEP, GOOD]) == []


# properties


faulty = st.lists(
    st.sampled_from([*SET, *PLANTED.values(), *(evolve(p, rejected_verdict="limit") for p in SET)]),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(faulty, st.data())
def test_the_order_of_the_pairs_does_not_matter(pairs, data):
    shuffled = data.draw(st.permutations(pairs))
    first, second = (lint_report(some, problems=BY_ID) for some in (pairs, shuffled))

    assert Counter(first.findings) == Counter(second.findings)
    assert evolve(first, findings=()) == evolve(second, findings=())


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(range(len(SET))), min_size=1), st.data())
def test_a_pair_once_more_is_one_finding_more(places, data):
    pairs = [SET[place] for place in places]
    again = data.draw(st.sampled_from(pairs))
    before, after = (Counter(found(some)) for some in (pairs, [*pairs, again]))

    added = after - before
    assert added[("error", "duplicate", value_id(again))] == 1
    assert {rule for _, rule, _ in added} == {"duplicate"}


@settings(max_examples=25, deadline=None)
@given(faulty)
def test_errors_come_before_warnings(pairs):
    severities = [one.severity for one in lint(pairs, problems=BY_ID)]

    assert severities == sorted(severities)
