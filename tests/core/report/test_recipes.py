"""Recipes side by side: a row each, the base first, costs in the order of the runs."""

from __future__ import annotations

from fcpref.core.evaluation import summarise
from fcpref.core.report import RecipeResult, RunCost, Table, build_report, markdown
from fcpref.core.report.recipes import recipes_section
from fcpref.core.seeds import derive
from tests.core.evaluation.trial_sets import trial

WARM = RunCost(rows=16_324, steps=1_533)
PAPER = RecipeResult(
    recipe="paper",
    label="paper",
    steps="DPO",
    source="A paper (arXiv 1).",
    runs=(RunCost(rows=4, steps=2, seconds=61.4, device="CPU"),),
)
ROUNDS = RecipeResult(
    recipe="rounds",
    label="rounds",
    steps="SFT; DPO",
    source="Others (arXiv 2).",
    runs=(WARM, RunCost(rows=48, steps=6, seconds=75.0, device="GPU")),
    notes=("round 2 found 1 pairs",),
)


def summary(*verdicts, samples=1):
    trials = [
        trial(f"p{index:03}", verdict, difficulty=1 + index % 2, sample=sample)
        for index, verdict in enumerate(verdicts)
        for sample in range(samples)
    ]
    return summarise(trials, derive(0))


SUMMARIES = {
    "base": summary("limit", "limit", "limit", "limit"),
    "paper": summary("correct", "limit", "correct", "limit"),
    "rounds": summary("correct", "correct", "correct", "limit"),
    "rounds (sampled)": summary("correct", "limit", "correct", "limit", samples=4),
}


def rows(title, results=(PAPER, ROUNDS)):
    report = build_report(profile="laptop", summaries=SUMMARIES, recipes=results)
    assert report.sections[0].title == "Recipes"
    (table,) = [one for one in report.sections[0].items if one.title == title]
    assert isinstance(table, Table)
    return table, [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_every_recipe_has_a_row_behind_the_base():
    _, shown = rows("Recipes side by side")
    assert [row["Recipe"] for row in shown] == ["base", "paper", "rounds"]
    assert [row["Correct"].partition(" ")[0] for row in shown] == ["0.0%", "50.0%", "75.0%"]
    assert [row["Sampled"] for row in shown] == ["", "", "50.0%"]
    assert [(row["Depth 1"], row["Depth 2"]) for row in shown] == [
        ("0.0%", "0.0%"),
        ("100.0%", "0.0%"),
        ("100.0%", "50.0%"),
    ]


def test_many_difficulties_share_the_last_column():
    solved = {**dict.fromkeys(range(7), (1, 2)), 7: (0, 3), 12: (1, 1)}
    deep = [
        trial(f"p{depth}-{index}", "correct" if index < count else "limit", difficulty=depth)
        for depth, (count, of) in solved.items()
        for index in range(of)
    ]
    table = recipes_section([PAPER], {"paper": summarise(deep, derive(0))}).items[0]
    assert table.columns[3:10] == (*(f"Depth {one}" for one in range(6)), "Depth 6 to 12")
    # Two of six problems: one of two, none of three, one of one.
    assert table.rows[0][3:10] == (*("50.0%",) * 6, "33.3%")
    seven = [one for one in deep if one.difficulty < 7]
    table = recipes_section([PAPER], {"paper": summarise(seven, derive(0))}).items[0]
    assert table.columns[9] == "Depth 6"


def test_a_difficulty_that_a_model_was_not_put_to_is_left_empty():
    base, paper = (
        summarise([trial(f"p{depth}", "correct", difficulty=depth)], derive(0)) for depth in (1, 3)
    )
    table = recipes_section([PAPER], {"base": base, "paper": paper}).items[0]
    assert [row[3:5] for row in table.rows] == [("100.0%", ""), ("", "100.0%")]


def test_costs_have_a_number_for_each_run_and_a_mark_where_nothing_was_timed():
    _, shown = rows("Recipes side by side")
    costs = [(row["Training rows"], row["Steps"], row["Seconds of training"]) for row in shown]
    assert costs == [
        ("0", "0", "0"),
        ("4", "2", "61 (CPU)"),
        ("16,324 + 48", "1,533 + 6", "? + 75 (GPU)"),
    ]


def test_the_sources_stand_in_the_report_with_what_else_there_is_to_say():
    table, shown = rows("Where the recipes come from")
    assert [row["Source"] for row in shown] == ["A paper (arXiv 1).", "Others (arXiv 2)."]
    assert table.note == "rounds: round 2 found 1 pairs."


def test_a_report_without_recipes_has_no_such_section():
    report = build_report(profile="laptop", summaries=SUMMARIES)
    assert "Recipes" not in [section.title for section in report.sections]
    assert "side by side" not in markdown(report)
