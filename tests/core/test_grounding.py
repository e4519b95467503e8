"""What is computed from given numbers: the rule against sympy, and its readings one by one."""

from collections import Counter
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import Fact
from fcpref.core.functions.arithmetic import FUNCTIONS
from fcpref.core.functions.values import Memory
from fcpref.core.problems.quantities import worded
from fcpref.core.scores.grounding import Grounding
from fcpref.core.scores.symbols import PRIME, combine, divide, residue, symbol
from fcpref.core.seeds import derive
from tests.strategies_math import math_problem, rationals

RUN = {function.signature.name: function for function in FUNCTIONS}
GIVEN, CONSTANTS = ("17", "23", "6"), ("2", "3", "10", "100")
SHAPES = (
    ("Subtract", ("Add", 0, 1), 1),
    ("Add", 1, ("Subtract", 0, 1)),
    ("Divide", ("Multiply", 0, 1), 1),
    ("Multiply", ("Divide", 0, 1), 1),
    ("Subtract", 1, ("Subtract", 1, 0)),
    ("Divide", 1, ("Divide", 1, 0)),
    ("Subtract", ("Subtract", ("Add", ("Add", 0, 1), 2), 1), 2),
    ("Subtract", ("Add", ("Add", 0, 1), 2), ("Add", 1, 2)),
    ("Divide", ("Subtract", ("Multiply", ("Add", 0, 1), 2), ("Multiply", 1, 2)), 2),
    ("Subtract", ("Multiply", 0, ("Add", 1, 2)), ("Multiply", 0, ("Subtract", ("Add", 1, 2), 2))),
    ("Divide", ("Power", 0, "3"), ("Power", 0, "2")),
    ("Percent", "100", 0),
    ("Percent", ("Multiply", 0, "10"), "10"),
    ("Add", ("Multiply", ("Subtract", 1, 1), 2), 0),
    ("Multiply", ("Divide", 1, 1), 0),
    ("Divide", ("Subtract", ("Power", 0, "2"), ("Power", 1, "2")), ("Subtract", 0, 1)),
)


def grown(stream, depth):
    """Return a random tree of functions over the numbers, often with a detour in it."""
    if depth == 0 or stream.random() < 0.2:
        return stream.choice((*GIVEN, *CONSTANTS))
    if stream.random() < 0.5:
        inner = [grown(stream, depth - 2) if depth > 1 else stream.choice(GIVEN), *"  "]
        inner[1:] = (stream.choice((*GIVEN, *CONSTANTS)) for _ in "  ")
        return placed(stream.choice(SHAPES), inner)
    name = stream.choice(("Add", "Subtract", "Multiply", "Divide", "Percent"))
    return (name, grown(stream, depth - 1), grown(stream, depth - 1))


def placed(shape, inner):
    if isinstance(shape, tuple):
        return (shape[0], *(placed(part, inner) for part in shape[1:]))
    return inner[shape] if isinstance(shape, int) else shape


def executed(tree, facts):
    """Return the tree's number as text, and add its calls' facts in order; None on a failure."""
    if isinstance(tree, str):
        return tree
    numbers = [executed(part, facts) for part in tree[1:]]
    if None in numbers:
        return None
    names = [parameter.name for parameter in RUN[tree[0]].signature.parameters]
    arguments = {name: Fraction(text) for name, text in zip(names, numbers, strict=True)}
    memory = Memory(problem=math_problem("", ""), steps=len(facts))
    effect = RUN[tree[0]].run(arguments, memory)
    if effect.outcome.code is not None:
        return None
    facts.extend(effect.memory.facts)
    return facts[-1].key


def formula(tree, letters):
    """Return the tree in sympy, with some numbers as letters."""
    if isinstance(tree, str):
        return letters.get(tree, sympy.Rational(tree))
    a, b = (formula(part, letters) for part in tree[1:])
    match tree[0]:
        case "Add":
            return a + b
        case "Subtract":
            return a - b
        case "Multiply":
            return a * b
        case "Divide":
            return a / b if b != 0 else sympy.nan
        case "Percent":
            return a * b / 100
    return a ** int(tree[2])


def leaves(tree):
    return {tree} if isinstance(tree, str) else set().union(*map(leaves, tree[1:]))


def ambiguous(facts):
    """Tell whether a number came about in two ways, so that several trees have these calls."""
    ways = {}
    for fact in facts[:-1]:
        ways.setdefault(fact.key, {(fact.by, fact.uses)}).add((fact.by, fact.uses))
    known = {*GIVEN, *CONSTANTS, "0"}
    return any(len(found) > 1 or key in known for key, found in ways.items())


def zero(difference):
    return sympy.cancel(difference) == 0


def expected(tree, number):
    """Say what sympy makes of a tree: constant, copied or computed."""
    letters, copy = {text: sympy.Symbol(f"n{text}") for text in GIVEN}, sympy.Symbol("copy")
    if zero(formula(tree, letters) - sympy.Rational(number)):
        return "constant"
    if number in leaves(tree) and zero(formula(tree, {number: copy}) - copy):
        return "copied"
    return "computed"


def test_the_rule_agrees_with_sympy_on_what_is_a_constant_a_copy_or_computed():
    stream, seen = derive(0, "test", "grounding"), Counter()
    while sum(seen.values()) < 500:
        tree, facts = grown(stream, 4), []
        number = executed(tree, facts)
        if number is None or not facts or ambiguous(facts):
            continue
        grounding = Grounding(dict.fromkeys(GIVEN), frozenset(CONSTANTS))
        for fact in facts:
            grounding.take(fact)
        said = expected(tree, number)
        assert bool(grounding.proofs(number)) is (said == "computed"), (tree, number, said)
        seen[said] += 1
    assert min(seen[said] for said in ("constant", "copied", "computed")) >= 20, seen


# --- readings -----------------------------------------------------------------------------------


def grounded(text, *calls, constants=CONSTANTS):
    """Return the grounding after calls such as ("Add", "17", "2")."""
    found = {str(number): form for number, form in worded(text).items()}
    grounding, facts = Grounding(found, frozenset(constants)), []
    for call in calls:
        assert executed(call, facts) is not None
    for fact in facts:
        grounding.take(fact)
    return grounding


def test_a_later_honest_computation_of_the_same_number_counts():
    grounding = grounded(
        "17 and 23 and 6", ("Add", "17", "2"), ("Subtract", "19", "2"), ("Subtract", "23", "6")
    )
    assert grounding.proofs("17") == ((2,),)


def test_a_later_detour_takes_nothing_from_what_was_computed():
    grounding = grounded(
        "17 and 23 and 6", ("Subtract", "23", "6"), ("Add", "17", "2"), ("Subtract", "19", "2")
    )
    assert grounding.proofs("17")[0] == (0,)


def test_a_useless_reading_of_an_operand_does_not_spoil_a_good_one():
    # 34 is 17 * 2 first, then 28 + 6: from the second one, 17 is computed.
    calls = (("Multiply", "17", "2"), ("Add", "28", "6"), ("Divide", "34", "2"))
    assert grounded("17 and 28 and 6", *calls[::2]).proofs("17") == ()
    assert grounded("17 and 28 and 6", *calls).proofs("17") == ((1, 2),)


def test_calls_behind_a_constant_that_was_made_are_evidence_too():
    calls = (("Multiply", "3", "10"), ("Add", "30", "17"))
    assert grounded("17", *calls).proofs("47") == ((0, 1),)


@pytest.mark.parametrize(
    ("text", "calls", "number"),
    [
        # the forms of a percentage are the percentage
        ("25% of the 80 pens", (("Multiply", "1/4", "100"),), "25"),
        ("25% of the 80 pens", (("Subtract", "100", "75"),), "25"),
        ("25% of the 80 pens", (("Multiply", "5/4", "100"), ("Subtract", "125", "100")), "25"),
        ("35 cents", (("Multiply", "7/20", "100"),), "35"),
        # a rounding takes a plain remainder away
        ("17 and 0.3", (("Add", "17", "3/10"), ("Round", "173/10", "0")), "17"),
        ("17", (("Divide", "2", "17"), ("Add", "17", "2/17"), ("Round", "291/17", "0")), "17"),
        ("17 and 1.4", (("Add", "17", "7/5"), ("Round", "92/5", "0"), ("Subtract", "18", "1")),
         "17"),
        # a zero or a one out of a given number carries no constant
        ("17", (("Subtract", "17", "17"), ("Subtract", "0", "3"), ("Add", "-3", "10")), "7"),
        ("0.3", (("Round", "3/10", "0"), ("Subtract", "0", "3"), ("Add", "-3", "10")), "7"),
        ("0 and 17", (("Multiply", "17", "0"), ("Add", "0", "10")), "10"),
        ("0 and 17", (("Multiply", "17", "0"),), "0"),
        ("1 and 17", (("Power", "1", "17"),), "1"),
        ("1 and 17", (("Add", "10", "1"), ("Add", "11", "1")), "12"),
        ("17", (("Power", "17", "17/17"),), "17"),
        ("17", (("Divide", "17", "17"), ("Multiply", "1", "10")), "10"),
        # a constant goes through others
        ("17 and 16", (("Multiply", "12", "5"), ("Subtract", "17", "16"), ("Add", "60", "1"),
                       ("Divide", "61", "5"), ("Subtract", "61/5", "1/5")), "12"),
    ],
)  # fmt: skip
def test_a_number_in_another_form_is_the_same_number(text, calls, number):
    calls = tuple((name, *(str(Fraction(part)) for part in parts)) for name, *parts in calls)
    grounding = grounded(text, *calls, constants=(*CONSTANTS, "1", "5", "12", "1/5"))
    assert grounding.proofs(number) == ()


@pytest.mark.parametrize(
    ("text", "calls", "number"),
    [
        ("25% of 80", (("Percent", "25", "80"),), "20"),
        ("25% of 80", (("Subtract", "100", "25"),), "75"),
        ("25% or 75 pens", (("Subtract", "100", "75"),), "25"),
        ("2 to the power 6", (("Power", "2", "6"),), "64"),
        ("17 days, 5 of them", (("Divide", "17", "5"), ("Round", "17/5", "0")), "3"),
        ("17, 12 and 5", (("Subtract", "17", "12"), ("Subtract", "5", "5")), "0"),
    ],
)
def test_what_depends_on_the_given_numbers_is_computed(text, calls, number):
    assert grounded(text, *calls).proofs(number) != ()


@given(st.lists(st.tuples(st.sampled_from([*RUN][:-1]), rationals(), rationals()), max_size=8))
def test_without_given_numbers_nothing_is_computed(calls):
    facts = []
    for name, a, b in calls:
        executed((name, str(a), str(b)), facts)
    grounding = Grounding({}, frozenset(use for fact in facts for use in fact.uses))
    for fact in facts:
        grounding.take(fact)
    assert [grounding.proofs(fact.key) for fact in facts] == [()] * len(facts)


def test_a_fact_of_no_known_function_computes_nothing():
    grounding = Grounding({"17": None}, frozenset())
    grounding.take(Fact(key="34", uses=("17", "17"), call=0))
    grounding.take(Fact(key="35", uses=("17", "17"), call=1, by="Guess"))
    assert (grounding.proofs("34"), grounding.proofs("35")) == ((), ())


# --- the field ----------------------------------------------------------------------------------


@given(rationals(), rationals(), st.sampled_from(["Add", "Subtract", "Multiply", "Divide"]))
def test_residues_are_computed_with_as_exact_numbers_are(a, b, name):
    facts = []
    result = executed((name, str(a), str(b)), facts)
    if result is not None:
        operands = [residue(str(a)), residue(str(b))]
        assert combine(name, operands, str(b)) == residue(result)


@given(rationals().filter(bool), st.integers(-8, 8))
def test_powers_too(a, exponent):
    found = combine("Power", [residue(str(a)), residue(str(exponent))], str(exponent))
    assert found == residue(str(a**exponent))


def test_what_the_field_has_no_residue_for_is_not_established():
    assert residue(f"1/{PRIME}") is None
    assert divide(5, 0) is None
    assert combine("Divide", [5, residue(str(PRIME))], str(PRIME)) is None
    grounding = Grounding({"5": None, str(PRIME): None}, frozenset())
    key = str(Fraction(5, PRIME))
    grounding.take(Fact(key=key, uses=("5", str(PRIME)), call=0, by="Divide"))
    grounding.take(Fact(key="5", uses=(key, str(PRIME)), call=1, by="Multiply"))
    assert grounding.proofs("5") == ()


def test_symbols_are_the_same_in_every_process():
    assert symbol("17") == 1_812_391_736_509_589_432
    assert len({symbol(str(number)) for number in range(5_000)}) == 5_000
