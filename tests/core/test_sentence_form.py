import random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import content_id
from fcpref.core.logic import And, Apply, Atom, Equal, Exists, ForAll, Iff, Or, parse, rename_apart
from fcpref.core.logic.formulas import children, with_children
from fcpref.core.problems.sentence_form import sentence_form
from tests.strategies import formulas, small_formulas


def renamed_term(term, names):
    if isinstance(term, str):
        return names.get(("n", term), term)
    inner = tuple(renamed_term(one, names) for one in term.terms)
    return Apply(names.get(("f", term.function), term.function), inner)


def renamed(formula, names):
    """Rename predicates, functions and individuals, bound ones too."""
    match formula:
        case Atom(predicate, terms):
            new = tuple(renamed_term(term, names) for term in terms)
            return Atom(names.get(("p", predicate), predicate), new)
        case Equal(left, right):
            return Equal(renamed_term(left, names), renamed_term(right, names))
    formula = with_children(formula, tuple(renamed(part, names) for part in children(formula)))
    if isinstance(formula, ForAll | Exists):
        return evolve(formula, variable=names.get(("n", formula.variable), formula.variable))
    return formula


def shuffled(formula, stream):
    """Turn around the sides of what is symmetric, and regroup chains."""
    parts = tuple(shuffled(part, stream) for part in children(formula))
    formula = with_children(formula, parts)
    if isinstance(formula, And | Or | Iff | Equal) and stream.random() < 0.5:
        formula = type(formula)(formula.right, formula.left)
    match formula:
        case And(And(a, b), c) | Or(Or(a, b), c) if stream.random() < 0.5:
            return type(formula)(a, type(formula)(b, c))
        case ForAll(x, ForAll(y, body)) | Exists(x, Exists(y, body)) if x != y:
            return type(formula)(y, type(formula)(x, body))
    return formula


NAMES = {
    **{("p", old): new for old, new in zip("PQR", ("Q", "S", "P"), strict=True)},
    ("f", "f"): "g",
    **{("n", old): new for old, new in zip("xya", ("y", "b", "x"), strict=True)},
}


@given(small_formulas(8, functions=True))
def test_renaming_keeps_the_form(formula):
    assert sentence_form(formula) == sentence_form(renamed(formula, NAMES))


@given(small_formulas(8, functions=True), st.integers(0, 2**32))
def test_reordering_keeps_the_form(formula, seed):
    assert sentence_form(formula) == sentence_form(shuffled(formula, random.Random(seed)))


@given(formulas())
def test_renaming_bound_names_keeps_the_form(formula):
    other = rename_apart(formula, frozenset({"x", "y", "z"}))
    assert sentence_form(formula) == sentence_form(other)


def test_the_form_tells_other_sentences_apart():
    texts = (
        "forall x. P(x)", "exists x. P(x)", "forall x. not P(x)", "not forall x. P(x)", "P(a)",
        "forall x. (P(x) -> Q(x))", "forall x. (P(x) -> P(x))", "forall x. (P(x) and Q(x))",
        "forall x. (P(x) or Q(x))", "forall x. exists y. R(x, y)", "forall x. exists y. R(y, y)",
        "exists x. forall y. R(x, y)", "R(a, b)", "R(a, a)", "a = b", "a = a", "f(a) = a",
        "forall x. exists y. (R(x, y) and P(x))", "forall x. exists y. (R(x, y) and P(y))",
        "(P(a) -> Q(a)) -> P(a)", "P(a) -> (Q(a) -> P(a))",
    )  # fmt: skip
    assert len(texts) == len({sentence_form(parse(text)) for text in texts})


def test_the_form_tells_worlds_apart():
    sentence = parse("forall x. P(x)")

    def form(*facts, people=("a", "b"), predicates=("P", "Q", "R")):
        atoms = [parse(fact) for fact in facts]
        return sentence_form(sentence, atoms, predicates=predicates, individuals=people)

    worlds = [
        (), ("P(a)",), ("Q(a)",), ("P(a)", "P(b)"), ("P(a)", "Q(a)"), ("P(a)", "Q(b)"),
        ("R(a, b)",), ("R(a, a)",), ("R(a, b)", "P(a)"), ("R(a, b)", "P(b)"),
        ("R(a, b)", "R(b, a)"), ("R(a, b)", "R(b, b)"),
    ]  # fmt: skip
    assert len(worlds) == len({form(*world) for world in worlds})
    assert form("P(a)") == form("P(b)")
    assert form("R(a, b)", "P(a)") == form("P(b)", "R(b, a)")
    assert form() != form(people=("a", "b", "c"))
    assert form() != form(predicates=("P", "Q"))


@given(small_formulas())
def test_the_form_is_plain_data(formula):
    assert content_id(sentence_form(formula)).startswith("sha256:")
