from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import Atom, ForAll, Implies, Not, negate, parse, saturate
from fcpref.core.logic.chaining import Rule, as_rule, consistent, proof_of
from tests.strategies import formulas, ground_literals, rules

RULES = st.lists(rules(), max_size=6)
FACTS = st.lists(ground_literals(), max_size=4)


def rule(text):
    return as_rule(parse(text))


def signed(literal):
    atom = literal.body if isinstance(literal, Not) else literal
    return isinstance(literal, Atom), atom.predicate, atom.terms[0]


def shortest(facts, rule_list):
    """Distances by relaxation to a fixed point over (sign, predicate, constant) triples."""
    arrows = []
    for one in rule_list:
        (body_sign, body, _), (head_sign, head, _) = signed(one.body), signed(one.head)
        arrows += [
            ((body_sign, body), (head_sign, head)),
            ((not head_sign, head), (not body_sign, body)),
        ]
    distance = {signed(fact): 0 for fact in facts}
    changed = True
    while changed:
        changed = False
        for (sign, predicate, name), steps in list(distance.items()):
            for source, (to_sign, to) in arrows:
                target = (to_sign, to, name)
                if source == (sign, predicate) and steps + 1 < distance.get(target, 99):
                    distance[target] = steps + 1
                    changed = True
    return distance


def test_ponens_goes_from_body_to_head():
    kind_calm = rule("forall x. (Kind(x) -> not Calm(x))")
    assert parse("not Calm(max)") == kind_calm.ponens(parse("Kind(max)"))
    assert [
        kind_calm.ponens(parse(text)) for text in ("not Kind(max)", "Calm(max)", "Kind(max, sam)")
    ] == [None] * 3


def test_tollens_goes_from_the_negated_head_to_the_negated_body():
    kind_calm = rule("forall x. (Kind(x) -> not Calm(x))")
    assert parse("not Kind(max)") == kind_calm.tollens(parse("Calm(max)"))
    assert [kind_calm.tollens(parse(text)) for text in ("not Calm(max)", "Kind(max)")] == [None] * 2


@given(rules(), ground_literals())
def test_a_rule_and_its_contrapositive_say_the_same(one, fact):
    contrapositive = Rule("x", negate(one.head), negate(one.body))
    assert one.ponens(fact) == contrapositive.tollens(fact)
    assert one.tollens(fact) == contrapositive.ponens(fact)


@given(rules())
def test_a_rules_formula_reads_back_as_the_rule(one):
    assert one == as_rule(ForAll(one.variable, Implies(one.body, one.head)))


def test_other_formulas_are_no_rules():
    texts = (
        "Kind(max)",
        "forall x. Kind(x)",
        "forall x. (Kind(x) -> Calm(max))",
        "forall x. (Kind(x) and Calm(x))",
        "forall x. (Kind(x) -> (Calm(x) and Tall(x)))",
        "forall x. (Kind(x) -> Near(x, x))",
        "exists x. (Kind(x) -> Calm(x))",
        "forall x. (not not Kind(x) -> Calm(x))",
    )
    assert [None] * len(texts) == [rule(text) for text in texts]


@given(formulas())
def test_any_formula_is_a_rule_or_none(formula):
    found = as_rule(formula)
    assert found is None or formula == ForAll(found.variable, Implies(found.body, found.head))


@given(FACTS, RULES)
def test_saturation_finds_each_literal_that_follows_at_its_shortest_depth(facts, rule_list):
    known = saturate(facts, rule_list)
    depths = {signed(f): 0 if step is None else step.depth for f, step in known.items()}
    assert shortest(facts, rule_list) == depths


@given(FACTS, RULES)
def test_saturation_is_listed_facts_first_and_in_order_of_depth(facts, rule_list):
    known = saturate(facts, rule_list)
    assert list(dict.fromkeys(facts)) == [f for f, step in known.items() if step is None]
    depths = [0 if step is None else step.depth for step in known.values()]
    assert sorted(depths) == depths


@given(FACTS, RULES)
def test_nothing_follows_from_what_is_saturated(facts, rule_list):
    known = saturate(facts, rule_list)
    assert set(known) == set(saturate(known, rule_list))


@given(FACTS, RULES)
def test_a_proof_is_a_chain_of_valid_steps_from_a_fact(facts, rule_list):
    known = saturate(facts, rule_list)
    for literal, last in known.items():
        proof = proof_of(literal, known)
        assert len(proof) == (0 if last is None else last.depth)
        have = set(facts)
        for step in proof:
            assert step.premise in have
            apply = step.rule.ponens if step.direction == "ponens" else step.rule.tollens
            assert step.conclusion == apply(step.premise)
            have.add(step.conclusion)
        assert literal in have


def test_a_cycle_of_rules_ends():
    cycle = [rule("forall x. (Kind(x) -> Calm(x))"), rule("forall x. (Calm(x) -> Kind(x))")]
    assert [parse("Kind(max)"), parse("Calm(max)")] == list(saturate([parse("Kind(max)")], cycle))


@given(FACTS)
def test_literals_are_consistent_unless_one_is_there_with_its_negation(literals):
    seen = {signed(literal) for literal in literals}
    clash = any((not sign, predicate, name) in seen for sign, predicate, name in seen)
    assert consistent(literals) == (not clash)
