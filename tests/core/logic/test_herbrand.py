import z3
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import evaluate
from fcpref.core.logic.herbrand import find_model
from tests.by_z3 import translate
from tests.strategies import literals, rules

NAMES = ("max", "sam")
FACTS = st.lists(literals(NAMES), max_size=5)
RULES = st.lists(rules(), max_size=5)


def by_z3(formulas):
    solver = z3.Solver()
    solver.add(*map(translate, formulas))
    found = solver.check()
    assert found != z3.unknown
    return found == z3.sat


@given(FACTS, RULES)
def test_a_model_makes_all_facts_and_rules_true_and_there_is_one_unless_z3_finds_none(facts, chain):
    model = find_model(facts, chain, NAMES)
    formulas = [*(fact.formula for fact in facts), *(rule.formula for rule in chain)]
    assert by_z3(formulas) == (model is not None)
    if model is not None:
        assert model.domain == NAMES
        assert all(evaluate(formula, model) for formula in formulas)


def test_nothing_at_all_has_a_model():
    assert find_model((), (), NAMES) is not None
