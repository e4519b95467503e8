from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import Implies, parse, show
from fcpref.core.logic.chaining import as_rule, conjunction
from fcpref.core.logic.literals import Literal
from fcpref.core.problems.english import PHRASINGS, phrasings, read, say, say_rule
from fcpref.errors import ProblemError
from tests.strategies import deduction_problems, hostile_texts, rules, spoken_literals


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("Kind(max)", "Max is kind."),
        ("not Kind(max)", "Max is not kind."),
        ("Likes(max, sam)", "Max likes Sam."),
        ("not Likes(max, sam)", "Max does not like Sam."),
        ("Kind(max) and not Likes(max, sam)", "Max is kind and Max does not like Sam."),
        ("Kind(max) -> not Calm(sam)", "If Max is kind, then Sam is not calm."),
        (
            "Kind(max) and Likes(max, sam) -> Calm(sam)",
            "If Max is kind and Max likes Sam, then Sam is calm.",
        ),
    ],
)
def test_a_statement_has_one_sentence_which_reads_back(formula, sentence):
    assert sentence == say(parse(formula))
    assert parse(formula) == read(sentence)


@pytest.mark.parametrize(
    ("formula", "sentences"),
    [
        (
            "forall x. (Kind(x) -> Calm(x))",
            {
                "all": "All kind people are calm.",
                "every": "Every kind person is calm.",
                "someone": "If someone is kind, then they are calm.",
                "whoever": "Whoever is kind is calm.",
                "enough": "To be calm, it is enough to be kind.",
            },
        ),
        (
            "forall y. (not Kind(y) -> not Calm(y))",
            {
                "all": "No people who are not kind are calm.",
                "every": "Every person who is not kind is not calm.",
                "someone": "If someone is not kind, then they are not calm.",
                "whoever": "Whoever is not kind is not calm.",
                "enough": "To be not calm, it is enough to be not kind.",
            },
        ),
        (
            "forall x. (not Kind(x) and Tall(x) -> not Calm(x))",
            {
                "all": "No people who are tall and not kind are calm.",
                "every": "Every person who is tall and not kind is not calm.",
                "someone": "If someone is tall and not kind, then they are not calm.",
                "whoever": "Whoever is tall and not kind is not calm.",
                "enough": "To be not calm, it is enough to be tall and not kind.",
            },
        ),
        (
            "forall x. forall y. (Likes(x, y) and not Kind(x) -> not Helps(y, x))",
            {
                "letters": "If x likes y and x is not kind, then y does not help x.",
                "persons": "If one person likes another and the first is not kind, "
                "then the second does not help the first.",
                "whenever": "Y does not help X whenever X likes Y and X is not kind.",
                "somebody": "If somebody likes somebody else and person one is not kind, "
                "then person two does not help person one.",
            },
        ),
    ],
)
def test_a_rule_has_a_sentence_in_each_phrasing(formula, sentences):
    rule = as_rule(parse(formula))
    names = (*phrasings(rule), *phrasings(rule, held_out=True))
    assert sentences == {name: say_rule(rule, name) for name in names}


def test_each_rule_has_several_phrasings_and_held_out_ones_that_are_others():
    texts = ("forall x. (A(x) -> B(x))", "forall x. forall y. (As(x, y) -> B(x))")
    kinds = [as_rule(parse(text)) for text in texts]
    for rule in kinds:
        usual, held_out = phrasings(rule), phrasings(rule, held_out=True)
        assert min(len(usual), len(held_out)) >= 2
        assert not set(usual) & set(held_out)
    both = (phrasings(rule, held_out=out) for rule in kinds for out in (False, True))
    assert set(PHRASINGS) == {name for names in both for name in names}


@given(spoken_literals())
def test_a_literal_reads_back(literal):
    assert literal.formula == read(say(literal.formula))


@given(st.lists(spoken_literals(), min_size=1, max_size=2), spoken_literals())
def test_a_conditional_reads_back(body, head):
    formula = Implies(conjunction(tuple(body)), head.formula)
    if len(say(formula)) <= 300:
        assert formula == read(say(formula))


@given(rules(), rules(), st.booleans())
def test_different_rules_have_different_sentences(one, other, held_out):
    def bare(rule):
        # What a phrasing may leave open: the order of conditions about one person, and what
        # variables are called. There are two at most.
        in_head = [term for term in rule.head.terms if term in rule.variables]
        known = {name: str(n) for n, name in enumerate(dict.fromkeys((*in_head, *rule.variables)))}
        head, *body = (
            one._replace(terms=tuple(known.get(term, term) for term in one.terms))
            for one in (rule.head, *rule.body)
        )
        return frozenset(body), head

    for first, second in product(
        phrasings(one, held_out=held_out), phrasings(other, held_out=held_out)
    ):
        if say_rule(one, first) == say_rule(other, second):
            assert bare(one) == bare(other)


@given(deduction_problems())
def test_a_problems_text_says_its_formulas_line_by_line(problem):
    formal = "formal" in problem.tags
    for said in (*problem.givens, problem.claim):
        formula = parse(said.formula)
        rule = as_rule(formula)
        if formal:
            ways = {show(formula)}
        elif rule is None:
            ways = {say(formula)}
        else:
            ways = {say_rule(rule, name) for name in PHRASINGS if fits(name, rule)}
        assert said.text in ways
    lines = [given.text for given in problem.givens]
    assert problem.text == "\n".join([*lines, f"Claim: {problem.claim.text}"])


def fits(name, rule):
    return name in (*phrasings(rule), *phrasings(rule, held_out=True))


@pytest.mark.parametrize("text", ["Max is kind", " max is  Kind. ", "MAX is kind.\n"])
def test_case_space_and_the_full_stop_do_not_matter(text):
    assert parse("Kind(max)") == read(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "Max", "Max is", "Max is not", "Max is not.", "Max is not not", "Max is NOT."),
        *("Max isn't kind.", "Max is not not kind.", "Max is very kind.", "Max like Sam."),
        *("Max is kind..", "Max is kind!", "All kind people are calm.", "Kind(max)"),
        *("Max is k1nd.", "Máx is kind.", "Max is " + "k" * 21, "Max is kind. Sam is kind."),
        *("If Max is kind", "If Max is kind, Sam is calm", "if , then Max is kind", "and"),
        *("Max is kind and", "Max does not like", " and ".join(["Max is kind"] * 30)),
    ],
)
def test_other_texts_are_no_statement(text):
    assert read(text) is None


@given(hostile_texts())
def test_any_text_is_read_as_a_statement_or_none(text):
    found = read(text)
    assert found is None or found == read(say(found))


@pytest.mark.parametrize(
    "formula",
    [
        "Near(max, sam, tom)",
        "Kind(max) or Calm(max)",
        "not not Kind(max)",
        "forall x. Kind(x)",
        "exists x. Kind(x)",
        "forall x. (Kind(x) -> Calm(x))",
        "Kind(max) <-> Calm(max)",
    ],
)
def test_a_formula_without_a_sentence_is_refused_by_name(formula):
    with pytest.raises(ProblemError) as caught:
        say(parse(formula))
    assert formula.split("(")[0].split()[-1] in str(caught.value)


def test_a_literal_about_nobody_or_a_crowd_has_no_sentence():
    for terms in ((), ("a", "b", "c")):
        with pytest.raises(ProblemError, match="no English for Near"):
            say(Literal("Near", terms).formula)
