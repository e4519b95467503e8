import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fcpref.core.logic import evaluate, parse, prenex, show
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.steps import CLAUSAL, FORMS, NEGATION_NORMAL, PRENEX, apply_step, steps_to
from tests.strategies import small_formulas, small_structures


@pytest.mark.parametrize("form", FORMS)
@given(sentence=small_formulas(6))
def test_steps_lead_to_the_form_one_rewrite_at_a_time(form, sentence):
    steps = steps_to(form, sentence, most=60)
    assume(steps is not None)
    for step in steps:
        assert not FORMS[form](sentence)
        assert step.part in subformulas(sentence)
        assert step.result == apply_step(step.name, sentence, step.part)
        sentence = step.result
    assert FORMS[form](sentence)


@pytest.mark.parametrize("form", [NEGATION_NORMAL, PRENEX])
@given(sentence=small_formulas(6), structure=small_structures())
def test_steps_without_skolem_functions_keep_truth(form, sentence, structure):
    for step in steps_to(form, sentence, most=60) or ():
        assert evaluate(sentence, structure) == evaluate(step.result, structure)


@pytest.mark.parametrize(
    ("form", "text", "names"),
    [
        (NEGATION_NORMAL, "P(a)", []),
        (NEGATION_NORMAL, "not (P(a) -> Q(a))", ["implication", "de_morgan", "double_negation"]),
        (PRENEX, "P(a) <-> Q(a)", []),
        (PRENEX, "not not forall x. P(x)", ["negated_quantifier"] * 2),
        (PRENEX, "P(a) -> not exists x. Q(x)", ["negated_quantifier", "pull_quantifier"]),
        (CLAUSAL, "exists x. (P(x) or (Q(x) and P(a)))", ["skolemise", "distribute"]),
    ],
)
def test_the_steps_of_known_sentences(form, text, names):
    assert names == [step.name for step in steps_to(form, parse(text), most=9)]


@given(small_formulas(6), st.integers(0, 6))
def test_too_few_steps_are_none(sentence, most):
    steps = steps_to(CLAUSAL, sentence, most=40)
    assume(steps is not None)
    few = steps_to(CLAUSAL, sentence, most=most)
    assert few == (steps if len(steps) <= most else None)


def test_skolemising_takes_the_first_existential_of_the_prefix_only():
    sentence = parse("forall x. exists y. forall z. exists w. R(y, w)")
    inner = {part.variable: part for part in subformulas(sentence) if hasattr(part, "variable")}
    assert [name for name in inner if apply_step("skolemise", sentence, inner[name])] == ["y"]
    step = apply_step("skolemise", sentence, inner["y"])
    assert show(step) == "forall x. (forall z. (exists w. R(sk_y(x), w)))"
    assert prenex(sentence) == sentence
