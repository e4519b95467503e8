"""Prompts compared on the same problems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import PromptSpec
from fcpref.core.evaluation import JudgedTrial, Setting, Trial, compare_prompts, holm
from fcpref.core.evaluation.trials import VERDICTS
from fcpref.core.report import markdown, prompt_report
from fcpref.core.report.prompts import describe
from fcpref.errors import EvaluationError


def setting(model="M", sampling="greedy", **prompt):
    prompt = PromptSpec(detail="help", **prompt)
    return Setting(task="math.word", model=model, sampling=sampling, prompt=prompt)


def trial(problem, sample, verdict, *, codes=(), calls=4, tokens=10, supported=None):
    made = Trial(
        problem=problem,
        family="math.word",
        difficulty=1,
        sample=sample,
        verdict=verdict,
        codes=codes,
        calls=calls,
        tokens=tokens,
    )
    return JudgedTrial(
        trial=made, supported=verdict == "correct" if supported is None else supported
    )


def greedy(*verdicts):
    return [trial(f"p{at}", 0, verdict) for at, verdict in enumerate(verdicts)]


def test_a_settings_chains_are_counted_by_what_they_came_to():
    (result,) = compare_prompts(
        {
            setting(): [
                trial("a", 0, "correct", codes=("not_a_call",), calls=3, tokens=30),
                trial("a", 1, "unsupported", calls=1, tokens=10),
                trial("b", 0, "wrong_answer", supported=True, calls=4, tokens=20),
                trial("b", 1, "malformed", codes=("not_a_call",) * 3, calls=4, tokens=60),
            ]
        }
    )
    assert (result.summary.problems, result.chains, result.left_out) == (2, 4, 0)
    assert result.summary.correct.value == 1 / 4
    assert result.summary.right.value == 2 / 4
    assert (result.supported, result.answered) == (2 / 4, 3 / 4)
    assert result.summary.failed_calls == 4 / 12
    assert (result.summary.calls_per_chain, result.summary.tokens_per_chain) == (3.0, 30.0)
    assert (result.comparison, result.p_value) == (None, None)


def test_later_settings_are_compared_with_the_first_on_the_same_problems():
    base = greedy(*["no_answer"] * 8)
    results = compare_prompts(
        {
            setting(): base,
            setting(shots=4): greedy(*["correct"] * 6, *["no_answer"] * 2),
            setting(shots=2): greedy(*["correct"] * 8)[:7],
            setting(shots=1): greedy(*["correct"] * 5, *["no_answer"] * 3),
        }
    )
    first, better, fewer, good = results
    assert first.comparison is None
    assert fewer.comparison is None
    assert better.comparison.difference.value == pytest.approx(6 / 8)
    raw = [one.comparison.test.p_value for one in (better, good)]
    assert (better.p_value, good.p_value) == holm(raw)
    assert better.p_value > raw[0]


def test_only_samples_that_every_problem_has_are_counted():
    """Sampling that stops early goes on where it is hard: counting all would be biased."""
    judged = [trial("a", 0, "correct"), trial("a", 1, "malformed")]
    judged += [trial("b", sample, "malformed") for sample in range(6)]
    (result,) = compare_prompts({setting(): judged[::-1]})
    assert (result.chains, result.left_out) == (4, 4)
    assert result.summary.correct.value == 1 / 4


trials = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(VERDICTS)),
    min_size=1,
    max_size=12,
    unique_by=lambda item: item[:2],
)


@given(trials, st.randoms(use_true_random=False))
def test_the_order_of_chains_does_not_matter(drawn, shuffled):
    judged = [trial(*item) for item in drawn if item[1] <= 1]
    judged += [
        trial(problem, 0, "limit")
        for problem in "abc"
        if (problem, 0) not in {(one.trial.problem, one.trial.sample) for one in judged}
    ]
    other = list(judged)
    shuffled.shuffle(other)
    assert compare_prompts({setting(): judged}) == compare_prompts({setting(): other})


def test_no_chains_are_an_error():
    with pytest.raises(EvaluationError, match="no chains to compare"):
        compare_prompts({})


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ({}, "help, 0 examples, python"),
        ({"shots": 1}, "help, 1 example (first), python"),
        ({"shots": 4, "exemplars": "spread"}, "help, 4 examples (spread), python"),
        (
            {"shots": 2, "exemplars": "random", "seed": 7, "grammar": "tools"},
            "help, 2 examples (random 7), tools",
        ),
        (
            {"shots": 2, "picked": (5, 0), "without": ("B", "A")},
            "help, 2 examples (5, 0), python, without A B",
        ),
    ],
)
def test_a_prompt_is_described_in_words(prompt, said):
    assert describe(PromptSpec(detail="help", **prompt)) == said


def test_the_table_has_a_row_a_setting_and_says_once_what_all_share():
    results = compare_prompts(
        {
            setting(sampling="greedy"): greedy("correct", "limit"),
            setting(sampling="warm"): greedy("correct", "correct"),
        }
    )
    report = prompt_report(results)
    (table,) = report.sections[0].items
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["sampling"] for row in rows] == ["greedy", "warm"]
    assert "model" not in table.columns
    assert report.sections[0].paragraphs == ("task: math.word; model: M.",)
    assert [(row["correct"], row["difference"]) for row in rows] == [
        *(("50.0%", ""), ("100.0%", "+50.0")),
    ]
    assert "| help, 0 examples, python | greedy" in markdown(report)
