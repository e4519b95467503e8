import re
from fractions import Fraction

import pytest
import sympy
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits
from fcpref.core.problems import problem_id, word
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.quantities import quantities
from fcpref.core.problems.word import WordSpec, form_of, generate
from fcpref.core.problems.word_situations import SITUATIONS
from fcpref.core.scores import Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks import find_task
from fcpref.errors import CodecError, ProblemError
from tests.strategies_math import word_problems, word_specs

TASK = find_task("math.word")
ANNOTATION = re.compile(r"<<([^=]*)=([^>]*)>>")


def by_sympy(expression):
    return sympy.sympify(re.sub(r"(\d+)%", r"(\1/100)", expression), rational=True)


@given(word_problems())
def test_labels_agree_with_sympy(problem):
    steps = ANNOTATION.findall(problem.solution)
    assert all(by_sympy(left) == sympy.Rational(right) for left, right in steps)
    assert problem.gold == steps[-1][1]
    assert problem.difficulty == len(steps)


@given(word_problems())
def test_the_oracle_scores_correct(problem):
    chain = TASK.oracle_chain(problem, Limits())
    assert TASK.score(chain, problem).verdict is Verdict.CORRECT
    assert len(chain.turns) <= problem.difficulty + 1


@given(word_problems())
def test_every_number_of_the_solution_is_in_the_text_or_computed(problem):
    known = set(quantities(problem.text)) | {Fraction(n) for n in range(2, 6)}
    for left, right in ANNOTATION.findall(problem.solution):
        numbers = re.findall(r"\d+(?:\.\d+)?", left)
        assert {Fraction(number) for number in numbers} <= known
        known.add(Fraction(right))


@given(word_problems())
def test_the_answer_is_not_to_be_copied(problem):
    sentences = problem.text.rpartition(". ")[0]
    assert problem.gold not in re.findall(r"\d+(?:\.\d+)?", sentences)


@given(word_specs(), st.integers(0, 2**32), st.sampled_from(SPLITS), st.integers(0, 10_000))
@settings(max_examples=30)
def test_generation_is_a_function_of_its_arguments(spec, seed, split, index):
    first = generate(spec, seed=seed, split=split, index=index)
    assert problem_id(generate(spec, seed=seed, split=split, index=index)) == problem_id(first)
    assert first.split == split


@given(st.integers(0, 500), st.integers(0, 6))
def test_distractors_change_neither_answer_nor_split(index, distractors):
    plain = generate(WordSpec(distractors=0), seed=5, split="dev", index=index)
    full = generate(WordSpec(distractors=distractors), seed=5, split="dev", index=index)
    assert full.solution == plain.solution
    assert full.text.count(".") - plain.text.count(".") == distractors


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_the_form_does_not_depend_on_names_and_things(seed, steps):
    def story(rename):
        situation = SITUATIONS[seed % len(SITUATIONS)]
        situation = evolve(situation, things=tuple(map(rename, situation.things)))
        with pytest.MonkeyPatch.context() as patch:
            people = tuple((rename(name), their) for name, their in word.PEOPLE)
            patch.setattr(word, "PEOPLE", people)
            return word._story(situation, steps, WordSpec(), derive(seed, "test"))

    first, second = story(str), story(lambda name: name[::-1])
    assert (first is None) == (second is None)
    if first is not None:
        assert first.sentences != second.sentences
        assert form_of(first) == form_of(second)


def test_the_form_is_blind_to_the_order_of_a_sum_only():
    assert word._form("+", "2", "3") == word._form("+", "3", "2")
    assert word._form("*", "2", ("-", "5", "3")) == word._form("*", ("-", "5", "3"), "2")
    assert word._form("-", "2", "3") != word._form("-", "3", "2")


def test_splits_share_no_form():
    seen = {}
    for split in SPLITS:
        for index in range(300):
            problem = generate(WordSpec(max_steps=3), seed=index % 3, split=split, index=index)
            numbers = tuple(ANNOTATION.findall(problem.solution))
            assert seen.setdefault(numbers, split) == split


def test_steps_take_turns():
    spec = WordSpec(min_steps=2, max_steps=4)
    found = [generate(spec, seed=0, split="train", index=i).difficulty for i in range(6)]
    assert found == [2, 3, 4, 2, 3, 4]


def test_situations_can_be_held_out():
    spec = WordSpec(situations=("farm", "trip"))
    tags = {generate(spec, seed=0, split="train", index=i).tags for i in range(30)}
    assert tags == {("situation:farm",), ("situation:trip",)}


def test_texts_are_short():
    problems = [
        generate(WordSpec(min_steps=2, max_steps=2), seed=1, split="train", index=i)
        for i in range(100)
    ]
    assert max(len(problem.text.split()) for problem in problems) < 60


def test_texts_are_finished():
    for index in range(200):
        text = generate(WordSpec(max_steps=8), seed=2, split="train", index=index).text
        assert not re.search(r"[{}]", text)
        assert text.endswith("?")
        assert text[0].isupper()


def test_every_move_can_be_told_and_asked():
    moves = [move for situation in SITUATIONS for move in situation.moves]
    assert len(SITUATIONS) >= 6
    assert len({move.text for move in moves}) >= 15
    for move in moves:
        assert len(move.operations) <= 2
        assert move.question.endswith("?")
        assert ("{c}" in move.text) == (move.c is not None)
        assert "{b}" in move.text


@pytest.mark.parametrize(
    "spec",
    [
        WordSpec(min_steps=0),
        WordSpec(max_steps=9),
        WordSpec(min_steps=4, max_steps=3),
        WordSpec(distractors=7),
        WordSpec(distractors=-1),
        WordSpec(situations=("moon",)),
    ],
)
def test_knobs_out_of_range_are_refused(spec):
    with pytest.raises(ProblemError):
        generate(spec, seed=0, split="train", index=0)


def test_knobs_are_typed():
    with pytest.raises(CodecError):
        TASK.generate({"max_steps": "5"}, 0, "train", 0)


def test_the_worked_examples_score_correct():
    assert [exemplar.problem.difficulty for exemplar in TASK.exemplars] == [1, 2, 3, 4]
    for exemplar in TASK.exemplars:
        chain = TASK.oracle_chain(exemplar.problem, Limits())
        assert TASK.score(chain, exemplar.problem).correct
