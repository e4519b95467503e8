from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import parse, saturate, show
from fcpref.core.logic.chaining import (
    Rule,
    as_conjunction,
    as_rule,
    conjunction,
    consistent,
    proof_of,
)
from fcpref.core.logic.literals import Literal, as_literal
from tests.strategies import formulas, literals, rules

NAMES = ("max", "sam", "tom")
RULES = st.lists(rules(), max_size=5)
FACTS = st.lists(literals(), max_size=4)
TOLD = st.lists(st.tuples(literals(), literals()), max_size=2)


def rule(text):
    return as_rule(parse(text))


def literal(text):
    return as_literal(parse(text))


def arrows(rule_list):
    """Give (premises, conclusion) of every ground step."""
    for one in rule_list:
        for chosen in product(NAMES, repeat=len(one.variables)):
            body, head = one.put(dict(zip(one.variables, chosen, strict=True)))
            yield body, head
            if one.reversible:
                yield (head.negated,), body[0].negated


def shortest(facts, rule_list):
    """Find distances by relaxation to a fixed point over all ground steps."""
    distance = dict.fromkeys(facts, 0)
    steps = list(arrows(rule_list))
    changed = True
    while changed:
        changed = False
        for premises, conclusion in steps:
            if all(one in distance for one in premises):
                length = 1 + max(distance[one] for one in premises)
                if length < distance.get(conclusion, 99):
                    distance[conclusion] = length
                    changed = True
    return distance


def test_ponens_goes_from_the_conditions_to_the_conclusion():
    one = rule("forall x. forall y. (Kind(x) and Likes(x, y) -> not Calm(y))")
    assert literal("not Calm(sam)") == one.ponens(
        (literal("Kind(max)"), literal("Likes(max, sam)"))
    )
    for premises in (
        ("Kind(max)",),
        ("Kind(sam)", "Likes(max, sam)"),
        ("Likes(max, sam)", "Kind(max)"),
        ("not Kind(max)", "Likes(max, sam)"),
        ("Kind(max)", "Likes(max)"),
    ):
        assert one.ponens([literal(text) for text in premises]) is None


def test_tollens_goes_from_the_negated_conclusion_to_the_negated_condition():
    one = rule("forall x. forall y. (not Likes(x, y) -> Helps(y, x))")
    assert literal("Likes(sam, max)") == one.tollens(literal("not Helps(max, sam)"))
    assert one.tollens(literal("Helps(max, sam)")) is None


def test_tollens_needs_one_condition_about_nobody_else_than_the_conclusion():
    open_ends = "forall x. forall y. (Likes(x, y) -> Kind(x))"
    two = "forall x. (Kind(x) and Calm(x) -> Tall(x))"
    assert [rule(text).reversible for text in (open_ends, two)] == [False, False]
    assert rule(open_ends).tollens(literal("not Kind(max)")) is None
    assert rule(two).tollens(literal("not Tall(max)")) is None


@given(rules(most=1), literals())
def test_a_rule_and_its_contrapositive_say_the_same(one, fact):
    contrapositive = Rule(one.variables, (one.head.negated,), one.body[0].negated)
    if one.reversible and contrapositive.reversible:
        assert one.ponens((fact,)) == contrapositive.tollens(fact)
        assert one.tollens(fact) == contrapositive.ponens((fact,))


@given(rules())
def test_a_rules_formula_reads_back_as_the_rule(one):
    assert one == as_rule(one.formula)
    assert one == rule(show(one.formula))


@given(st.lists(literals(), min_size=1, max_size=4))
def test_a_conjunction_reads_back(parts):
    assert tuple(parts) == as_conjunction(conjunction(tuple(parts)))


@given(formulas())
def test_any_formula_is_a_literal_a_conjunction_and_a_rule_or_none(formula):
    one, parts, found = as_literal(formula), as_conjunction(formula), as_rule(formula)
    assert one is None or one.formula == formula
    assert parts is None or conjunction(parts) == formula
    assert found is None or found.formula == formula


def test_other_formulas_are_no_rules():
    texts = (
        "Kind(max)",
        "forall x. Kind(x)",
        "forall x. (Kind(x) -> Calm(max))",
        "forall x. (Kind(x) and Calm(x))",
        "forall x. (Kind(x) -> (Calm(x) and Tall(x)))",
        "forall x. (Kind(x) or Calm(x) -> Tall(x))",
        "forall x. (Kind(x) -> Kind(f(x)))",
        "forall x. forall y. (Kind(x) -> Likes(x, y))",
        "forall x. forall x. (Kind(x) -> Tall(x))",
        "exists x. (Kind(x) -> Calm(x))",
        "forall x. (not not Kind(x) -> Calm(x))",
        "Kind(max) -> Calm(max)",
    )
    assert [None] * len(texts) == [rule(text) for text in texts]


@given(FACTS, RULES)
def test_saturation_finds_each_literal_that_follows_at_its_shortest_depth(facts, rule_list):
    known = saturate(facts, rule_list)
    depths = {fact: 0 if step is None else step.depth for fact, step in known.items()}
    assert shortest(facts, rule_list) == depths


@given(FACTS, RULES, TOLD)
def test_what_is_told_together_is_known_as_if_it_were_told_apart(facts, rule_list, told):
    together = saturate(facts, rule_list, told)
    apart = saturate([*facts, *(one for parts in told for one in parts)], rule_list)
    assert set(apart) == set(together)
    split = {one for one, step in together.items() if step is not None and step.kind == "split"}
    assert split == {one for parts in told for one in parts} - set(facts)


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


@given(FACTS, RULES, TOLD)
def test_a_proof_is_made_of_valid_steps_from_facts_each_once(facts, rule_list, told):
    known = saturate(facts, rule_list, told)
    for one in known:
        have = set(facts)
        proof = proof_of(one, known)
        for step in proof:
            if step.rule is None:
                assert step.premises in told
                assert step.conclusion in step.premises
            else:
                assert set(step.premises) <= have
                made = {"ponens": step.rule.ponens(step.premises)}
                made["tollens"] = step.rule.tollens(step.premises[0])
                assert step.conclusion == made[step.kind]
            have.add(step.conclusion)
        assert one in have
        assert len(proof) == len({step.conclusion for step in proof})


def test_a_cycle_of_rules_ends():
    cycle = [rule("forall x. (Kind(x) -> Calm(x))"), rule("forall x. (Calm(x) -> Kind(x))")]
    assert [literal("Kind(max)"), literal("Calm(max)")] == list(
        saturate([literal("Kind(max)")], cycle)
    )


def test_a_relation_that_leads_on_is_followed_to_its_end():
    onwards = [rule("forall x. forall y. forall z. (Likes(x, y) and Likes(y, z) -> Likes(x, z))")]
    facts = [Literal("Likes", pair) for pair in (("a", "b"), ("b", "c"), ("c", "d"))]
    known = saturate(facts, onwards)
    pairs = {("a", "c"), ("b", "d"), ("a", "d")}
    assert pairs == {one.terms for one, step in known.items() if step is not None}


@given(FACTS)
def test_literals_are_consistent_unless_one_is_there_with_its_negation(facts):
    clash = any(one.negated == other for one in facts for other in facts)
    assert consistent(facts) == (not clash)
