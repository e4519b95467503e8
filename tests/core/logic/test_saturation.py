import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import (
    RULES,
    ForAll,
    Implies,
    evaluate,
    negate,
    parse,
    saturate,
    saturate_by,
)
from tests.strategies import literals, rules, small_formulas, small_structures

CONSTANTS = ("max", "sam", "tom")


def formulas_of(*texts):
    return [parse(text) for text in texts]


def test_a_chain_of_rules_is_followed_and_proved():
    givens = formulas_of(
        "forall x. (P(x) -> (Q(x) and R(x)))", "forall x. (R(x) -> S(x))", "P(a)", "P(b) or S(b)"
    )
    found = saturate_by(givens, terms=("a",))
    assert found.complete
    proof = found.proof(parse("S(a)"))
    assert tuple(formulas_of("P(a) -> (Q(a) and R(a))", "R(a) -> S(a)", "Q(a) and R(a)",
                             "R(a)", "S(a)")) == proof  # fmt: skip
    assert found.known[parse("S(a)")].depth == 4
    assert parse("S(b)") not in found.known


def test_a_given_formula_needs_no_proof():
    assert saturate_by(formulas_of("P(a)")).proof(parse("P(a)")) == ()


@pytest.mark.parametrize("bound", [1, 2, 7, 50])
def test_a_bound_stops_what_would_never_end(bound):
    found = saturate_by(formulas_of("P(a)"), (RULES["conjunction_introduction"],), bound=bound)
    assert not found.complete
    assert bound == len(found.known)


def test_a_bound_below_one_is_refused():
    with pytest.raises(ValueError, match="bound"):
        saturate_by([], bound=0)


@given(st.lists(small_formulas(4), max_size=3), small_structures())
def test_all_that_is_derived_is_true_where_the_givens_are(givens, structure):
    if all(evaluate(one, structure) for one in givens):
        found = saturate_by(givens, terms=("x", "a"), bound=60)
        assert all(evaluate(one, structure) for one in found.known)


@given(st.lists(small_formulas(4), max_size=3))
def test_proofs_rest_on_givens_and_earlier_formulas(givens):
    found = saturate_by(givens, terms=("x", "a"), bound=60)
    order = {formula: place for place, formula in enumerate(found.known)}
    for formula, derivation in found.known.items():
        if derivation is None:
            assert formula in givens
        else:
            assert max(order[one] for one in derivation.premises) < order[formula]
            assert formula in RULES[derivation.rule](*derivation.premises, terms=("x", "a"))


REVERSIBLE = rules(most=1).filter(lambda rule: rule.reversible)


@given(st.lists(literals(), max_size=4), st.lists(REVERSIBLE, max_size=3))
def test_it_agrees_with_forward_chaining_on_one_premise_rules(facts, chain):
    givens = [*(fact.formula for fact in facts), *(rule.formula for rule in chain)]
    using = [RULES[name] for name in ("universal_instantiation", "modus_ponens", "modus_tollens")]
    found = saturate_by(givens, using, terms=CONSTANTS, bound=2_000)
    follows = {one.formula for one in saturate(facts, chain)}
    assert found.complete
    assert follows == {f for f in found.known if not isinstance(f, ForAll | Implies)}
    assert follows == {negate(negate(one)) for one in follows}
