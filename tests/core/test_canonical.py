import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import content_id
from fcpref.core.logic import Not, negate, parse
from fcpref.core.logic.chaining import Rule, as_rule
from fcpref.core.logic.formulas import atom_of
from fcpref.core.problems.canonical import deduction_form
from fcpref.core.problems.deduction import NAMES, WORDS, DeductionSpec, generate, knowledge
from fcpref.core.problems.split import split_of
from fcpref.errors import ProblemError
from tests.strategies import deduction_problems

PREDICATES = [word.capitalize() for word in WORDS]
CONSTANTS = [name.lower() for name in NAMES]


def parts(problem):
    facts, rules = knowledge(problem)
    return facts, rules, parse(problem.claim.formula)


def renamed(literal, names):
    atom = atom_of(literal)
    new = evolve(
        atom,
        predicate=names.get(atom.predicate, atom.predicate),
        terms=tuple(names.get(term, term) for term in atom.terms),
    )
    return Not(new) if isinstance(literal, Not) else new


def renamed_rule(rule, names):
    variable = names.get(rule.variable, rule.variable)
    return Rule(variable, renamed(rule.body, names), renamed(rule.head, names))


@given(deduction_problems(), st.permutations(PREDICATES), st.permutations(CONSTANTS))
def test_renaming_predicates_and_constants_keeps_the_form(problem, predicates, constants):
    facts, rules, claim = parts(problem)
    names = dict(zip(PREDICATES, predicates, strict=True))
    names |= dict(zip(CONSTANTS, constants, strict=True))
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
        Rule(rule.variable, negate(rule.head), negate(rule.body))
        if data.draw(st.booleans())
        else rule
        for rule in rules
    ]
    assert deduction_form(facts, rules, claim) == deduction_form(facts, turned, claim)


@given(deduction_problems())
def test_renaming_the_variable_keeps_the_form(problem):
    facts, rules, claim = parts(problem)
    other = [renamed_rule(rule, {"x": f"v{index}"}) for index, rule in enumerate(rules)]
    assert deduction_form(facts, rules, claim) == deduction_form(facts, other, claim)


@given(deduction_problems())
def test_a_constant_named_like_the_variable_is_still_a_constant(problem):
    facts, rules, claim = parts(problem)
    names = {atom_of(claim).terms[0]: "x"}
    disguised = deduction_form(
        [renamed(fact, names) for fact in facts], rules, renamed(claim, names)
    )
    assert deduction_form(facts, rules, claim) == disguised


@given(deduction_problems())
def test_the_form_tells_a_claim_from_its_negation(problem):
    facts, rules, claim = parts(problem)
    assert deduction_form(facts, rules, claim) != deduction_form(facts, rules, negate(claim))


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
    claim = parse("Calm(max)")
    forms = {
        deduction_form([parse(fact)], rules, claim)
        for fact in ("Kind(max)", "Kind(sam)", "Calm(sam)", "Tall(max)", "not Kind(max)")
    }
    assert len(forms) == 5


@given(deduction_problems())
def test_the_form_is_plain_data_and_names_nothing(problem):
    facts, rules, claim = parts(problem)
    form = deduction_form(facts, rules, claim)
    assert content_id(form).startswith("sha256:")
    assert not [name for name in (*PREDICATES, *CONSTANTS) if f"'{name}'" in "".join(form)]


@given(deduction_problems())
def test_the_form_decides_the_split(problem):
    assert problem.split == split_of(deduction_form(*parts(problem)))


def test_splits_have_the_stated_shares():
    splits = [split_of(index) for index in range(4_000)]
    assert [
        pytest.approx(splits.count(split) / 4_000, abs=0.02) for split in ("train", "dev", "test")
    ] == [0.8, 0.1, 0.1]


@pytest.mark.parametrize("bad", ["Near(max, sam)", "Kind(max) and Calm(max)", "not not Kind(max)"])
def test_what_has_no_form_is_refused_by_name(bad):
    with pytest.raises(ProblemError, match="not a literal with one term"):
        deduction_form([parse(bad)], [], parse("Kind(max)"))


def test_splits_share_no_canonical_form():
    spec = DeductionSpec(max_depth=3)
    forms = {
        split: {
            content_id(deduction_form(*parts(generate(spec, seed=11, split=split, index=index))))
            for index in range(count)
        }
        for split, count in (("train", 1_500), ("dev", 250), ("test", 250))
    }
    assert not forms["train"] & forms["test"]
    assert not forms["train"] & forms["dev"]
    assert not forms["dev"] & forms["test"]
