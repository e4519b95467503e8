from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import (
    Apply,
    alpha_equivalent,
    evaluate,
    free_names,
    parse,
    rename_apart,
    show,
    substitute,
)
from fcpref.core.logic.binding import bound_names
from fcpref.core.logic.formulas import subformulas
from tests.strategies import formulas, names, small_formulas, small_structures


def binders(formula):
    return [part.variable for part in subformulas(formula) if hasattr(part, "variable")]


def test_bound_names_do_not_matter_and_others_do():
    pairs = {
        ("forall x. P(x)", "forall y. P(y)"): True,
        ("forall x. P(x)", "exists x. P(x)"): False,
        ("forall x. P(x)", "forall y. P(x)"): False,
        ("forall x. exists y. R(x, y)", "forall y. exists x. R(y, x)"): True,
        ("forall x. exists y. R(x, y)", "forall x. exists y. R(y, x)"): False,
        ("forall x. exists x. P(x)", "forall x. exists y. P(y)"): True,
        ("forall x. exists x. P(x)", "forall y. exists x. P(y)"): False,
        ("exists x. f(x) = a", "exists y. f(y) = a"): True,
        ("exists x. f(x) = a", "exists y. f(y) = b"): False,
        ("exists x. f(x) = a", "exists y. g(y) = a"): False,
        ("P(x)", "P(y)"): False,
        ("P(a)", "P(a, a)"): False,
        ("P(f(a))", "P(a)"): False,
        ("P(a) and Q(a)", "P(a) or Q(a)"): False,
        ("P(a) and Q(a)", "Q(a) and P(a)"): False,
    }
    assert pairs == {pair: alpha_equivalent(*map(parse, pair)) for pair in pairs}


@given(small_formulas(), small_formulas())
def test_alpha_equivalence_is_equality_after_one_renaming(left, right):
    # Independently: rename every binder by its place, then compare the values.
    def canonical(formula):
        numbered = rename_apart(formula, bound_names(formula))
        places = {name: f"b{place}" for place, name in enumerate(binders(numbered))}
        text = show(numbered)
        for name, place in sorted(places.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(name, place)
        return text

    assert (canonical(left) == canonical(right)) == alpha_equivalent(left, right)


@given(formulas(), st.frozensets(names(), max_size=3))
def test_renaming_apart_gives_an_alpha_equivalent_formula_with_distinct_names(formula, taken):
    renamed = rename_apart(formula, taken)
    bound = binders(renamed)
    assert alpha_equivalent(formula, renamed)
    assert len(bound) == len(set(bound))
    assert not set(bound) & (taken | free_names(formula))


@given(small_formulas(functions=True), small_structures())
def test_renaming_apart_keeps_truth(formula, structure):
    assert evaluate(formula, structure) == evaluate(rename_apart(formula), structure)


@given(small_formulas(functions=True), small_structures(), st.sampled_from("xya"))
def test_substituting_is_giving_the_name_the_terms_value(formula, structure, name):
    # The substitution lemma: the term's own names are evaluated outside the formula.
    for term in ("x", "y", Apply("f", ("x",)), Apply("f", (Apply("f", ("y",)),))):
        inner = term
        while isinstance(inner, Apply):
            inner = inner.terms[0]
        value = structure.constants[inner]
        for _ in range(show_depth(term)):
            value = structure.functions["f"][(value,)]
        expected = evaluate(formula, structure, {name: value})
        assert expected == evaluate(substitute(formula, {name: term}), structure)


def show_depth(term):
    return 0 if isinstance(term, str) else 1 + show_depth(term.terms[0])


def test_substitution_is_simultaneous():
    swapped = substitute(parse("R(x, y)"), {"x": "y", "y": "x"})
    assert parse("R(y, x)") == swapped


def test_substitution_renames_what_would_capture():
    formula = parse("exists y. R(x, y)")
    assert parse("exists y_. R(f(y), y_)") == substitute(formula, {"x": Apply("f", ("y",))})
    assert formula == substitute(formula, {"y": "a"})
