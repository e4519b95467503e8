import pytest
from hypothesis import given, settings

from fcpref.core.logic import (
    ForAll,
    Structure,
    clause_form,
    count_structures,
    evaluate,
    is_clausal,
    is_prenex,
    parse,
    show,
    skolem,
    structures,
    vocabulary,
)
from fcpref.core.logic.clauses import skolem_step
from fcpref.core.logic.formulas import free_names
from fcpref.core.logic.structures import Vocabulary
from fcpref.errors import FormulaLimitError
from tests.by_z3 import closed, entails
from tests.strategies import formulas, small_formulas


@pytest.mark.parametrize(
    ("text", "clausal"),
    [
        ("exists x. P(x)", "P(sk_x)"),
        ("forall x. exists y. R(x, y)", "forall x. R(x, sk_y(x))"),
        (
            "forall x. ((P(x) and Q(x)) or exists y. R(x, y))",
            "forall x. ((P(x) or R(x, sk_y(x))) and (Q(x) or R(x, sk_y(x))))",
        ),
        ("exists y. sk_y = y", "sk_y = sk_y_"),
        ("P(a) or P(a)", "P(a)"),
    ],
)
def test_clause_forms_of_known_formulas(text, clausal):
    assert clausal == show(clause_form(parse(text)).formula())


@pytest.mark.parametrize(
    ("text", "clausal"),
    [
        ("forall x. (P(x) or not Q(x)) and P(a)", True),
        ("P(a) or (Q(a) and P(b))", False),
        ("exists x. P(x)", False),
        ("P(a) and forall x. P(x)", False),
        ("not not P(a)", False),
        ("P(a) -> Q(a)", False),
        ("a = b", True),
    ],
)
def test_clausal_formulas_are_recognised(text, clausal):
    assert clausal == is_clausal(parse(text))


@given(formulas(6))
def test_results_have_their_form(formula):
    assert is_prenex(skolem(formula))
    assert "exists" not in show(skolem(formula)).replace("(", " ").split()
    assert is_clausal(clause_form(formula).formula())


def expansions(structure, names):
    """Give the structure with every interpretation of further functions and constants."""
    for one in structures(names, len(structure.domain)):
        yield Structure(
            domain=structure.domain,
            relations=structure.relations,
            constants={**structure.constants, **one.constants},
            functions={**structure.functions, **one.functions},
        )


def new_names(formula, result):
    before, after = vocabulary(formula), vocabulary(result)
    return Vocabulary(
        (),
        tuple(set(after.functions) - set(before.functions)),
        tuple(set(after.constants) - set(before.constants)),
    )


@settings(max_examples=60)
@given(small_formulas(4))
def test_a_structure_is_a_model_exactly_if_some_skolem_functions_make_it_one(formula):
    result = clause_form(formula).formula()
    names, new = vocabulary(formula), new_names(formula, result)
    for size in (1, 2):
        if count_structures(names, size) * count_structures(new, size) > 2**12:
            continue
        for structure in structures(names, size):
            chosen = any(evaluate(result, more) for more in expansions(structure, new))
            assert evaluate(formula, structure) == chosen


@given(small_formulas(4))
def test_each_skolem_step_is_right_by_z3(formula):
    formula = closed(formula)
    assert entails([skolem(formula)], formula) in (True, None)
    assert entails([clause_form(formula).formula()], skolem(formula)) in (True, None)
    assert entails([skolem(formula)], clause_form(formula).formula()) in (True, None)


def test_a_variable_bound_twice_is_the_inner_one():
    assert parse("forall x. P(sk_x(x))") == skolem_step(parse("forall x. exists x. P(x)"))
    assert parse("forall x. forall x. R(x, sk_y(x))") == skolem_step(
        parse("forall x. forall x. exists y. R(x, y)")
    )


def test_no_skolem_step_where_no_existential_stands_in_front():
    texts = ("P(a)", "forall x. P(x)", "forall x. not exists y. R(x, y)", "not exists x. P(x)")
    assert [skolem_step(parse(text)) for text in texts] == [None] * 4


@given(formulas(6))
def test_clauses_repeat_nothing_and_name_only_their_variables(formula):
    form = clause_form(formula)
    assert len(form.clauses) == len(set(form.clauses))
    assert all(len(clause) == len(set(clause)) for clause in form.clauses)
    free = free_names(form.formula())
    assert not free & set(form.variables)
    assert form.formula() == form.formula()


def test_an_exploding_formula_is_refused_at_once():
    formula = parse(" or ".join(f"(P{index}(a) and Q{index}(a))" for index in range(40)))
    with pytest.raises(FormulaLimitError):
        clause_form(formula)


def test_universal_quantifiers_stay():
    assert isinstance(clause_form(parse("forall x. P(x)")).formula(), ForAll)
