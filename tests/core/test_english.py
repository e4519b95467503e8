from itertools import product

import pytest
from hypothesis import given

from fcpref.core.logic import Atom, ForAll, Implies, Not, parse, show
from fcpref.core.problems.english import read_literal, say
from fcpref.errors import ProblemError
from tests.strategies import deduction_problems, hostile_texts, spoken_literals


def rule_formula(body, head):
    return ForAll("x", Implies(body, head))


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("Kind(max)", "Max is kind."),
        ("not Kind(max)", "Max is not kind."),
        ("forall x. (Kind(x) -> Calm(x))", "All kind people are calm."),
        ("forall x. (Kind(x) -> not Calm(x))", "No kind people are calm."),
        ("forall x. (not Kind(x) -> Calm(x))", "All people who are not kind are calm."),
        ("forall x. (not Kind(x) -> not Calm(x))", "No people who are not kind are calm."),
        ("forall y. (Kind(y) -> Calm(y))", "All kind people are calm."),
    ],
)
def test_each_form_has_one_sentence(formula, sentence):
    assert sentence == say(parse(formula))


@given(spoken_literals())
def test_a_spoken_literal_reads_back(literal):
    assert literal == read_literal(say(literal))


def test_different_rules_have_different_sentences():
    kind, calm = Atom("Kind", ("x",)), Atom("Calm", ("x",))
    sides = [(kind, calm), (calm, kind)]
    rules = [
        rule_formula(body if plus_body else Not(body), head if plus_head else Not(head))
        for (body, head), plus_body, plus_head in product(sides, (True, False), (True, False))
    ]
    assert len(rules) == len({say(rule) for rule in rules})


@given(deduction_problems())
def test_a_problems_text_says_its_formulas_line_by_line(problem):
    word = show if "formal" in problem.tags else say
    lines = [word(parse(given.formula)) for given in problem.givens]
    claim = word(parse(problem.claim.formula))
    assert problem.text == "\n".join([*lines, f"Claim: {claim}"])
    assert [*lines, claim] == [said.text for said in (*problem.givens, problem.claim)]


@pytest.mark.parametrize("text", ["Max is kind", " max is Kind. ", "MAX is kind.\n"])
def test_case_space_and_the_full_stop_do_not_matter(text):
    assert Atom("Kind", ("max",)) == read_literal(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "Max", "Max is", "Max is not", "Max is not.", "Max is not not", "Max is NOT."),
        *("Max isn't kind.", "Max is not not kind.", "Max is very kind.", "Max  is kind."),
        *("Max is kind..", "Max is kind!", "All kind people are calm.", "Kind(max)"),
        *("Max is k1nd.", "Máx is kind.", "Max is " + "k" * 21, "Max is kind.\nSam is kind."),
    ],
)
def test_other_texts_are_no_literal(text):
    assert read_literal(text) is None


@given(hostile_texts())
def test_any_text_is_read_as_a_literal_or_none(text):
    found = read_literal(text)
    assert found is None or found == read_literal(say(found))


@pytest.mark.parametrize(
    "formula",
    [
        "Near(max, sam)",
        "Kind(max) and Calm(max)",
        "not not Kind(max)",
        "forall x. Kind(x)",
        "exists x. Kind(x)",
        "forall x. (Kind(x) -> Calm(max))",
    ],
)
def test_a_formula_without_a_sentence_is_refused_by_name(formula):
    with pytest.raises(ProblemError) as caught:
        say(parse(formula))
    assert show(parse(formula)) in str(caught.value)
