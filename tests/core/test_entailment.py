import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.logic import And, Atom, Exists, ForAll, Iff, Implies, Not, Or, entailment, parse
from fcpref.core.logic.entailment import WORK, Entailment, arities, entails, has_model
from fcpref.core.logic.formulas import free_names
from tests.strategies import folio_formulas

RULES = tuple(map(parse, ("forall x. (Cat(x) -> Animal(x))", "forall x. (Cat(x) -> not Dog(x))")))
CAT = parse("Cat(tom)")
# Each thing has a larger one, larger is transitive and irreflexive: only endless models.
ENDLESS = tuple(
    map(
        parse,
        (
            "forall x. exists y. L(y, x)",
            "forall x. forall y. forall z. (L(x, y) and L(y, z) -> L(x, z))",
            "forall x. not L(x, x)",
        ),
    )
)


def true_in(formula, size, table, names):
    match formula:
        case Atom(predicate, terms):
            return (predicate, *(names[term] for term in terms)) in table
        case Not(body):
            return not true_in(body, size, table, names)
        case And(left, right):
            return true_in(left, size, table, names) and true_in(right, size, table, names)
        case Or(left, right):
            return true_in(left, size, table, names) or true_in(right, size, table, names)
        case Implies(left, right):
            return not true_in(left, size, table, names) or true_in(right, size, table, names)
        case Iff(left, right):
            return true_in(left, size, table, names) == true_in(right, size, table, names)
        case ForAll(variable, body):
            return all(true_in(body, size, table, {**names, variable: n}) for n in range(size))
        case Exists(variable, body):
            return any(true_in(body, size, table, {**names, variable: n}) for n in range(size))


def has_small_model(formulas, size):
    """Try every structure of a size: the independent method."""
    constants = sorted(set().union(*map(free_names, formulas)))
    rows = [
        (name, *things)
        for name, counts in arities(formulas).items()
        for count in counts
        for things in itertools.product(range(size), repeat=count)
    ]
    if len(rows) + len(constants) * (size - 1) > 9:
        return None
    tables = [
        {row for row, on in zip(rows, bits, strict=True) if on}
        for bits in itertools.product((False, True), repeat=len(rows))
    ]
    places = itertools.product(range(size), repeat=len(constants))
    return any(
        all(
            true_in(one, size, table, dict(zip(constants, things, strict=True))) for one in formulas
        )
        for things in places
        for table in tables
    )


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("Animal(tom)", Entailment.TRUE),
        ("Dog(tom)", Entailment.FALSE),
        ("Dog(rex)", Entailment.UNKNOWN),
        ("exists x. Animal(x)", Entailment.TRUE),
        ("forall x. Animal(x)", Entailment.UNKNOWN),
        ("Cat(tom, tom)", Entailment.UNKNOWN),
    ],
)
def test_a_claim_is_true_false_or_unknown(claim, verdict):
    assert verdict is entails((*RULES, CAT), parse(claim))


@pytest.mark.parametrize(
    ("premises", "claim", "verdict"),
    [
        (("a = b", "P(a)"), "P(b)", "True"),
        (("forall x. f(x) = x", "P(a)"), "P(f(f(a)))", "True"),
        (("forall x. P(f(x))", "f(a) = b"), "not P(b)", "False"),
        (("P(f(a))",), "P(a)", "Unknown"),
        (("P(a)",), "a = b", "Unknown"),
    ],
)
def test_function_terms_and_equality_are_decided(premises, claim, verdict):
    assert entails(tuple(map(parse, premises)), parse(claim)) == verdict


@pytest.mark.parametrize("opposite", ["not P(f(a))", "not f(a) = a and forall x. x = a"])
def test_small_structures_are_not_searched_where_functions_may_lead_out_of_them(opposite):
    formulas = (parse("forall x. P(x)"), parse(opposite))
    assert has_model(formulas) is False
    # Quantifiers written out over one thing say nothing about f(a), which may be another.
    assert entailment._search(formulas, WORK, 1) is None


def test_premises_without_a_model_decide_nothing():
    premises = (*RULES, CAT, parse("Dog(tom)"))
    assert entails(premises, parse("Animal(rex)")) is Entailment.CONTRADICTORY


def test_unknown_needs_a_model_each_way_so_that_endless_structures_stop_by_the_limit():
    assert has_model(ENDLESS) is None
    assert entails(ENDLESS, parse("P(a)")) is Entailment.LIMIT


def test_a_limit_of_work_stops_with_what_more_work_decides():
    assert entails((*RULES, CAT), parse("Animal(tom)"), 1) is Entailment.LIMIT
    assert entails((*RULES, CAT), parse("Animal(tom)"), WORK) is Entailment.TRUE


@pytest.mark.parametrize("work", [0, -1, 2**32])
def test_a_limit_that_is_none_is_refused(work):
    with pytest.raises(ValueError, match="limit"):
        has_model((CAT,), work)


@given(st.lists(folio_formulas(small=True), min_size=1, max_size=2))
def test_a_model_is_found_exactly_where_trying_all_small_structures_finds_one(formulas):
    found = has_model(tuple(formulas))
    tried = [has_small_model(formulas, size) for size in (1, 2)]
    if any(tried):
        assert found is True
    if found is None or found is False:
        assert not any(tried)


@given(st.lists(folio_formulas(small=True), max_size=2), folio_formulas(small=True))
@settings(max_examples=20)
def test_a_claim_and_its_negation_have_opposite_verdicts(premises, claim):
    opposite = {Entailment.TRUE: Entailment.FALSE, Entailment.FALSE: Entailment.TRUE}
    verdict = entails(tuple(premises), claim)
    assert opposite.get(verdict, verdict) is entails(tuple(premises), Not(claim))


def test_what_was_asked_before_changes_nothing():
    asked = (*RULES, CAT)
    has_model.cache_clear()
    entails.cache_clear()
    first = [entails(asked, parse("Animal(tom)"), work) for work in range(50, 2_000, 150)]
    has_model.cache_clear()
    entails.cache_clear()
    has_model(ENDLESS, 20_000)
    again = [entails(asked, parse("Animal(tom)"), work) for work in range(50, 2_000, 150)]
    assert first == again
    assert {Entailment.LIMIT, Entailment.TRUE} == set(first)


def test_predicates_are_listed_with_their_numbers_of_terms():
    formulas = [parse("P(a) and P(a, b)"), parse("forall x. not Q(x)")]
    assert {"P": {1, 2}, "Q": {1}} == arities(formulas)
