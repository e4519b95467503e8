import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.logic import Atom, ForAll, Not, alpha_equivalent, parse, show
from fcpref.core.logic.formulas import subformulas
from fcpref.core.problems.sentence_english import (
    GUARDED,
    WORDINGS,
    read_sentence,
    say_sentence,
)
from fcpref.core.problems.world_words import HELD, WORDS
from fcpref.errors import ProblemError
from tests.strategies import hostile_texts, texts, worded_formulas

COPIED = [phrasing for phrasing in WORDINGS if phrasing != GUARDED]


LIKED = "not Likes(ann, x)"
GUARDED_ALL = "forall x. (Big(x) -> not Red(x))"
GUARDED_SOME = "exists y. (Big(y) and (Red(y) or Likes(y, y)))"
NOBODY = "not exists x. (Big(ann) and Red(x))"
WITNESSES = "not not Likes(a, b) <-> Big(sk_y(x))"


@pytest.mark.parametrize(
    ("text", "phrasing", "said"),
    [
        (LIKED, "plain", "Ann does not like x"),
        (LIKED, "guarded", "Ann does not like x"),
        (GUARDED_ALL, "plain", "for every person x, if x is big, then x is not red"),
        (GUARDED_ALL, "guarded", "for every big person x, x is not red"),
        (
            GUARDED_ALL,
            "spoken",
            "everyone, say x, is such that whenever x is big, also x is not red",
        ),
        (
            GUARDED_SOME,
            "plain",
            "there is a person y such that both y is big and either y is red or y likes y or both",
        ),
        (
            GUARDED_SOME,
            "guarded",
            "there is a big person y such that either y is red or y likes y or both",
        ),
        (
            NOBODY,
            "guarded",
            "it is not the case that there is a person x such that both Ann is big and x is red",
        ),
        (
            NOBODY,
            "spoken",
            "it is false that someone, say x, is such that we have Ann is big and also x is red",
        ),
        (
            WITNESSES,
            "spoken",
            "it is the same whether it is false that a does not like b or whether sk_y(x) is big",
        ),
    ],
)
def test_sentences_in_common_phrasings(text, phrasing, said):
    assert said == say_sentence(parse(text), phrasing)


@pytest.mark.parametrize(
    "text", ["a = b", "P(a, b, c)", "Likes(a)", "Big(a, b)", "Big(a) -> Loves(a)"]
)
def test_what_has_no_english_is_refused_by_name(text):
    with pytest.raises(ProblemError, match="no English"):
        say_sentence(parse(text), "plain")


@given(worded_formulas(), st.sampled_from(COPIED))
def test_a_sentence_reads_in_one_way_only(formula, phrasing):
    said = say_sentence(formula, phrasing)
    assert formula == read_sentence(said) == read_sentence(f" {said.capitalize()}. ")


@given(worded_formulas(), st.sampled_from(COPIED))
def test_a_part_stands_in_the_sentence_in_one_piece(formula, phrasing):
    said = say_sentence(formula, phrasing)
    for part in subformulas(formula):
        # "x is not big" is one fact to a reader; no rewrite takes the fact without its not.
        if not isinstance(part, Atom):
            assert say_sentence(part, phrasing) in said


@given(st.one_of(hostile_texts(), texts()))
def test_reading_never_raises(text):
    read_sentence(text)


@given(worded_formulas(), st.integers(0, 80), st.integers(0, 6), st.sampled_from(COPIED), texts(4))
def test_a_damaged_sentence_is_read_as_another_or_not_at_all(formula, at, size, phrasing, patch):
    said = say_sentence(formula, phrasing)
    found = read_sentence(said[:at] + patch + said[at + size :])
    assert found is None or read_sentence(say_sentence(found, phrasing)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x is",
        "x is not",
        "x is not not big",
        "x is likes",
        "x big y",
        "x does like y",
        "x does not",
        "if x is big",
        "if x is big then y is big",
        "both x is big and y is big and z is big",
        "either x is big or y is big",
        "for every person , x is big",
        "for every x, x is big",
        "f(x is big",
        "f() is big",
        "f(x,) is big",
        "Big(x)",
        "it is not the case that " * 70 + "x is big",
        "f(" * 70 + "x" + ")" * 70 + " is big",
    ],
)
def test_other_texts_are_not_read(text):
    assert read_sentence(text) is None


def test_no_wording_begins_as_another_does():
    starts = [words.split("{")[0] for p in COPIED for words in WORDINGS[p]]
    assert [
        (a, b) for i, a in enumerate(starts) for b in starts[:i] if a.startswith(b) or
        b.startswith(a)
    ] == []  # fmt: skip


@pytest.mark.parametrize("kind", HELD)
def test_every_word_is_read_back(kind):
    words = WORDS[kind]
    for name in words.people:
        for formula in (
            *(Atom(adjective, (name,)) for adjective in words.adjectives),
            *(Not(Atom(verb, (name, "x"))) for verb in words.verbs),
            *(Atom(verb, ("x", name)) for verb in words.verbs),
        ):
            assert formula == read_sentence(say_sentence(formula, "plain"))


def test_what_is_read_can_be_printed():
    assert show(read_sentence("for every person x, x likes Ann")) == "forall x. Likes(x, ann)"
    assert alpha_equivalent(
        read_sentence("take any person z: z likes Ann"), ForAll("x", Atom("Likes", ("x", "ann")))
    )
