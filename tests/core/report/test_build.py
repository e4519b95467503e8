from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.evaluation import compare, summarise
from fcpref.core.report import LineFigure, Source, Table, build_report, html, markdown
from fcpref.core.seeds import derive
from tests.core.evaluation.trial_sets import trial, trial_sets
from tests.core.report.documents import Page, texts


def report_on(before, after, **more):
    summaries = {"base": summarise(before, derive(0)), "ours": summarise(after, derive(0))}
    return build_report(profile="laptop", summaries=summaries, **more)


def item(report, title):
    (found,) = [i for section in report.sections for i in section.items if i.title == title]
    return found


def trials(*verdicts, **more):
    return [trial(f"p{index:03}", verdict, **more) for index, verdict in enumerate(verdicts)]


@given(sets=trial_sets(sets=2, max_problems=3), label=texts)
def test_a_report_on_any_trials_can_be_written(sets, label):
    report = report_on(*sets, comparisons=[compare(label, *sets, derive(0))])
    assert Page(html(report)).found("table")
    assert markdown(report)


def test_every_model_has_a_row():
    table = item(report_on(trials("correct", "limit"), trials("correct", "correct")), "Models")
    shown = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["Model"], row["Correct"], row["Problems"]) for row in shown] == [
        ("base", "50.0%", "2"),
        ("ours", "100.0%", "2"),
    ]


def test_comparisons_are_adjusted_together():
    before = trials(*["limit"] * 7)
    after = trials(*["correct"] * 7)
    comparisons = [compare(name, before, after, derive(0)) for name in ("first", "second")]
    table = item(report_on(before, after, comparisons=comparisons), "Paired comparisons")
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["p"], row["p (Holm)"]) == ("0.016", "0.031")
    assert (row["Gained, lost"], row["Effect"]) == ("7, 0", "+0.50")


def findings(report):
    (section,) = [s for s in report.sections if s.title == "Before and after"]
    return section.paragraphs[1:]


def test_what_is_significant_is_said_in_words():
    low, high = trials(*["limit"] * 9), trials(*["correct"] * 9)
    comparisons = [
        compare("up", low, high, derive(0)),
        compare("down", high, low, derive(0)),
        compare("same", low, low, derive(0)),
    ]
    assert findings(report_on(low, high, comparisons=comparisons)) == (
        "Better: up (+100.0).",
        "Worse: down (\N{MINUS SIGN}100.0).",
        "No significant change: same (0.0).",
    )


def test_a_comparison_without_a_test_says_why():
    pair = [trial(sample=0), trial(sample=1)]
    report = report_on(pair, pair, comparisons=[compare("few", pair, pair, derive(0))])
    assert findings(report) == ("Not tested: few (0.0).",)
    note = item(report, "Paired comparisons").note
    assert "needs means of at least 4 samples a problem; there are 2" in note


def test_difficulties_line_up_across_models_that_lack_some():
    shallow = [trial("p0", difficulty=2), trial("p1", difficulty=10)]
    figure = item(report_on(shallow, [trial("p2", difficulty=3)]), "Correct chains by difficulty")
    assert isinstance(figure, LineFigure)
    assert figure.categories == ("2", "3", "10")
    assert [[p is not None for p in series.points] for series in figure.series] == [
        [True, False, True],
        [False, True, False],
    ]


def test_families_are_shown_where_there_are_several():
    one = report_on(trials("correct"), trials("limit"))
    two = report_on(trials("correct"), trials("limit", family="math.word"))
    assert "Correct chains by family" not in markdown(one)
    assert item(two, "Correct chains by family").categories == ("fol.deduction", "math.word")


def test_verdicts_and_failure_codes_are_counted_for_each_model():
    base = trials("limit", "correct", codes=("unparseable",))
    report = report_on(base, trials("correct", "correct"))
    verdicts = {row[0]: row[1:] for row in item(report, "Verdicts").rows}
    assert verdicts["limit"] == ("1 (50.0%)", "0")
    assert item(report, "Failed calls").rows == (("unparseable", "2 (100.0%)", "0"),)


def test_a_report_without_failed_calls_says_so():
    assert "No call failed." in markdown(report_on(trials("correct"), trials("limit")))


@given(label=st.sampled_from(["pairs", "teacher"]))
def test_other_tables_and_sources_are_taken_as_they_are(label):
    table = Table(title=label, columns=("Task", "n"), rows=(("fol", "3"),))
    source = Source(stage=label, id="sha256:00")
    report = report_on(trials("limit"), trials("limit"), counts=[table], sources=[source])
    assert item(report, label) is table
    assert report.sources == (source,)


def test_the_same_results_give_the_same_text():
    first, second = (report_on(trials("limit"), trials("correct")) for _ in range(2))
    assert (html(first), markdown(first)) == (html(second), markdown(second))


def test_a_report_needs_a_model():
    with pytest.raises(ValueError, match="at least one model"):
        build_report(profile="laptop", summaries={})
