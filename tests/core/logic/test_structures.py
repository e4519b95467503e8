import pytest
from hypothesis import given, settings

from fcpref.core.logic import (
    Atom,
    Equal,
    Not,
    Structure,
    Vocabulary,
    count_structures,
    evaluate,
    parse,
    structures,
    vocabulary,
)
from fcpref.core.logic.formulas import Apply
from fcpref.errors import StructureError
from tests.by_z3 import entails
from tests.strategies import small_formulas, small_structures

PETS = Structure(
    domain=("max", "sam", "tom"),
    relations={"Cat": {("max",), ("tom",)}, "Likes": {("max", "sam"), ("tom", "sam")}},
    constants={"boss": "sam"},
    functions={"mother": {("max",): "sam", ("sam",): "sam", ("tom",): "max"}},
)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("Cat(max)", True),
        ("Cat(boss)", False),
        ("boss = sam", True),
        ("mother(mother(tom)) = boss", True),
        ("forall x. (Cat(x) -> Likes(x, sam))", True),
        ("forall x. (Cat(x) <-> Likes(x, sam))", True),
        ("exists x. (Likes(x, x) or not Cat(x))", True),
        ("exists x. forall y. Likes(y, x)", False),
        ("forall x. exists y. mother(x) = y", True),
        ("exists x. exists y. (Cat(x) and Cat(y) and not x = y)", True),
    ],
)
def test_truth_is_that_of_the_structure(text, truth):
    assert truth == evaluate(parse(text), PETS)


def test_free_variables_take_the_values_given():
    assert [name for name in PETS.domain if evaluate(parse("Cat(boss)"), PETS, {"boss": name})] == [
        "max",
        "tom",
    ]


@pytest.mark.parametrize("text", ["Dog(max)", "Cat(nobody)", "father(max) = max"])
def test_what_has_no_interpretation_is_an_error_that_names_it(text):
    with pytest.raises(StructureError, match=r"Dog|nobody|father"):
        evaluate(parse(text), PETS)


@pytest.mark.parametrize("domain", [(), ("max", "max")])
def test_a_domain_has_someone_and_nobody_twice(domain):
    with pytest.raises(StructureError):
        Structure(domain=domain)


def test_a_structure_keeps_no_door_open():
    rows = {("max",)}
    structure = Structure(domain=("max",), relations={"Cat": rows})
    rows.clear()
    assert structure.relations["Cat"] == {("max",)}
    with pytest.raises(TypeError):
        structure.relations["Cat"] = frozenset()


def description(structure):
    """Return formulas that have this structure as their only model, up to isomorphism."""
    domain = structure.domain
    named = " or ".join(f"v = {one}" for one in domain)
    yield parse(f"forall v. ({named})")
    for index, one in enumerate(domain):
        yield from (Not(Equal(one, other)) for other in domain[:index])
    for name, one in structure.constants.items():
        yield Equal(name, one)
    for name, of in structure.functions.items():
        yield from (Equal(Apply(name, row), one) for row, one in of.items())
    for name, arity in (("P", 1), ("Q", 1), ("R", 2)):
        for row in (
            [(a,) for a in domain] if arity == 1 else [(a, b) for a in domain for b in domain]
        ):
            atom = Atom(name, row)
            yield atom if row in structure.relations[name] else Not(atom)


@settings(max_examples=60)
@given(small_formulas(functions=True), small_structures())
def test_truth_agrees_with_z3_on_the_described_structure(formula, structure):
    assert evaluate(formula, structure) == entails([*description(structure)], formula)


def test_the_vocabulary_is_what_a_structure_has_to_interpret():
    names = vocabulary(parse("forall x. (P(x) -> R(f(x), a))"), parse("g(a, b) = c"))
    assert names == Vocabulary((("P", 1), ("R", 2)), (("f", 1), ("g", 2)), ("a", "b", "c"))


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    "text", ["P(a)", "R(a, b) and P(a)", "f(a) = b", "forall x. P(g(x, x))", "P(a) and P(a, a)"]
)
def test_all_structures_of_a_size_are_given_once(text, size):
    names = vocabulary(parse(text))
    given_ = [
        (
            tuple((k, tuple(sorted(v))) for k, v in one.relations.items()),
            tuple(one.constants.items()),
            tuple((k, tuple(v.items())) for k, v in one.functions.items()),
        )
        for one in structures(names, size)
    ]
    assert count_structures(names, size) == len(given_) == len(set(given_))
