"""Splits and held-out sets of `fol.models` share no form, text, skeleton or word."""

import re

import pytest
from hypothesis import given, settings

from fcpref.core.logic import And, Implies, Not, Or, parse
from fcpref.core.logic.formulas import subformulas
from fcpref.core.problems.models import ModelsSpec, form_of, generate, world_of
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.split import split_of
from fcpref.core.problems.world_words import HELD, WORDS
from fcpref.core.scores import Verdict
from fcpref.core.tasks.fol_models import TASK
from tests.core.models_by_hand import depth, score
from tests.strategies import models_problems

# --- splits and duplicates ----------------------------------------------------------------------


@settings(max_examples=25)
@given(models_problems(splits=SPLITS))
def test_the_form_decides_the_split(problem):
    form = form_of(world_of(problem), parse(problem.claim.formula))
    assert problem.split == split_of(form)


def test_splits_share_neither_forms_nor_texts():
    spec = ModelsSpec(max_quantifiers=3)
    forms, texts = {}, {}
    for split, count in (("train", 150), ("dev", 20), ("test", 20)):
        drawn = [generate(spec, seed=11, split=split, index=index) for index in range(count)]
        forms[split] = {form_of(world_of(one), parse(one.claim.formula)) for one in drawn}
        texts[split] = {" ".join(one.text.lower().split()) for one in drawn}
        assert len(texts[split]) == count
    for kept in (forms, texts):
        assert not kept["train"] & kept["test"]
        assert not kept["train"] & kept["dev"]
        assert not kept["dev"] & kept["test"]


# --- held-out test sets -------------------------------------------------------------------------


def words_of(problem):
    return set(re.findall(r"[a-z]+", f"{problem.text} {problem.claim.formula}".lower()))


def skeletons(problem):
    """Return the lines of a problem without its names and without how many there are."""
    world = world_of(problem)
    kinds = dict.fromkeys(world.domain, "N")
    for name in world.relations:
        kinds[name.lower()] = "V" if name.endswith("s") else "A"
        kinds[name.lower().removesuffix("s")] = kinds[name.lower()]
    lines = []
    for line in problem.text.split("\n"):
        shown = " ".join(
            kinds.get(word.lower(), word) for word in re.findall(r"[A-Za-z]+|[^\sA-Za-z]", line)
        )
        lines.append(re.sub(r"N( (,|and|;|/) N)+", "N", shown))
    return set(lines)


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_skeleton(formal):
    kept = {}
    for templates in HELD:
        spec = ModelsSpec(templates=templates, formal=formal, max_quantifiers=3)
        kept[templates] = {
            line
            for split, count in (("train", 60), ("dev", 12), ("test", 12))
            for index in range(count)
            for line in skeletons(generate(spec, seed=3, split=split, index=index))
        }
    assert not kept["common"] & kept["held_out"]


@pytest.mark.parametrize("formal", [False, True])
def test_ordinary_problems_have_no_held_out_word_and_the_other_way_round(formal):
    every = {kind: {w.lower() for w in (*v.people, *v.adjectives, *v.verbs)} for kind, v in
             WORDS.items()}  # fmt: skip
    assert not every["common"] & every["held_out"]
    for kind, other in (HELD, HELD[::-1]):
        spec = ModelsSpec(vocabulary=kind, formal=formal)
        for split, count in (("train", 30), ("dev", 6), ("test", 6)):
            for index in range(count):
                problem = generate(spec, seed=3, split=split, index=index)
                assert not words_of(problem) & every[other]


@pytest.mark.parametrize("name", TASK.test_sets)
def test_a_test_sets_problems_are_solved_by_the_oracle_and_are_of_the_test_split(name):
    for index in range(6):
        problem = TASK.generate(TASK.test_set(name), 0, "test", index)
        assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
        assert problem.split == split_of(form_of(world_of(problem), parse(problem.claim.formula)))


def test_the_deep_set_nests_three_quantifiers_and_has_more_connectives():
    deep = [TASK.generate(TASK.test_set("deep"), 0, "test", index) for index in range(20)]
    plain = [generate(ModelsSpec(), seed=0, split="test", index=index) for index in range(20)]
    assert {3} == {depth(parse(one.claim.formula)) for one in deep}
    assert max(depth(parse(one.claim.formula)) for one in plain) == 2
    joined = [
        sum(
            isinstance(part, Not | And | Or | Implies)
            for one in problems
            for part in subformulas(parse(one.claim.formula))
        )
        for problems in (deep, plain)
    ]
    assert joined[0] > 2 * joined[1]
