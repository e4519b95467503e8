import pytest
from attrs import evolve
from hypothesis import given

from fcpref.core.logic import parse
from fcpref.core.problems import problem_id
from fcpref.core.problems.folio import LABELS, Skip, annotated, read_row, survey
from fcpref.errors import ProblemError
from tests.strategies import folio_rows, plain_data

# Made up, in FOLIO's format.
ROW = {
    "story_id": 9_001,
    "example_id": 1,
    "conclusion": "Otto  owns a kiln.",
    "premises": ["All potters own a kiln. ", "Otto is either a potter or a weaver.", ""],
    "premises-FOL": [
        "∀x (Potter(x) → OwnKiln(x))",
        "Potter(otto) ⊕ Weaver(otto)",
        "",
    ],
    "label": "Unknown",
    "source": "own",
}


def changed(**fields):
    return {**ROW, **{name.replace("_FOL", "-FOL"): value for name, value in fields.items()}}


def test_a_row_is_a_problem():
    problem = read_row(ROW, 4)
    assert problem.text == (
        "All potters own a kiln.\nOtto is either a potter or a weaver.\nClaim: Otto owns a kiln."
    )
    assert (problem.gold, problem.difficulty, problem.index) == ("Unknown", 2, 4)
    assert problem.tags == ("story:9001",)
    assert [given.formula for given in problem.givens] == [
        "forall x. (Potter(x) -> OwnKiln(x))",
        "not (Potter(otto) <-> Weaver(otto))",
    ]
    assert (problem.claim.text, problem.claim.formula) == ("Otto owns a kiln.", "")


def test_the_published_files_form_is_read_too():
    row = changed(
        premises="\n".join(ROW["premises"]),
        premises_FOL="\n".join(ROW["premises-FOL"]),
        conclusion_FOL="OwnKiln(otto)",
        label="Uncertain",
    )
    claim = evolve(read_row(ROW, 4).claim, formula="OwnKiln(otto)")
    assert evolve(read_row(ROW, 4), claim=claim) == read_row(row, 4)


@pytest.mark.parametrize(
    ("label", "gold"), [("True", "True"), ("False", "False"), ("uncertain ", "Unknown")]
)
def test_labels_are_those_of_answer(label, gold):
    assert gold == read_row(changed(label=label), 0).gold
    assert gold in LABELS


def test_all_rows_of_a_story_are_in_one_split_and_stories_are_in_all_of_them():
    splits = [
        {
            read_row(changed(story_id=story, conclusion=f"Otto has {n} kilns."), n).split
            for n in (2, 3)
        }
        for story in range(60)
    ]
    assert {1} == set(map(len, splits))
    assert {"train", "dev", "test"} == set().union(*splits)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ([], "object"),
        (changed(story_id="7"), "'story_id'"),
        (changed(story_id=True), "'story_id'"),
        (changed(premises=None), "'premises'"),
        (changed(premises=[]), "'premises'"),
        (changed(premises=[" "]), "'premises'"),
        (changed(premises=["All potters sing.", 3]), "'premises'"),
        (changed(premises=["Otto sings.", "otto  sings."]), "'premises'"),
        (changed(conclusion=" "), "'conclusion'"),
        (changed(conclusion=7), "'conclusion'"),
        (changed(label="Maybe"), "'label'"),
        (changed(label=None), "'label'"),
    ],
)
def test_a_bad_row_is_named(row, field):
    with pytest.raises(ProblemError, match=r"row 7: .*" + field):
        read_row(row, 7)


@pytest.mark.parametrize(
    ("formulas", "skip"),
    [
        (None, Skip.MISSING),
        ([], Skip.MISSING),
        (["Potter(otto)"], Skip.COUNT),
        (["Potter(otto", "Potter(otto)"], Skip.UNBALANCED),
        (["Potter(otto) Weaver(otto)", "Potter(otto)"], Skip.SYNTAX),
        (["∀x (Potter(y))", "Potter(otto)"], Skip.FREE_VARIABLE),
        (["Potter(otto)", "Potter(otto, kiln)"], Skip.MIXED_ARITY),
    ],
)
def test_annotations_that_cannot_be_used_are_skipped_by_name(formulas, skip):
    row = changed(premises_FOL=formulas)
    assert annotated(row) is skip
    problem = read_row(row, 0)
    assert {given.formula for given in problem.givens} == {""}


def test_a_survey_counts_rows_and_stories():
    rows = [
        ROW,
        changed(conclusion="Otto weaves."),
        changed(story_id=2, premises_FOL=["Potter(otto)", "¬Potter(otto)"]),
        changed(story_id=3, premises_FOL=["Potter(otto", "Potter(otto)"]),
    ]
    found = survey(rows)
    assert (found.rows, found.parsed, dict(found.skipped)) == (4, 3, {Skip.UNBALANCED: 1})
    assert (found.consistent, found.inconsistent, found.undecided) == (1, (2,), ())


@given(folio_rows())
def test_a_made_row_reads_as_a_problem_whose_formulas_parse(row):
    problem = read_row(row, 0)
    assert all(parse(given.formula) for given in problem.givens if given.formula)
    assert problem_id(problem) == problem_id(read_row(row, 0))


@given(plain_data())
def test_any_data_is_a_problem_or_a_named_error(data):
    for row in (data, changed(premises=data), changed(premises_FOL=data)):
        try:
            read_row(row, 0)
        except ProblemError as problem:
            assert str(problem).startswith("row 0: ")  # noqa: PT017 - either way is right
