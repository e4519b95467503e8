import pytest
from hypothesis import given, settings

from fcpref.core.logic import (
    Iff,
    evaluate,
    free_names,
    is_negation_normal,
    is_prenex,
    negation_normal,
    parse,
    prenex,
    show,
)
from fcpref.core.logic.forms import has_quantifier, split_prefix
from fcpref.core.logic.formulas import subformulas
from fcpref.errors import FormulaLimitError
from tests.by_z3 import equivalent
from tests.strategies import formulas, small_formulas, small_structures


@pytest.mark.parametrize(
    ("text", "normal", "front"),
    [
        ("not (P(a) and Q(a))", "not P(a) or not Q(a)", "not P(a) or not Q(a)"),
        ("P(a) -> Q(a)", "not P(a) or Q(a)", "not P(a) or Q(a)"),
        ("not (a = b -> P(a))", "(a = b) and not P(a)", "(a = b) and not P(a)"),
        ("not forall x. P(x)", "exists x. not P(x)", "exists x. not P(x)"),
        (
            "(forall x. P(x)) -> forall x. Q(x)",
            "(exists x. not P(x)) or (forall x. Q(x))",
            "exists x. (forall x_. (not P(x) or Q(x_)))",
        ),
        (
            "P(x) and exists x. Q(x)",
            "P(x) and (exists x. Q(x))",
            "exists x_. (P(x) and Q(x_))",
        ),
    ],
)
def test_forms_of_known_formulas(text, normal, front):
    assert [normal, front] == [show(form(parse(text))) for form in (negation_normal, prenex)]


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("P(a)", (True, True)),
        ("not not P(a)", (False, True)),
        ("forall x. (P(x) -> Q(x))", (False, True)),
        ("P(a) and exists x. Q(x)", (True, False)),
        ("not exists x. Q(x)", (False, False)),
        ("forall x. exists y. (not R(x, y) or x = y)", (True, True)),
    ],
)
def test_forms_are_recognised(text, forms):
    assert forms == (is_negation_normal(parse(text)), is_prenex(parse(text)))


@given(formulas())
def test_results_have_their_form_and_the_same_free_names(formula):
    normal, front = negation_normal(formula), prenex(formula)
    assert is_negation_normal(normal)
    assert is_prenex(front)
    assert is_negation_normal(split_prefix(front)[1])
    assert free_names(formula) == free_names(normal) == free_names(front)


@given(formulas())
def test_a_form_is_a_fixed_point(formula):
    normal, front = negation_normal(formula), prenex(formula)
    assert normal == negation_normal(normal)
    assert front == prenex(front)


@settings(max_examples=80)
@given(small_formulas(functions=True), small_structures())
def test_forms_are_true_where_the_formula_is(formula, structure):
    truth = evaluate(formula, structure)
    assert truth == evaluate(negation_normal(formula), structure)
    assert truth == evaluate(prenex(formula), structure)


@given(small_formulas(4))
def test_forms_are_equivalent_by_z3(formula):
    found = equivalent(formula, negation_normal(formula)), equivalent(formula, prenex(formula))
    assert False not in found


@given(formulas())
def test_the_stated_size_is_that_of_the_result(formula):
    size = len(subformulas(negation_normal(formula)))
    assert negation_normal(formula, limit=size)
    with pytest.raises(FormulaLimitError):
        negation_normal(formula, limit=size - 1)


def test_an_exploding_formula_is_refused_at_once():
    formula = parse("P(a)")
    for _ in range(50):
        formula = Iff(formula, parse("Q(a)"))
    for form in (negation_normal, prenex):
        with pytest.raises(FormulaLimitError):
            form(formula)


@given(formulas())
def test_quantifiers_are_seen_anywhere(formula):
    assert has_quantifier(formula) == ("." in show(formula))
