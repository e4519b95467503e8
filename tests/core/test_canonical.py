import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import content_id
from fcpref.core.logic import parse
from fcpref.core.logic.chaining import Rule, as_rule
from fcpref.core.logic.literals import as_literal
from fcpref.core.problems.canonical import deduction_form
from fcpref.core.problems.deduction import generate
from fcpref.core.problems.deduction_knowledge import claim_of, form_of, knowledge
from fcpref.core.problems.deduction_spec import DeductionSpec
from fcpref.core.problems.deduction_words import VOCABULARIES
from fcpref.core.problems.split import split_of
from tests.strategies import deduction_problems

WORDS = VOCABULARIES.values()
# A name never stands in for one with another number of places.
ADJECTIVES = [word.capitalize() for words in WORDS for word in words.adjectives]
VERBS = [word.capitalize() for words in WORDS for word in words.verbs]
CONSTANTS = [name.lower() for words in WORDS for name in words.names]


def parts(problem):
    given = knowledge(problem)
    return given.literals, given.rules, claim_of(problem)


def renamed(literal, names):
    return literal._replace(
        predicate=names.get(literal.predicate, literal.predicate),
        terms=tuple(names.get(term, term) for term in literal.terms),
    )


def renamed_rule(rule, names):
    return Rule(
        tuple(names.get(variable, variable) for variable in rule.variables),
        tuple(renamed(one, names) for one in rule.body),
        renamed(rule.head, names),
    )


@given(deduction_problems(), st.randoms())
def test_renaming_predicates_and_constants_keeps_the_form(problem, random):
    facts, rules, claim = parts(problem)
    names = {}
    for kind in (ADJECTIVES, VERBS, CONSTANTS):
        names |= dict(zip(kind, random.sample(kind, len(kind)), strict=True))
    disguised = deduction_form(
        [renamed(fact, names) for fact in facts],
        [renamed_rule(rule, names) for rule in rules],
        renamed(claim, names),
    )
    assert deduction_form(facts, rules, claim) == disguised


@given(deduction_problems(), st.randoms())
def test_reordering_the_givens_keeps_the_form(problem, random):
    facts, rules, claim = parts(problem)
    shuffled_facts, shuffled_rules = list(facts), list(rules)
    random.shuffle(shuffled_facts)
    random.shuffle(shuffled_rules)
    form = deduction_form(facts, rules, claim)
    assert form == deduction_form(shuffled_facts, shuffled_rules, claim)


@given(deduction_problems(), st.data())
def test_turning_rules_into_their_contrapositives_keeps_the_form(problem, data):
    facts, rules, claim = parts(problem)
    turned = [
        Rule(rule.variables, (rule.head.negated,), rule.body[0].negated)
        if len(rule.body) == 1 and data.draw(st.booleans())
        else rule
        for rule in rules
    ]
    assert deduction_form(facts, rules, claim) == deduction_form(facts, turned, claim)


@given(deduction_problems(), st.permutations("xyz"))
def test_renaming_and_reordering_variables_and_conditions_keeps_the_form(problem, letters):
    facts, rules, claim = parts(problem)
    new = dict(zip("xyz", letters, strict=True))
    other = [renamed_rule(rule, new) for rule in rules]
    other = [one._replace(variables=one.variables[::-1], body=one.body[::-1]) for one in other]
    assert deduction_form(facts, rules, claim) == deduction_form(facts, other, claim)


@given(deduction_problems())
def test_a_constant_named_like_the_variable_is_still_a_constant(problem):
    facts, rules, claim = parts(problem)
    names = {claim.terms[0]: "x"}
    disguised = deduction_form(
        [renamed(fact, names) for fact in facts], rules, renamed(claim, names)
    )
    assert deduction_form(facts, rules, claim) == disguised


@given(deduction_problems())
def test_the_form_tells_a_claim_from_its_negation(problem):
    facts, rules, claim = parts(problem)
    assert deduction_form(facts, rules, claim) != deduction_form(facts, rules, claim.negated)


@given(deduction_problems(), st.data())
def test_the_form_tells_a_problem_from_one_with_a_given_less(problem, data):
    facts, rules, claim = parts(problem)
    gone = data.draw(st.integers(0, len(rules) - 1))
    fewer = [rule for index, rule in enumerate(rules) if index != gone]
    form = deduction_form(facts, rules, claim)
    assert form != deduction_form(facts, fewer, claim)
    assert form != deduction_form(facts[1:], rules, claim)


def test_the_form_tells_apart_who_and_what_a_fact_is_about():
    rules = [as_rule(parse("forall x. (Kind(x) -> Calm(x))"))]
    facts = ("Kind(max)", "Kind(sam)", "Calm(sam)", "Tall(max)", "not Kind(max)")
    claim = as_literal(parse("Calm(max)"))
    assert len({deduction_form([as_literal(parse(fact))], rules, claim) for fact in facts}) == 5


def test_the_form_tells_apart_in_which_order_a_relation_is_meant():
    claim = as_literal(parse("Calm(max)"))
    facts = [as_literal(parse("Likes(max, sam)"))]
    bodies = ("Likes(x, y) -> Calm(x)", "Likes(x, y) -> Calm(y)", "Likes(x, y) -> Likes(y, x)")
    rules = [as_rule(parse(f"forall x. forall y. ({body})")) for body in bodies]
    assert len({deduction_form(facts, [rule], claim) for rule in rules}) == 3


@given(deduction_problems())
def test_the_form_is_plain_data_and_names_nothing(problem):
    facts, rules, claim = parts(problem)
    form = deduction_form(facts, rules, claim)
    assert content_id(form).startswith("sha256:")
    assert not [name for name in (*ADJECTIVES, *VERBS, *CONSTANTS) if name in str(form)]


@given(deduction_problems())
def test_the_form_decides_the_split(problem):
    assert form_of(problem) == deduction_form(*parts(problem))
    assert problem.split == split_of(form_of(problem))


def test_splits_have_the_stated_shares():
    splits = [split_of(index) for index in range(4_000)]
    assert [
        pytest.approx(splits.count(split) / 4_000, abs=0.02) for split in ("train", "dev", "test")
    ] == [0.8, 0.1, 0.1]


def test_splits_share_no_canonical_form():
    spec = DeductionSpec(max_depth=3)
    forms = {
        split: {
            content_id(form_of(generate(spec, seed=11, split=split, index=index)))
            for index in range(count)
        }
        for split, count in (("train", 1_500), ("dev", 250), ("test", 250))
    }
    assert not forms["train"] & forms["test"]
    assert not forms["train"] & forms["dev"]
    assert not forms["dev"] & forms["test"]
