import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import (
    And,
    Apply,
    Atom,
    Equal,
    Exists,
    ForAll,
    Iff,
    Implies,
    Not,
    Or,
    Structure,
    alpha_equivalent,
    clause_form,
    evaluate,
    negate,
    negation_normal,
    parse,
    prenex,
    rename_apart,
    show,
)
from fcpref.core.logic.formulas import atom_of, free_names, instantiate
from fcpref.core.logic.syntax import MAX_DEPTH, MAX_TEXT
from fcpref.errors import FormulaSyntaxError
from tests.strategies import formulas, hostile_texts, literals, names

P, Q, R = (Atom(name, ("x",)) for name in "PQR")
F_X = Apply("f", ("x",))
DEEPEST = (
    "not " * MAX_DEPTH + "P(x)",
    "forall x. " * MAX_DEPTH + "P(x)",
    " and ".join(["P(x)"] * (MAX_DEPTH + 1)),
    " -> ".join(["x = x"] * (MAX_DEPTH + 1)),
    "(" * MAX_DEPTH + "P(x)" + ")" * MAX_DEPTH,
    "(" * 30 + "P(x)" + ") and P(x)" * 30 + " or P(x)" * 30,
    "P(" + "f(" * MAX_DEPTH + "x" + ")" * (MAX_DEPTH + 1),
)


def attempt(text):
    try:
        return parse(text)
    except FormulaSyntaxError as problem:
        return problem


def is_formula_or_problem_within(text):
    found = attempt(text)
    if isinstance(found, FormulaSyntaxError):
        return 0 <= found.position <= len(text)
    return found == parse(show(found))


@given(formulas())
def test_what_is_shown_parses_back(formula):
    assert formula == parse(show(formula))


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("P(x)", P),
        ("Chases(max, x)", Atom("Chases", ("max", "x"))),
        ("not P(x) and Q(x)", And(Not(P), Q)),
        ("not not P(x)", Not(Not(P))),
        ("P(x) or Q(x) and R(x)", Or(P, And(Q, R))),
        ("P(x) and Q(x) and R(x)", And(And(P, Q), R)),
        ("P(x) -> Q(x) -> R(x)", Implies(P, Implies(Q, R))),
        ("P(x) <-> Q(x) -> R(x)", Iff(P, Implies(Q, R))),
        ("(P(x) -> Q(x)) -> R(x)", Implies(Implies(P, Q), R)),
        ("forall x. P(x) -> Q(x)", ForAll("x", Implies(P, Q))),
        ("(forall x. P(x)) -> Q(x)", Implies(ForAll("x", P), Q)),
        ("not exists x. P(x)", Not(Exists("x", P))),
        ("\n forall\tx . (P( x )->not Q(x)) ", ForAll("x", Implies(P, Not(Q)))),
        ("notP(x)", Atom("notP", ("x",))),
        ("x = y", Equal("x", "y")),
        ("f(x) = g(a, f(y))", Equal(F_X, Apply("g", ("a", Apply("f", ("y",)))))),
        ("P(f(x), x)", Atom("P", (F_X, "x"))),
        ("not x = y and P(x)", And(Not(Equal("x", "y")), P)),
        ("exists x. x = a -> P(x)", Exists("x", Implies(Equal("x", "a"), P))),
        ("P(x) -> Q(x) <-> R(x) or P(x)", Iff(Implies(P, Q), Or(R, P))),
    ],
)
def test_binding_strength_is_as_documented(text, formula):
    assert formula == parse(text)


def test_a_rule_is_shown_as_the_design_writes_it():
    wumpus = ForAll("x", Implies(Atom("Wumpus", ("x",)), Not(Atom("Bright", ("x",)))))
    assert show(wumpus) == "forall x. (Wumpus(x) -> not Bright(x))"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("   ", 3),
        ("P", 1),
        ("P(", 2),
        ("P()", 2),
        ("P(x", 3),
        ("P(x,)", 4),
        ("P(x) Q(x)", 5),
        ("P(x) and", 8),
        ("and P(x)", 0),
        ("P(and)", 2),
        ("forall . P(x)", 7),
        ("forall x P(x)", 9),
        ("forall not. P(x)", 7),
        ("P(x) & Q(x)", 5),
        ("P(x)\u00a0", 4),
        ("\u00a0P(x)", 0),
        ("P(1)", 2),
        ("\uff30(x)", 0),
        ("P(x))", 4),
        ("P(x) - Q(x)", 5),
        ("x =", 3),
        ("= x", 0),
        ("x = y = z", 6),
        ("x = P(x) and", 12),
        ("f(x) = not P(x)", 7),
        ("P(f(x)", 6),
        ("P(f())", 4),
        ("P(f(x y))", 6),
        ("P(x = y)", 4),
        ("(x) = y", 2),
        ("not x", 5),
        ("x == y", 3),
    ],
)
def test_an_error_points_at_the_first_thing_that_does_not_fit(text, position):
    with pytest.raises(FormulaSyntaxError) as caught:
        parse(text)
    assert position == caught.value.position
    assert str(caught.value).endswith(f"at character {position}")


@given(st.one_of(hostile_texts(), st.text("PQx(),.-<> notandorfalexis", max_size=40)))
def test_any_text_is_a_formula_or_a_syntax_problem_within_it(text):
    assert is_formula_or_problem_within(text)


@given(formulas(), st.integers(0, 60), st.sampled_from(" ().,<->xP#\u00e9"))
def test_a_damaged_formula_never_crashes_the_parser(formula, at, patch):
    text = show(formula)
    assert is_formula_or_problem_within(text[:at] + patch + text[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_000_000,
        "(" * 1_900,
        "not " * 490 + "P(x)",
        "forall x. " * 190 + "P(x)",
        " -> ".join(["P(x)"] * 240),
        " and ".join(["P(x)"] * 220),
        "x" * 1_000_000,
        " " * 1_999 + "#",
        "P(" + "x, " * 600 + "x",
        "P(" + "x" * 1_990,
    ],
    ids=lambda text: f"{text[:8]}... {len(text)}",
)
def test_oversized_text_is_handled_at_once(text):
    started = time.perf_counter()
    found = attempt(text)
    assert time.perf_counter() - started < 1
    assert isinstance(found, FormulaSyntaxError)
    assert 0 <= found.position <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "not " * (MAX_DEPTH + 1) + "P(x)",
        " and ".join(["P(x)"] * (MAX_DEPTH + 2)),
        "P(" + "x" * MAX_TEXT + ")",
        "(" * (MAX_DEPTH + 1) + "P(x)" + ")" * (MAX_DEPTH + 1),
        "P(" + "f(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 2),
    ],
    ids=["nots", "links", "length", "parentheses", "terms"],
)
def test_formulas_beyond_the_bounds_are_refused(text):
    with pytest.raises(FormulaSyntaxError, match=r"longer than|nested deeper"):
        parse(text)


@pytest.mark.parametrize("text", DEEPEST, ids=lambda text: text[:10])
def test_the_deepest_formulas_round_trip_and_can_be_worked_with(text):
    formula = parse(text)
    assert formula == parse(show(formula))
    assert alpha_equivalent(formula, rename_apart(formula))
    structure = Structure(domain=("x",), relations={"P": {("x",)}}, functions={"f": {("x",): "x"}})
    forms = [formula, negation_normal(formula), prenex(formula), clause_form(formula).formula()]
    assert len({evaluate(form, structure) for form in forms}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40 + "P(x)" + ") and P(x)" * 40 + " or P(x)" * 40,
        "not (" * 30 + " and ".join(["P(x)"] * 40) + ")" * 30,
        "not " * 40 + "forall x. " * 40 + "P(x)",
    ],
    ids=["chains", "chain under negations", "prefixes"],
)
def test_a_formula_is_no_deeper_however_it_is_written(text):
    with pytest.raises(FormulaSyntaxError, match="nested deeper"):
        parse(text)


@given(literals())
def test_negating_a_literal_twice_gives_it_back(literal):
    assert literal.formula == negate(negate(literal.formula))


def test_negating_never_stacks_a_negation():
    assert [Not(P), P, Not(P)] == [negate(P), negate(Not(P)), negate(Not(Not(P)))]


def test_only_a_literal_has_an_atom():
    assert [atom_of(f) for f in (P, Not(P), Not(Not(P)), And(P, Q))] == [P, P, None, None]


def test_instantiating_replaces_free_occurrences_only():
    formula = And(P, ForAll("x", P))
    assert And(Atom("P", ("max",)), ForAll("x", P)) == instantiate(formula, "x", "max")


def test_instantiating_never_captures_the_constant():
    loves = Atom("Loves", ("x", "y"))
    assert ForAll("y_", Atom("Loves", ("y", "y_"))) == instantiate(ForAll("y", loves), "x", "y")
    assert Exists("y_", Atom("P", ("y",))) == instantiate(Exists("y", P), "x", "y")


@given(formulas(), names(), names())
def test_instantiating_replaces_one_free_name_by_the_other(formula, variable, constant):
    free = free_names(formula)
    expected = (free - {variable}) | ({constant} if variable in free else set())
    assert expected == free_names(instantiate(formula, variable, constant))


@given(formulas(), names())
def test_instantiating_a_name_by_itself_keeps_free_names(formula, name):
    assert free_names(formula) == free_names(instantiate(formula, name, name))
