import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fcpref.core.logic import REWRITES, evaluate, free_names, parse, show
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.rewriting import replace
from tests.by_z3 import equivalent
from tests.strategies import formulas, small_formulas, small_structures


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("double_negation", "not not P(a)", "P(a)"),
        ("de_morgan", "not (P(a) and Q(a))", "not P(a) or not Q(a)"),
        ("de_morgan", "not (P(a) or Q(a))", "not P(a) and not Q(a)"),
        ("implication", "P(a) -> Q(a)", "not P(a) or Q(a)"),
        ("biconditional", "P(a) <-> Q(a)", "(P(a) -> Q(a)) and (Q(a) -> P(a))"),
        ("negated_quantifier", "not forall x. P(x)", "exists x. not P(x)"),
        ("negated_quantifier", "not exists x. P(x)", "forall x. not P(x)"),
        ("pull_quantifier", "(forall x. P(x)) and Q(a)", "forall x. (P(x) and Q(a))"),
        ("pull_quantifier", "Q(a) or exists x. P(x)", "exists x. (Q(a) or P(x))"),
        ("pull_quantifier", "(forall x. P(x)) -> Q(a)", "exists x. (P(x) -> Q(a))"),
        ("pull_quantifier", "(exists x. P(x)) -> Q(a)", "forall x. (P(x) -> Q(a))"),
        ("pull_quantifier", "Q(a) -> exists x. P(x)", "exists x. (Q(a) -> P(x))"),
        ("pull_quantifier", "Q(x) and exists x. P(x)", "exists y. (Q(x) and P(y))"),
        ("pull_quantifier", "Q(x) and exists x. R(x, y)", "exists z. (Q(x) and R(z, y))"),
        ("distribute", "P(a) or (Q(a) and R(a))", "(P(a) or Q(a)) and (P(a) or R(a))"),
        ("distribute", "(Q(a) and R(a)) or P(a)", "(Q(a) or P(a)) and (R(a) or P(a))"),
    ],
)
def test_rewrites_are_as_documented(name, before, after):
    assert parse(after) == REWRITES[name](parse(before))


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_does_not_fit_an_atom(name):
    assert [REWRITES[name](parse(text)) for text in ("P(a)", "not P(a)")] == [None, None]


def rewritten(formula):
    """Give every way to rewrite one part everywhere."""
    for part in subformulas(formula):
        for name, rewrite in REWRITES.items():
            if (new := rewrite(part)) is not None:
                yield name, replace(formula, part, new)


@settings(max_examples=80)
@given(small_formulas(6, functions=True), small_structures())
def test_a_rewrite_anywhere_keeps_truth(formula, structure):
    ways = list(rewritten(formula))
    assume(ways)
    truth = evaluate(formula, structure)
    assert [name for name, new in ways if evaluate(new, structure) != truth] == []


@given(small_formulas(4))
def test_a_rewrite_of_the_whole_is_an_equivalence_by_z3(formula):
    assume(any(rewrite(formula) is not None for rewrite in REWRITES.values()))
    for rewrite in REWRITES.values():
        new = rewrite(formula)
        assert new is None or equivalent(formula, new) in (True, None)


@given(formulas())
def test_a_rewrite_keeps_the_free_names(formula):
    assert {free_names(formula)} >= {free_names(new) for _, new in rewritten(formula)}


@given(formulas(), st.data())
def test_replacing_a_part_by_itself_changes_nothing(formula, data):
    part = data.draw(st.sampled_from(subformulas(formula)))
    assert formula == replace(formula, part, part)


def test_every_occurrence_is_replaced():
    formula = parse("P(a) and (Q(a) or P(a))")
    assert show(replace(formula, parse("P(a)"), parse("R(a)"))) == "R(a) and (Q(a) or R(a))"
