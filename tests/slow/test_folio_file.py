"""FOLIO's annotations, counted; runs where FCPREF_FOLIO names the file."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from fcpref.core.problems.folio import Skip, annotated, read_row, survey
from fcpref.core.problems.folio_words import foreign_symbol

FILE = os.environ.get("FCPREF_FOLIO", "")
pytestmark = pytest.mark.skipif(not FILE, reason="FCPREF_FOLIO names no file")


@pytest.fixture(scope="module")
def rows():
    return [json.loads(line) for line in Path(FILE).read_text("utf-8").splitlines()]


def test_every_row_is_a_problem_and_no_story_is_in_two_splits(rows):
    splits = {}
    for index, row in enumerate(rows):
        problem = read_row(row, index)
        splits.setdefault(row["story_id"], set()).add(problem.split)
    assert all(len(names) == 1 for names in splits.values())
    print(Counter(name for names in splits.values() for name in names))  # noqa: T201


def test_at_least_95_of_100_rows_parse_and_the_rest_has_a_reason(rows):
    found = survey(rows)
    print(found)  # noqa: T201 - the counts are what this test is run for
    assert found.parsed >= 0.95 * found.rows
    assert found.parsed + sum(found.skipped.values()) == found.rows
    assert found.undecided == ()
    assert found.consistent > 0.98 * (found.consistent + len(found.inconsistent))


def test_most_annotations_draw_their_symbols_from_their_sentences_and_not_from_others(rows):
    stories = {}
    for index, row in enumerate(rows):
        formulas = annotated(row)
        if not isinstance(formulas, Skip):
            stories.setdefault(row["story_id"], (read_row(row, index), formulas))
    cases = [
        (formula, given.text, problem.text)
        for problem, formulas in stories.values()
        for given, formula in zip(problem.givens, formulas, strict=True)
    ]
    own = sum(foreign_symbol(*case) is None for case in cases)
    far = [*cases[len(cases) // 2 :], *cases[: len(cases) // 2]]
    others = sum(
        foreign_symbol(formula, sentence, text) is None
        for (formula, _, _), (_, sentence, text) in zip(cases, far, strict=True)
    )
    print(f"{own} of {len(cases)} premises, {others} against a sentence of another story")  # noqa: T201
    assert own > 0.85 * len(cases)
    assert others < 0.01 * len(cases)
