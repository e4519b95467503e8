import re
from collections import Counter
from fractions import Fraction
from itertools import chain

import pytest
import sympy
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.physics import units

from fcpref.core.chains import Limits
from fcpref.core.problems import problem_id
from fcpref.core.problems.operations_form import Step, form_of_steps
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.quantities import quantities
from fcpref.core.problems.split import split_of
from fcpref.core.problems.word import MAX_STEPS, WordSpec, form_of, generate
from fcpref.core.problems.word_names import ASIDES, PEOPLE
from fcpref.core.problems.word_situations import SITUATIONS
from fcpref.core.problems.word_units import CONVERSIONS
from fcpref.core.scores import Verdict
from fcpref.core.scores.arithmetic import CONSTANTS
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError
from tests.strategies_math import word_problems, word_specs

TASK = find_task("math.word")
ANNOTATION = re.compile(r"<<([^=]*)=([^>]*)>>")
SITUATION_NAMES = tuple(one.name for one in SITUATIONS["common"])
STREAM = [generate(WordSpec(max_steps=8), seed=7, split="train", index=i) for i in range(400)]


def by_sympy(expression):
    return sympy.sympify(re.sub(r"(\d+)%", r"(\1/100)", expression), rational=True)


def formal_by_sympy(text):
    """Solve the assignments of a formal text as a system of equations."""
    *lines, question = text.replace("\u00d7", "*").replace("\u00f7", "/").splitlines()
    lines = [re.sub(r"(\d+)% of (.*)", r"\1 * \2 / 100", line).split(" = ") for line in lines]
    symbols = {left: sympy.Symbol(left) for left, _ in lines}
    equations = [
        symbols[left] - sympy.sympify(right, symbols, rational=True) for left, right in lines
    ]
    return sympy.solve(equations, dict=True)[0][symbols[question[0]]]


def masked(template):
    return re.sub(r"\{\w+\}", "_", template)


def sentences(situation):
    """Return every template of a situation, questions and asides included."""
    told = chain.from_iterable((*move.texts, *move.questions) for move in situation.moves)
    return {masked(text) for text in (*told, *situation.asides)}


def templates(kind):
    return set().union({masked(text) for text in ASIDES[kind]}, *map(sentences, SITUATIONS[kind]))


def words_of(kind):
    things = "things" if kind == "common" else "other_things"
    found = {thing for one in chain(*SITUATIONS.values()) for thing in getattr(one, things)}
    return {person.name for person in PEOPLE[kind]} | {
        thing.removeprefix("the ") for thing in found
    }


WORDS = sorted(words_of("common") | words_of("held_out"), key=len, reverse=True)
UNITS = sorted({*CONVERSIONS, *(way.unit for ways in CONVERSIONS.values() for way in ways)})
NUMBERS = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twice",
    "times",
    "dozen",
    "half",
    "a third",
    "a quarter",
    "a fifth",
)


def skeletons(text):
    """Return the sentences of a text without numbers, units, names and things."""
    for words, mark in ((WORDS, "_"), (NUMBERS, "#"), (UNITS, "#")):
        text = re.sub(rf"\b({'|'.join(words)})\b", mark, text, flags=re.IGNORECASE)
    text = re.sub(r"\$?\d+(\.\d+)?", "#", text)
    return {re.sub(r"#( #)*", "#", one) for one in re.split(r"(?<=[.?]) ", text)}


@given(word_problems())
def test_labels_agree_with_sympy(problem):
    steps = ANNOTATION.findall(problem.solution)
    assert all(by_sympy(left) == sympy.Rational(right) for left, right in steps)
    assert problem.gold == steps[-1][1]
    assert problem.difficulty == len(steps)


@given(word_specs(), st.integers(0, 2**32), st.integers(0, 10_000))
def test_formal_labels_agree_with_sympy(spec, seed, index):
    problem = generate(evolve(spec, formal=True), seed=seed, split="train", index=index)
    assert formal_by_sympy(problem.text) == sympy.Rational(problem.gold)


@pytest.mark.parametrize("base", CONVERSIONS)
def test_conversions_agree_with_sympy(base):
    own = {
        "pieces": 1, "dozen": 12, "cents": 1, "dollars": 100, "months": 1, "years": 12,
        "weeks": 7 * units.day, "ounces": units.pound / 16,
    }  # fmt: skip
    for way in CONVERSIONS[base]:
        said, counted = (own.get(unit) or getattr(units, unit) for unit in (way.unit, base))
        ratio = units.convert_to(said / sympy.S(counted), (units.meter, units.second, units.gram))
        assert ratio == sympy.Integer(way.factor) ** (1 if way.sign == "*" else -1)
        assert str(way.factor) in CONSTANTS


@given(word_problems())
def test_the_oracle_scores_correct(problem):
    chain_ = TASK.oracle_chain(problem, Limits())
    assert TASK.score(chain_, problem).verdict is Verdict.CORRECT
    assert len(chain_.turns) <= problem.difficulty + 1


@pytest.mark.parametrize("situation", SITUATION_NAMES)
@pytest.mark.parametrize("units", [0.0, 1.0])
def test_the_oracle_scores_correct_in_every_situation_at_every_number_of_steps(situation, units):
    spec = WordSpec(max_steps=MAX_STEPS, situations=(situation,), units=units)
    for index in range(2 * MAX_STEPS):
        problem = generate(spec, seed=3, split="train", index=index)
        chain_ = TASK.oracle_chain(problem, Limits())
        assert TASK.score(chain_, problem).verdict is Verdict.CORRECT
        assert len(chain_.turns) <= 18


@given(word_problems())
def test_every_number_of_the_solution_is_in_the_text_or_computed_or_a_constant(problem):
    known = set(quantities(problem.text)) | {Fraction(n) for n in range(2, 6)}
    known |= {Fraction(way.factor) for found in CONVERSIONS.values() for way in found}
    for left, right in ANNOTATION.findall(problem.solution):
        numbers = re.findall(r"\d+(?:\.\d+)?", left)
        assert {Fraction(number) for number in numbers} <= known
        known.add(Fraction(right))


@given(word_problems())
def test_the_answer_is_not_to_be_copied(problem):
    assert Fraction(problem.gold) not in quantities(problem.text)


@given(word_specs(), st.integers(0, 2**32), st.sampled_from(SPLITS), st.integers(0, 10_000))
@settings(max_examples=30)
def test_generation_is_a_function_of_its_arguments(spec, seed, split, index):
    first = generate(spec, seed=seed, split=split, index=index)
    assert problem_id(generate(spec, seed=seed, split=split, index=index)) == problem_id(first)
    assert first.split == split


@given(st.integers(0, 500), st.integers(0, 6), st.booleans())
def test_distractors_change_neither_answer_nor_split(index, distractors, formal):
    spec = WordSpec(formal=formal, distractors=0)
    plain = generate(spec, seed=5, split="dev", index=index)
    full = generate(evolve(spec, distractors=distractors), seed=5, split="dev", index=index)
    assert full.solution == plain.solution
    mark = "\n" if formal else re.compile(r"\.(?= )").pattern
    assert len(re.findall(mark, full.text)) - len(re.findall(mark, plain.text)) == distractors


@given(word_specs(), st.integers(0, 2**32), st.integers(0, 1_000))
def test_words_and_formulas_are_one_problem(spec, seed, index):
    words, formulas, renamed = (
        generate(evolve(spec, **changes), seed=seed, split="dev", index=index)
        for changes in (
            {"formal": False, "vocabulary": "common"},
            {"formal": True},
            {"formal": False, "vocabulary": "held_out"},
        )
    )
    assert words.solution == formulas.solution == renamed.solution
    assert form_of(words) == form_of(formulas) == form_of(renamed)
    assert words.text != renamed.text


def form(*steps):
    return form_of_steps([Step(*step) for step in steps])


def test_the_form_is_blind_to_the_order_of_terms_and_factors():
    assert form((2, "+", 3, 5)) == form((3, "+", 2, 5)) != form((5, "-", 3, 2))
    assert form((2, "+", 3, 5), (5, "-", 4, 1)) == form((2, "-", 4, -2), (-2, "+", 3, 1))
    assert form((9, "*", 2, 18), (18, "/", 3, 6)) == form((9, "/", 3, 3), (3, "*", 2, 6))
    assert form((9, "-", 3, 6), (6, "*", 2, 12)) != form((9, "*", 2, 18), (18, "-", 3, 15))


def test_the_form_is_blind_to_the_order_of_shares():
    half_then_fifth = ((40, "/", 2, 20), (40, "-", 20, 20), (20, "%", 20, 4), (20, "-", 4, 16))
    fifth_then_half = ((20, "%", 40, 8), (40, "-", 8, 32), (32, "/", 2, 16), (32, "-", 16, 16))
    assert form((20, "%", 40, 8), (40, "-", 8, 32)) != form((20, "%", 40, 8), (40, "+", 8, 48))
    assert form(*half_then_fifth[:2], (20, "%", 20, 4))  # a percent of an equal number is no share
    assert form(*fifth_then_half) == "*(-1/2,-20%,40;)"


@given(word_problems())
def test_the_form_keeps_numbers_and_knows_no_words(problem):
    found = form_of(problem)
    assert split_of(f"{TASK.name} {found}") == problem.split
    assert not re.search(r"[a-z]", found)
    first = re.match(r"[\d.]+", problem.solution)[0]
    assert first in re.findall(r"[\d.]+", found)


def test_splits_share_no_form_and_few_texts_are_repeated():
    seen = {}
    for split in SPLITS:
        texts = Counter()
        for index in range(400):
            problem = generate(WordSpec(max_steps=3), seed=0, split=split, index=index)
            assert seen.setdefault(form_of(problem), split) == split
            texts[" ".join(problem.text.lower().split())] += 1
        assert len(texts) >= 0.99 * texts.total()


def test_steps_take_turns():
    spec = WordSpec(min_steps=2, max_steps=4)
    found = [generate(spec, seed=0, split="train", index=i).difficulty for i in range(6)]
    assert found == [2, 3, 4, 2, 3, 4]


def test_situations_can_be_chosen():
    spec = WordSpec(situations=("farm", "trip"))
    tags = {generate(spec, seed=0, split="train", index=i).tags for i in range(30)}
    assert tags == {("situation:farm",), ("situation:trip",)}


def test_an_ordinary_stream_has_every_situation_and_most_moves():
    assert {problem.tags[0].removeprefix("situation:") for problem in STREAM} == set(
        SITUATION_NAMES
    )
    found = set().union(*(skeletons(problem.text) for problem in STREAM))
    assert len(found) > 300


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.25, 0.2, 0.6), (1.0, 0.9, 1)])
def test_numbers_are_said_in_other_units_as_often_as_the_knob_says(share, low, high):
    # what these situations count in: grams, milliliters, inches and centimeters
    spec = WordSpec(units=share, min_steps=2, situations=("parcels", "party", "sewing", "workshop"))
    texts = [generate(spec, seed=0, split="train", index=i).text for i in range(200)]
    other = re.compile(r"\b(kilograms|liters|feet|meters|cents|dozen)\b")
    found = [text for text in texts if other.search(text)]
    assert low <= len(found) / len(texts) <= high


def test_texts_are_short():
    problems = [
        generate(WordSpec(min_steps=2, max_steps=2), seed=1, split="train", index=i)
        for i in range(100)
    ]
    assert max(len(problem.text.split()) for problem in problems) < 65


@given(word_problems())
def test_texts_are_finished(problem):
    assert not re.search(r"[{}]|\bNone\b|  |\$\$", problem.text)
    assert problem.text.endswith("?")
    assert "formal" in problem.tags or not problem.text[0].islower()


def test_there_are_many_situations_and_templates():
    moves = [move for situation in SITUATIONS["common"] for move in situation.moves]
    assert len(SITUATIONS["common"]) >= 12
    assert len({text for move in moves for text in move.texts}) >= 60
    assert all(len(set(move.texts)) >= 2 for move in moves)
    measured = {a.unit for move in moves for a in move.amounts if a.unit in CONVERSIONS}
    assert measured >= {"minutes", "centimeters", "grams", "dollars", "pieces", "inches"}


@pytest.mark.parametrize("situation", [*chain(*SITUATIONS.values())], ids=lambda one: one.name)
def test_every_move_can_be_told_and_asked(situation):
    for move in situation.moves:
        assert len(move.operations) <= 2
        assert all(question.endswith("?") for question in move.questions)
        for text in move.texts:
            assert text.endswith(".")
            assert ("{c}" in text) == (len(move.amounts) == 2)
            assert "{b}" in text


def test_held_out_templates_occur_nowhere_else():
    assert not templates("common") & templates("held_out")
    held_out = TASK.test_set("held-out-templates")
    test = [TASK.generate(held_out, 0, "test", index) for index in range(200)]
    ordinary = set().union(*(skeletons(problem.text) for problem in STREAM))
    found = set().union(*(skeletons(problem.text) for problem in test))
    assert len(found) > 60
    assert not found & ordinary
    assert not {problem.tags for problem in test} & {problem.tags for problem in STREAM}


def test_held_out_words_occur_nowhere_else():
    common, held_out = (words_of(kind) for kind in ("common", "held_out"))
    assert not common & held_out
    said = set().union(*(re.findall(r"\w+", problem.text) for problem in STREAM))
    assert not said & held_out
    assert not held_out & {
        word for kind in SITUATIONS for t in templates(kind) for word in t.split()
    }
    knobs = TASK.test_set("held-out-vocabulary")
    for index in range(100):
        text = TASK.generate(knobs, 0, "test", index).text
        assert set(re.findall(r"\w+", text)) & held_out
        assert not set(re.findall(r"\w+", text)) & {one.name for one in PEOPLE["common"]}


def test_held_out_situations_are_about_common_things():
    common = {thing for one in SITUATIONS["common"] for thing in one.things}
    other = {thing for one in SITUATIONS["common"] for thing in one.other_things}
    for situation in SITUATIONS["held_out"]:
        assert common.issuperset(situation.things)
        assert other.issuperset(situation.other_things)


def test_the_deep_set_goes_beyond_the_ordinary_steps():
    knobs = TASK.test_set("deep")
    found = {TASK.generate(knobs, 0, "test", index).difficulty for index in range(9)}
    assert found == {6, 7, 8}
    assert min(found) > WordSpec().max_steps


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"min_steps": 0}, "min_steps"),
        ({"max_steps": 9}, "max_steps"),
        ({"min_steps": 4, "max_steps": 3}, "min_steps=4 is above max_steps=3"),
        ({"distractors": 7}, "distractors"),
        ({"distractors": -1}, "distractors"),
        ({"units": 1.5}, "units"),
        ({"units": -0.1}, "units"),
        ({"spelled": 2.0}, "spelled"),
        ({"templates": "rare"}, "templates"),
        ({"vocabulary": "rare"}, "vocabulary"),
        ({"situations": ("moon",)}, "'moon'"),
        ({"situations": ("farm",), "templates": "held_out"}, "'farm'"),
    ],
)
def test_knobs_out_of_range_are_refused(knobs, said):
    with pytest.raises(ValueError, match=said):
        WordSpec(**knobs)
    with pytest.raises(CodecError, match=said) as refused:
        TASK.generate(knobs, 0, "train", 0)
    assert "\n" not in str(refused.value)


def test_knobs_are_typed():
    for knobs in ({"max_steps": "5"}, {"formal": 1}, {"steps": 1}, {"situations": "farm"}):
        with pytest.raises(CodecError):
            TASK.generate(knobs, 0, "train", 0)


def test_the_worked_examples_score_correct():
    assert [exemplar.problem.difficulty for exemplar in TASK.exemplars] == [1, 2, 3, 4, 2, 3, 5, 6]
    for exemplar in TASK.exemplars:
        chain_ = TASK.oracle_chain(exemplar.problem, Limits())
        assert TASK.score(chain_, exemplar.problem).correct
