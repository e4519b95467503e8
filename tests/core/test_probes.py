"""Probes as data: what is counted, when a run ends, which step is kept, which problems."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.functions import FailureCode
from fcpref.core.problems import normalised, problem_id
from fcpref.core.scores import Score, Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.core.training import (
    DpoSpec,
    Probe,
    ProbeSpec,
    RunRecord,
    SftSpec,
    best_of,
    checked_probe,
    described,
    generated_probe,
    helped,
    outcome,
    probe_of,
    probe_problems,
    stop_reason,
)
from fcpref.errors import UsageError

DEDUCTION = find_task("fol.deduction")
KNOBS = {"max_depth": 2}
SPEC = ProbeSpec(every=10, count=6, knobs=KNOBS)
REMEDY = "lower the learning rate"


def probe(step: int, *, correct: int = 0, one_call: int = 0, chains: int = 10) -> Probe:
    return Probe(
        step=step,
        chains=chains,
        correct=correct,
        answered=chains,
        one_call=one_call,
        calls=3 * chains,
        failed=chains,
    )


def course(*correct: int) -> list[Probe]:
    return [probe(10 * number, correct=one) for number, one in enumerate(correct)]


numbers = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=12).map(
    lambda pairs: [
        probe(5 * place, correct=one, one_call=other) for place, (one, other) in enumerate(pairs)
    ]
)


def test_a_probe_counts_chains_and_calls() -> None:
    slip = FailureCode.NOT_A_CALL
    scores = [
        Score(verdict=Verdict.CORRECT, evidence=(0,), codes=(None, slip, None)),
        Score(verdict=Verdict.UNSUPPORTED, evidence=(), codes=(None,)),
        Score(verdict=Verdict.WRONG_ANSWER, evidence=(), codes=(None,)),
        Score(verdict=Verdict.WRONG_ANSWER, evidence=(), codes=(slip, None)),
        Score(verdict=Verdict.MALFORMED, evidence=(), codes=(slip, slip, slip)),
        Score(verdict=Verdict.LIMIT, evidence=(), codes=(None,)),
        Score(verdict=Verdict.NO_ANSWER, evidence=(), codes=()),
    ]
    found = probe_of(40, scores)
    assert found == Probe(step=40, chains=7, correct=1, answered=4, one_call=3, calls=11, failed=5)
    assert described(found) == (
        "1/7 correct, 4 answered, 3 by one call, 1.6 calls a chain, 45% failed"
    )


@pytest.mark.parametrize(
    ("first", "last", "collapse", "ends"),
    [
        (1, 6, 0.5, False),
        (1, 7, 0.5, True),
        (5, 10, 0.5, False),
        (0, 1, 0.1, False),
        (0, 2, 0.1, True),
        (9, 2, 0.1, False),
    ],
)
def test_more_guesses_by_one_call_than_allowed_end_a_run(first, last, collapse, ends) -> None:
    probes = [probe(0, one_call=first), probe(10, one_call=10), probe(20, one_call=last)]
    reason = stop_reason(probes, evolve(SPEC, collapse=collapse), REMEDY)
    assert reason == (
        f"step 20: in {last} of 10 probe chains no call but Answer works, {first} at the start, a "
        f"rise over probe.collapse {collapse:g} (collapse to guesses); lower the learning rate"
        if ends
        else ""
    )


@pytest.mark.parametrize(
    ("correct", "ends"),
    [
        ((2, 8, 5, 5), True),
        ((2, 8, 5), False),
        ((2, 8, 5, 6), False),
        ((2, 8, 5, 6, 5, 5), True),
        ((8, 5, 5), True),
        ((8, 5), False),
        ((8,), False),
        ((2, 4, 8), False),
    ],
)
def test_two_probes_in_a_row_far_below_the_best_end_a_run(correct, ends) -> None:
    probes = course(*correct)
    reason = stop_reason(probes, evolve(SPEC, fall=0.25), REMEDY)
    best = correct.index(8)
    assert reason == (
        f"step {probes[-1].step}: {correct[-1]} of 10 probe chains are correct, 8 at step "
        f"{10 * best}, twice in a row more than probe.fall 0.25 below; lower the learning rate, or "
        "train for fewer steps"
        if ends
        else ""
    )


@given(probes=numbers)
def test_guards_at_1_never_end_a_run(probes) -> None:
    assert stop_reason(probes, evolve(SPEC, collapse=1, fall=1), REMEDY) == ""


@given(probes=numbers, collapse=st.floats(0.01, 1), fall=st.floats(0.01, 1))
def test_a_run_ends_for_what_it_shows(probes, collapse, fall) -> None:
    reason = stop_reason(probes, evolve(SPEC, collapse=collapse, fall=fall), REMEDY)
    risen = (probes[-1].one_call - probes[0].one_call) / 10 > collapse
    assert ("(collapse to guesses)" in reason) == risen
    most = max(one.correct for one in probes)
    fallen = len(probes) > 1 and all((most - one.correct) / 10 > fall for one in probes[-2:])
    assert bool(reason) == (risen or fallen)


@given(probes=numbers)
def test_the_best_probe_is_the_earliest_of_those_with_most_correct_chains(probes) -> None:
    best = best_of(probes)
    assert all(one.correct < best.correct for one in probes if one.step < best.step)
    assert all(one.correct <= best.correct for one in probes)


def test_a_run_says_whose_weights_it_kept_and_whether_it_helped() -> None:
    assert outcome(course(2, 7, 6), 10) == (
        "kept step 10: 7 of 10 probe chains correct, 2 at the start"
    )
    assert outcome(course(2, 2, 1), 0) == (
        "training did not help: no probe has more correct chains than the start (2 of 10), whose "
        "weights are kept"
    )
    assert [helped(course(2, 7, 6), one) for one in (0, 10, 20)] == [False, True, True]
    assert outcome(course(2), 0) == "kept step 0: 2 of 10 probe chains correct, 2 at the start"


@pytest.mark.parametrize(
    "wrong",
    [{"every": -1}, {"count": 0}, {"collapse": 0}, {"collapse": 1.1}, {"fall": 0}, {"fall": 2}],
)
def test_a_probe_out_of_range_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ProbeSpec(**wrong)
    with pytest.raises(ValueError, match="keep"):
        ProbeSpec(keep="first")


@pytest.mark.parametrize("spec", [SftSpec(), DpoSpec()])
def test_a_specification_with_a_probe_comes_back_and_can_be_hashed(spec) -> None:
    probed = evolve(spec, probe=SPEC)
    assert structure(unstructure(probed), type(spec)) == probed
    assert hash(probed) == hash(structure(unstructure(probed), type(spec)))
    assert value_id(probed) != value_id(spec)
    assert "probe" not in unstructure(spec)


def test_what_probes_found_is_on_record_and_left_out_where_there_were_none() -> None:
    record = RunRecord(
        kind="dpo",
        base="path:base",
        student_revision="1",
        start="",
        data=(),
        spec={},
        rows=1,
        left_out=0,
        tokens=9,
        trained_tokens=3,
        steps=20,
        metrics={},
        adapter="ab",
    )
    assert not {"probes", "kept"} & unstructure(record).keys()
    probed = evolve(record, probes=tuple(course(2, 7)), kept=0)
    assert unstructure(probed)["kept"] == 0
    assert structure(unstructure(probed), RunRecord) == probed


def test_generated_problems_are_of_the_dev_split_and_none_is_trained_on() -> None:
    fresh = generated_probe(SPEC, "fol.deduction", {})
    assert len(fresh) == 6
    assert {one.split for one in fresh} == {"dev"}
    assert len({normalised(one.text) for one in fresh}) == 6
    assert generated_probe(SPEC, "fol.deduction", {}) == fresh
    assert DEDUCTION.rewrites is not None
    rename = DEDUCTION.rewrites.kinds["renaming"]
    disguised = rename(fresh[0], derive(1))
    assert disguised is not None
    assert disguised.text != fresh[0].text
    trained = {problem_id(one): one for one in (disguised, fresh[3])}
    others = generated_probe(SPEC, "fol.deduction", trained)
    assert len(others) == 6
    assert others[:4] == (fresh[1], fresh[2], fresh[4], fresh[5])
    with pytest.raises(UsageError, match="has 2 problems that are trained on, maybe in other word"):
        checked_probe(SPEC, fresh, trained)
    assert checked_probe(evolve(SPEC, count=2), fresh[1:], trained) == fresh[1:3]


def test_problems_that_no_probe_may_have_are_refused() -> None:
    assert DEDUCTION.generate is not None
    held_out = [DEDUCTION.generate(KNOBS, 0, "test", index) for index in range(6)]
    with pytest.raises(UsageError, match="problems of the test split, which would choose"):
        checked_probe(SPEC, held_out, {})
    with pytest.raises(UsageError, match=r"has 6 problems, 7 are wanted; set probe\.count lower"):
        checked_probe(evolve(SPEC, count=7), held_out, {})
    with pytest.raises(UsageError, match=r"math\.gsm8k has no generator: set probe\.problems"):
        generated_probe(SPEC, "math.gsm8k", {})
    with pytest.raises(UsageError, match=r"probe\.knobs cannot be used: .*depth"):
        generated_probe(evolve(SPEC, knobs={"depth": 2}), "fol.deduction", {})


def test_a_generator_that_has_too_few_problems_is_told_of(monkeypatch) -> None:
    assert DEDUCTION.generate is not None
    only = [DEDUCTION.generate(KNOBS, 0, "dev", index) for index in range(3)]
    small = evolve(DEDUCTION, generate=lambda _k, _s, _split, index: only[index % 3])
    monkeypatch.setattr(probe_problems, "find_task", lambda _: small)
    assert set(generated_probe(evolve(SPEC, count=3), "fol.deduction", {})) == {*only}
    trained = {problem_id(only[0]): only[0]}
    with pytest.raises(UsageError, match=r"only 2 probe problems found.*set probe\.count lower"):
        generated_probe(evolve(SPEC, count=3), "fol.deduction", trained)
