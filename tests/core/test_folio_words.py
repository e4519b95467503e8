import pytest
from hypothesis import given

from fcpref.core.logic import parse
from fcpref.core.problems.folio_words import content_words, foreign_symbol, leaves_open
from tests.strategies import folio_formulas, hostile_texts

STORY = "Rafael Nadal runs a bakery in New York City. He won two prizes in 2013. Nadal bakes."


def foreign(formula, sentence, story=STORY):
    return foreign_symbol(parse(formula), sentence, story)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("forall x. (Baker(x) -> Rise(x, early))", "All bakers rise early."),
        ("RunBakery(rafael_nadal)", "Rafael Nadal runs a bakery in New York City."),
        ("RunsBakeryIn(rafaelNadal, nyc)", "Rafael Nadal runs a bakery in New York City."),
        ("RunsBakery(rafaelnadal)", "Rafael Nadal runs a bakery."),
        ("Bakes(rafael_nadal)", "Nadal bakes."),
        ("WonPrizes(rafael_nadal, year2013)", "He won two prizes in 2013."),
        ("Won2Prizes(nadal, _2013)", "He won two prizes in 2013."),
        ("Win(nadal)", "He won two prizes in 2013."),
        ("forall x. (Study(x) -> Busy(x))", "Everyone who studies is busy."),
        ("Use(sam, mac)", "Sam is using a Mac."),
        ("forall x. (Dependent(x) -> Drink(x))", "People who depend on coffee drank it."),
        ("In(gornik, poland)", "G\u00f3rnik is in Poland."),
        ("forall x. App(x)", "Everything is an application."),
        ("Writes(ann, cPlusPlus)", "Ann writes C++."),
        ("Has(ann, cat)", "Ann has a cat."),
    ],
)
def test_what_a_sentence_speaks_of_is_drawn_from_it(formula, sentence):
    assert foreign(formula, sentence) is None


@pytest.mark.parametrize(
    ("formula", "sentence", "symbol"),
    [
        ("Happy(nadal)", "Nadal bakes.", "Happy"),
        ("Bakes(tom)", "Nadal bakes.", "tom"),
        ("Bakes(x)", "Nadal bakes.", "x"),
        ("Bakes(nadal) and Cheats(nadal)", "Nadal bakes.", "Cheats"),
        ("NotBakes(nadal)", "Nadal bakes.", "NotBakes"),
        ("UnBakes(nadal)", "Nadal bakes.", "UnBakes"),
        ("Bakes(bakery_york)", "Nadal runs.", "Bakes"),
        ("Run(york)", "Nadal runs.", "york"),
        ("P(nadal)", "Nadal bakes.", "P"),
        ("Won3Prizes(nadal)", "He won two prizes in 2013.", "Won3Prizes"),
        ("Zzz(nadal)", "", "Zzz"),
        ("Is(nadal)", "Nadal is a baker.", "Is"),
        ("_(nadal)", "Nadal bakes.", "_"),
        ("B" + "a" * 90 + "(nadal)", "Nadal bakes.", "B" + "a" * 90),
    ],
)
def test_what_a_sentence_does_not_speak_of_is_named(formula, sentence, symbol):
    assert symbol == foreign(formula, sentence)


def test_a_statement_and_its_opposite_have_the_same_content():
    first, *others = map(
        content_words,
        ("All bakers rise early.", "No baker rises early.", "Not every early riser is a baker."),
    )
    assert [first] * 2 == [others[0], content_words("Bakers never rise early")]
    assert first != content_words("If bakers rise early, then they are tired.")


def test_a_condition_or_a_choice_leaves_open():
    open_ones = (
        "If Otto bakes, he sings.",
        "Otto either bakes or sings.",
        "Unless it rains, I bake",
    )
    assert all(map(leaves_open, open_ones))
    assert not any(map(leaves_open, ("Otto bakes.", "No baker sings.", "Gifford is for Oregon.")))


@given(folio_formulas(), hostile_texts(), hostile_texts())
def test_any_formula_and_texts_are_judged(formula, sentence, story):
    named = foreign_symbol(formula, sentence, story)
    assert named is None or isinstance(named, str)
