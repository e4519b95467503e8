from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.logic import RULES, Apply, evaluate, parse
from tests.by_z3 import entails
from tests.strategies import small_formulas, small_structures

TERMS = ("x", "y", "a", Apply("f", ("x",)))


@pytest.mark.parametrize(
    ("name", "premises", "conclusions"),
    [
        ("universal_instantiation", ["forall x. P(x)"], ["P(x)", "P(y)", "P(a)", "P(f(x))"]),
        ("modus_ponens", ["P(a) -> Q(a)", "P(a)"], ["Q(a)"]),
        ("modus_ponens", ["P(a) -> Q(a)", "Q(a)"], []),
        ("modus_tollens", ["P(a) -> Q(a)", "not Q(a)"], ["not P(a)"]),
        ("modus_tollens", ["P(a) -> not Q(a)", "Q(a)"], ["not P(a)"]),
        ("modus_tollens", ["not P(a) -> Q(a)", "not Q(a)"], ["P(a)"]),
        ("modus_tollens", ["P(a) -> Q(a)", "not P(a)"], []),
        ("conjunction_introduction", ["P(a)", "Q(a)"], ["P(a) and Q(a)"]),
        ("conjunction_elimination", ["P(a) and Q(a)"], ["P(a)", "Q(a)"]),
        ("conjunction_elimination", ["P(a) or Q(a)"], []),
        ("disjunctive_syllogism", ["P(a) or Q(a)", "not P(a)"], ["Q(a)"]),
        ("disjunctive_syllogism", ["P(a) or not Q(a)", "Q(a)"], ["P(a)"]),
        ("hypothetical_syllogism", ["P(a) -> Q(a)", "Q(a) -> R(a)"], ["P(a) -> R(a)"]),
        ("biconditional_elimination", ["P(a) <-> Q(a)"], ["P(a) -> Q(a)", "Q(a) -> P(a)"]),
        ("double_negation_elimination", ["not not P(a)"], ["P(a)"]),
        ("equality_substitution", ["a = f(b)", "P(a)"], ["P(f(b))"]),
        ("equality_substitution", ["a = b", "P(b)"], ["P(a)"]),
    ],
)
def test_rules_conclude_what_their_names_say(name, premises, conclusions):
    found = RULES[name](*map(parse, premises), terms=TERMS)
    assert tuple(map(parse, conclusions)) == found


@pytest.mark.parametrize("name", RULES)
def test_a_rule_wants_as_many_premises_as_it_takes(name):
    with pytest.raises(TypeError, match=name):
        RULES[name](*[parse("P(a)")] * 3)


def conclusions(formulas):
    """Give every conclusion from one or two of some formulas."""
    for rule in RULES.values():
        for premises in product(formulas, repeat=rule.premises):
            for conclusion in rule(*premises, terms=TERMS):
                yield rule.name, premises, conclusion


@st.composite
def premise_lists(draw):
    """Draw formulas, with parts of earlier ones among them so that rules fit."""
    drawn = draw(st.lists(small_formulas(4, functions=True), min_size=1, max_size=2))
    parts = [
        part for one in drawn for part in (getattr(one, "left", one), getattr(one, "right", one))
    ]
    return [
        *drawn,
        draw(st.sampled_from([p for p in parts if not isinstance(p, str | Apply)] or drawn)),
    ]


@settings(max_examples=80)
@given(premise_lists(), small_structures())
def test_conclusions_are_true_where_the_premises_are(formulas, structure):
    wrong = [
        (name, premises, conclusion)
        for name, premises, conclusion in conclusions(formulas)
        if all(evaluate(one, structure) for one in premises) and not evaluate(conclusion, structure)
    ]
    assert not wrong


@settings(max_examples=15)
@given(premise_lists())
def test_conclusions_are_entailed_by_z3(formulas):
    for name, premises, conclusion in conclusions(formulas):
        if name != "conjunction_introduction":
            assert entails(premises, conclusion, steps=200_000) in (True, None)
