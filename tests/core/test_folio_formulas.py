import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import And, Atom, ForAll, Iff, Implies, Not, Or, parse, show
from fcpref.core.problems.folio_formulas import free_variables, identifier, read_formula
from fcpref.errors import FormulaSyntaxError
from tests.strategies import folio_formulas, formulas, hostile_texts

P, Q, R = (Atom(name, ("x",)) for name in "PQR")


def attempt(text):
    try:
        return read_formula(text)
    except FormulaSyntaxError as problem:
        return problem


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("P(x)", P),
        ("∀x (P(x) → ¬Q(x))", ForAll("x", Implies(P, Not(Q)))),
        ("P(x) ⊕ Q(x)", Not(Iff(P, Q))),
        ("P(x) xor Q(x)", Not(Iff(P, Q))),
        ("P(x) ∨ Q(x) ∧ R(x)", Or(P, And(Q, R))),
        ("P(x) ∧ Q(x) ⊕ R(x)", Not(Iff(And(P, Q), R))),
        ("P(x) ⊕ Q(x) ∨ R(x)", Or(Not(Iff(P, Q)), R)),
        ("P(x) ⊕ Q(x) → R(x)", Implies(Not(Iff(P, Q)), R)),
        ("¬P(x) ∧ Q(x)", And(Not(P), Q)),
        ("P(x) → Q(x) → R(x)", Implies(P, Implies(Q, R))),
        ("P(x) ↔ Q(x) → R(x)", Iff(P, Implies(Q, R))),
        ("P(x) ^ Q(x).", And(P, Q)),
        (" (P (x) ∧Q( x )) ", And(P, Q)),
        ("∀x P(x) → Q(x)", ForAll("x", Implies(P, Q))),
        ("∀x (P(x)) ∧ Q(x)", ForAll("x", And(P, Q))),
        ("∀x (P(x)) ∧ Q(max)", And(ForAll("x", P), Atom("Q", ("max",)))),
        ("forall x. P(x) -> Q(max)", ForAll("x", Implies(P, Atom("Q", ("max",))))),
        ("forall x.P(x)", ForAll("x", P)),
        ("∀x ∀y (R(x, y))", ForAll("x", ForAll("y", Atom("R", ("x", "y"))))),
        ("Eco-friendly(dc universe, mr.smith)", Atom("Eco_friendly", ("dc_universe", "mr_smith"))),
        ("Written(gpt-3, c++)", Atom("Written", ("gpt_3", "cPlusPlus"))),
        ("In(2001, or)", Atom("In", ("_2001", "or_"))),
        ("P(x)->Q(x)", Implies(P, Q)),
    ],
)
def test_the_notation_is_read_as_documented(text, formula):
    assert formula == read_formula(text)


@given(folio_formulas())
def test_what_the_formula_language_prints_is_read_as_it_reads_it(formula):
    assert parse(show(formula)) == read_formula(show(formula))


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "P(", "P()", "P(x,)", "P(x) Q(x)", "(P(x)", "P(x))", "∀ (P(x))", "∀x", "and(x)"),
        *("∀and P(x)", "P(x) = Q(x)", "P(x) ∧", "¬", "P(\uff58)", "P(x)..", "(" * 500, "¬" * 500),
    ],
)
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(FormulaSyntaxError):
        read_formula(text)


@given(st.one_of(hostile_texts(), st.text("PQx(),.∀∃¬∧∨⊕→↔<-> orandxt", max_size=40)))
def test_any_text_is_a_formula_or_a_syntax_problem(text):
    found = attempt(text)
    if isinstance(found, FormulaSyntaxError):
        assert 0 <= found.position <= len(text)
    else:
        assert found == attempt(show(found))


def test_oversized_text_is_refused_at_once():
    started = time.perf_counter()
    for text in ("(" * 1_000_000, "¬" * 1_900, " ∧ ".join(["P(x)"] * 240), "P(" + "x " * 900):
        with pytest.raises(FormulaSyntaxError):
            read_formula(text)
    assert time.perf_counter() - started < 1


def test_a_free_variable_is_told_from_a_constant():
    assert free_variables(read_formula("∀x (P(x, y) ∧ Q(max, y1) ∧ R(y2001))")) == {"y", "y1"}


@given(formulas(max_leaves=3))
def test_only_short_late_letters_look_like_variables(formula):
    assert all(name[0] in "uvwxyz" and len(name) < 3 for name in free_variables(formula))


@pytest.mark.parametrize("name", ["gpt-3", "3d", "a+", "mr.smith", "or", "x", "_", "O'Neil"])
def test_an_identifier_is_a_name_of_the_formula_language(name):
    assert parse(f"P({identifier(name)})").terms == (identifier(name),)
