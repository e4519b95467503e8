"""The checks of pairs as text: each planted fault is found, named, and nothing else is."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pointbiserialr

from fcpref.core.chains import Limits, Turn
from fcpref.core.codec import value_id
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.pairs import PreferencePair, lint, lint_report
from fcpref.core.pairs.lint_lengths import biased, length_bias
from fcpref.core.pairs.lint_rules import RULES
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import TASKS, find_task
from tests.played import played

WORD = find_task("math.word")


def wrong(n: int) -> tuple[str, ...]:
    return (f"Add(a={n}, b={n})", f"Fly{n}()", f"Answer(value={90_000 + n})")


def pair_for(problem: Problem, n: int = 0) -> PreferencePair:
    """Pair the oracle's chain with a wrong answer after a failed call."""
    return PreferencePair(
        kind="chain",
        chosen=find_task(problem.task).oracle_chain(problem, Limits()),
        rejected=played(problem, wrong(n), limits=Limits(failures=9)),
        rejected_verdict="wrong_answer",
    )


def drawn(task: str = "math.word", count: int = 4, seed: int = 3) -> list[Problem]:
    generate = find_task(task).generate
    assert generate is not None
    return [generate({}, seed, "train", index) for index in range(count)]


PROBLEMS = drawn()
BY_ID = {problem_id(one): one for one in PROBLEMS}
GOOD = pair_for(PROBLEMS[0])
SET = [pair_for(one, n) for n, one in enumerate(PROBLEMS)]


def changed(side: str, pair: PreferencePair = GOOD, **changes: object) -> PreferencePair:
    return evolve(pair, **{side: evolve(getattr(pair, side), **changes)})


def both(pair: PreferencePair = GOOD, **changes: object) -> PreferencePair:
    return changed("rejected", changed("chosen", pair, **changes), **changes)


def found(pairs, **arguments):
    return [(one.severity, one.rule, one.pair) for one in lint(pairs, **arguments)]


STEP = evolve(GOOD, kind="step")
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


# overlap


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_held_out_problem_of_the_same_text_is_found_under_another_id(split):
    original = PROBLEMS[0]
    shouted = evolve(
        original, split=split, index=99, text=f"  {original.text.upper()}\n", solution=""
    )
    twin = problem_id(shouted)
    report = lint(SET, held_out={twin}, problems={**BY_ID, twin: shouted})

    assert [(one.severity, one.rule, one.pair) for one in report] == [
        ("error", "held_out_text", value_id(SET[0]))
    ]
    assert twin.removeprefix("sha256:")[:16] in report[0].message


def test_a_problem_under_another_id_is_told_once():
    other = evolve(PROBLEMS[0], split="test")
    by_id = {**BY_ID, problem_id(other): other}

    assert [rule for _, rule, _ in found(SET, held_out={problem_id(other)}, problems=by_id)] == [
        "held_out_text"
    ]


GENERATED = [name for name, task in TASKS.items() if task.generate and task.form]


@pytest.mark.parametrize("task", GENERATED)
def test_a_held_out_problem_in_other_words_is_found_by_its_form(task):
    problems = drawn(task, 2)
    disguised = evolve(problems[0], index=77, split="test", text="Said otherwise.")
    by_id = {problem_id(one): one for one in (*problems, disguised)}
    pairs = [pair_for(one) for one in problems]
    report = found(pairs, held_out={problem_id(disguised)}, problems=by_id)

    errors = [one for one in report if one[0] == "error" and one[1] != "label"]
    assert errors == [("error", "held_out_form", value_id(pairs[0]))]


def test_a_held_out_problem_of_the_same_folio_story_is_found():
    first, second, *_ = [one.problem for one in find_task("fol.folio").exemplars]
    sibling = evolve(first, index=77, split="test", text="Another conclusion.")
    stranger = evolve(second, index=78, split="test", text="Another story.")
    pair = pair_for(first)
    for held, rules in ((sibling, {"held_out_form"}), (stranger, set())):
        by_id = {problem_id(one): one for one in (first, held)}
        errors = found([pair], held_out={problem_id(held)}, problems=by_id)
        assert {rule for kind, rule, _ in errors if kind == "error" and rule != "label"} == rules


def test_a_name_changed_throughout_is_a_disguise():
    (problem,) = drawn("fol.deduction", 1, seed=5)
    names = {fact.formula.partition("(")[2].rstrip(")") for fact in problem.givens}
    name = min(one for one in names if one.isalpha() and one in problem.claim.formula)
    text = problem.text.replace(name, "zork").replace(name.title(), "Zork")
    givens = tuple(evolve(one, formula=one.formula.replace(name, "zork")) for one in problem.givens)
    claim = evolve(problem.claim, formula=problem.claim.formula.replace(name, "zork"))
    other = evolve(problem, text=text, givens=givens, claim=claim, split="test")
    by_id = {problem_id(one): one for one in (problem, other)}

    assert text != problem.text
    report = found([pair_for(problem)], held_out={problem_id(other)}, problems=by_id)
    assert "held_out_form" in {rule for _, rule, _ in report}


def test_problems_of_other_forms_do_not_overlap():
    other = drawn(count=12, seed=8)
    by_id = {**BY_ID, **{problem_id(one): one for one in other}}

    assert found(SET, held_out=[*map(problem_id, other)], problems=by_id) == []


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
