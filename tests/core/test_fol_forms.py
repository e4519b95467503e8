"""Problems of `fol.forms`: as their knobs ask, in words, in splits and in held-out sets."""

import re
from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits
from fcpref.core.functions.forms import FUNCTIONS
from fcpref.core.logic import (
    free_names,
    parse,
    show,
)
from fcpref.core.logic.steps import CLAUSAL, FORMS, NEGATION_NORMAL, PRENEX, steps_to
from fcpref.core.problems import problem_id
from fcpref.core.problems.forms import (
    MAX_STEPS,
    FormsSpec,
    form_of,
    generate,
    sentence_of,
    target_of,
)
from fcpref.core.problems.forms_wording import ASKS, LETTERS, PHRASINGS, phrasing_in, say
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.sentence_english import WORDINGS, read_sentence
from fcpref.core.problems.split import split_of
from fcpref.core.problems.world_words import HELD, WORDS
from fcpref.core.scores import Verdict
from fcpref.core.tasks.fol_forms import TASK
from fcpref.errors import CodecError, ProblemError
from tests.core.forms_by_hand import NOT_ALL, codes, final, problem_of, score
from tests.meaning import same_on_structures, wrong_steps
from tests.strategies import forms_problems, forms_specs

# --- the family ---------------------------------------------------------------------------------


@settings(max_examples=60)
@given(forms_problems())
def test_the_oracles_sentence_has_the_form_and_says_the_same(problem):
    target, result = target_of(problem), final(problem)
    assert FORMS[target](result)
    assert not FORMS[target](sentence_of(problem))
    skolem = target == CLAUSAL
    assert same_on_structures(sentence_of(problem), result, skolem=skolem, most=2**9, biggest=2)


@settings(max_examples=15)
@given(forms_problems())
def test_every_step_of_the_oracle_is_right_by_z3(problem):
    steps = steps_to(target_of(problem), sentence_of(problem), most=MAX_STEPS)
    assert wrong_steps(sentence_of(problem), steps) == []


@given(forms_specs(), st.integers(0, 2**32), st.integers(0, 60))
def test_a_problem_is_as_its_knobs_ask(spec, seed, index):
    problem = generate(spec, seed=seed, split="train", index=index)
    sentence, target = sentence_of(problem), target_of(problem)
    assert spec.min_steps <= problem.difficulty <= spec.max_steps
    assert problem.difficulty == len(steps_to(target, sentence, most=MAX_STEPS))
    assert problem.gold == target == spec.targets[index % 3]
    assert problem.claim.text in problem.text
    assert problem.claim.text == say(sentence, phrasing_in(problem.tags))
    assert spec.formal == ("formal" in problem.tags) == (problem.claim.text == show(sentence))
    names = (LETTERS[spec.vocabulary].constants, WORDS[spec.vocabulary].people)
    assert free_names(sentence) <= set(names[not spec.formal])
    assert problem == generate(spec, seed=seed, split="train", index=index)


def test_any_prefix_of_a_stream_is_balanced():
    drawn = [generate(FormsSpec(), seed=4, split="train", index=index) for index in range(60)]
    assert Counter(problem.gold for problem in drawn) == dict.fromkeys(FORMS, 20)
    assert Counter(problem.difficulty for problem in drawn) == dict.fromkeys(range(1, 6), 12)


@pytest.mark.parametrize("steps", range(1, MAX_STEPS + 1))
@pytest.mark.parametrize("target", FORMS)
def test_every_form_has_problems_of_every_length(target, steps):
    spec = FormsSpec(targets=(target,), min_steps=steps, max_steps=steps)
    problem = generate(spec, seed=0, split="train", index=0)
    assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
    assert len(TASK.oracle(problem)) == steps + 1 <= 18


@pytest.mark.parametrize(
    "knobs",
    [
        {"targets": ()},
        {"targets": ("normal form",)},
        {"min_steps": 0},
        {"max_steps": 15},
        {"min_steps": 4, "max_steps": 3},
        {"quantifiers": 0},
        {"quantifiers": 4},
        {"max_steps": "3"},
        {"formal": 1},
        {"templates": "new"},
        {"vocabulary": True},
        {"depth": 2},
    ],
)
def test_knobs_are_read_strictly(knobs):
    with pytest.raises(CodecError):
        TASK.generate(knobs, 0, "train", 0)


def test_a_problem_that_asks_for_nothing_is_refused_by_name():
    bare = evolve(NOT_ALL, tags=(), claim=None)
    with pytest.raises(ProblemError, match="no form"):
        target_of(bare)
    with pytest.raises(ProblemError, match="no sentence"):
        sentence_of(bare)


# --- English ------------------------------------------------------------------------------------


@given(forms_problems())
def test_the_english_of_a_problem_reads_as_its_formula(problem):
    if "formal" not in problem.tags:
        assert read_sentence(problem.claim.text) == sentence_of(problem)


@given(st.integers(0, 2**32), st.integers(0, 14))
def test_words_for_letters_keep_the_canonical_form(seed, index):
    english = generate(FormsSpec(), seed=seed, split="train", index=index)
    text = show(sentence_of(english))
    letters, words = LETTERS["common"], WORDS["common"]
    for kinds in (("unary", "adjectives"), ("binary", "verbs"), ("constants", "people")):
        used = [word for word in getattr(words, kinds[1]) if re.search(rf"\b{word}\b", text)]
        for word, letter in zip(used, getattr(letters, kinds[0]), strict=False):
            text = re.sub(rf"\b{word}\b", letter, text)
    assert form_of(parse(text)) == form_of(sentence_of(english))


# --- held-out test sets -------------------------------------------------------------------------


def asked(problem):
    """Return the text of a problem without its sentence."""
    return problem.text.replace(problem.claim.text, "...")


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_skeleton(formal):
    kept, phrasings = {}, {}
    for templates in HELD:
        spec = FormsSpec(templates=templates, formal=formal)
        drawn = [
            generate(spec, seed=3, split=split, index=index)
            for split, count in (("train", 40), ("dev", 6), ("test", 6))
            for index in range(count)
        ]
        kept[templates] = {asked(one) for one in drawn}
        phrasings[templates] = {phrasing_in(one.tags) for one in drawn}
        assert len(kept[templates]) == len(FORMS) * len(ASKS[templates])
        if not formal:
            assert phrasings[templates] == set(PHRASINGS[templates])
            assert len(phrasings[templates]) >= 2
    assert not kept["common"] & kept["held_out"]
    assert formal or not phrasings["common"] & phrasings["held_out"]


def test_no_wording_is_in_two_phrasings():
    said = [set(WORDINGS[phrasing]) for kind in HELD for phrasing in PHRASINGS[kind]]
    assert sum(map(len, said)) == len(set().union(*said))


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_word_and_the_other_way_round(formal):
    if formal:
        every = {kind: {*of.unary, *of.binary, *of.constants} for kind, of in LETTERS.items()}
    else:
        every = {kind: {*of.adjectives, *of.verbs, *of.people} for kind, of in WORDS.items()}
    assert not every["common"] & every["held_out"]
    for kind, other in (HELD, HELD[::-1]):
        spec = FormsSpec(vocabulary=kind, formal=formal)
        for split, count in (("train", 30), ("dev", 6), ("test", 6)):
            for index in range(count):
                problem = generate(spec, seed=3, split=split, index=index)
                assert not set(re.findall(r"\w+", problem.claim.formula)) & every[other]


@pytest.mark.parametrize("name", TASK.test_sets)
def test_a_test_sets_problems_are_solved_by_the_oracle_and_are_of_the_test_split(name):
    for index in range(6):
        problem = TASK.generate(TASK.test_set(name), 0, "test", index)
        assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
        assert problem.split == split_of(form_of(sentence_of(problem)))


def test_the_deep_set_takes_six_to_ten_rewrites_and_ordinary_problems_fewer():
    deep = [TASK.generate(TASK.test_set("deep"), 0, "test", 3 * index) for index in range(5)]
    assert {6, 7, 8, 9, 10} == {one.difficulty for one in deep}
    assert FormsSpec().max_steps < 6


# --- splits and duplicates ----------------------------------------------------------------------


@settings(max_examples=25)
@given(forms_problems(splits=SPLITS))
def test_the_form_decides_the_split(problem):
    assert problem.split == split_of(form_of(sentence_of(problem)))


def test_splits_share_neither_forms_nor_texts():
    forms, texts = {}, {}
    for split, count in (("train", 150), ("dev", 20), ("test", 20)):
        drawn = [generate(FormsSpec(), seed=11, split=split, index=index) for index in range(count)]
        forms[split] = {form_of(sentence_of(one)) for one in drawn}
        texts[split] = {" ".join(one.text.lower().split()) for one in drawn}
        assert len(texts[split]) > 0.99 * count
    for kept in (forms, texts):
        assert not kept["train"] & kept["test"]
        assert not kept["train"] & kept["dev"]
        assert not kept["dev"] & kept["test"]


# --- the task -----------------------------------------------------------------------------------


def test_worked_examples_are_correct_and_show_every_form():
    chains = [TASK.oracle_chain(one.problem, Limits()) for one in TASK.exemplars]
    scores = [
        TASK.score(chain, one.problem) for chain, one in zip(chains, TASK.exemplars, strict=True)
    ]
    assert [score.verdict for score in scores] == [Verdict.CORRECT] * 4
    assert {NEGATION_NORMAL, PRENEX, CLAUSAL} == {one.problem.gold for one in TASK.exemplars}
    assert {"train"} == {one.problem.split for one in TASK.exemplars}


def test_every_functions_example_is_a_call_that_fits():
    for function in FUNCTIONS[:-1]:
        example = function.signature.example
        part = read_sentence(example.split("part='")[1].removesuffix("')"))
        assert codes(example, problem=problem_of(show(part))) == [None]


def test_problems_and_exemplars_are_the_ones_that_recordings_are_made_with():
    first = generate(FormsSpec(), seed=0, split="train", index=0)
    ids = [problem_id(one) for one in (first, *(one.problem for one in TASK.exemplars))]
    assert [one[7:19] for one in ids] == [
        "b4d6df55e6f8",
        "86dbb85a98de",
        "5ce84894445f",
        "08df2bce160d",
        "6d7ae92b1058",
    ]
