"""The catalog of recipes, and what a recipe may say."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from fcpref.core.codec import structure, unstructure
from fcpref.core.training import (
    DEFAULT_RECIPE,
    RECIPES,
    Recipe,
    Step,
    StepKind,
    find_recipe,
    steps_text,
)
from fcpref.errors import UsageError

EVERY = [*RECIPES.values()]


def test_the_catalog_has_the_default_and_what_it_is_compared_with():
    assert [*RECIPES] == ["paper", "sft", DEFAULT_RECIPE, "rounds", "corrections"]
    assert all(find_recipe(name).name == name for name in RECIPES)


@pytest.mark.parametrize("recipe", EVERY, ids=lambda recipe: recipe.name)
def test_every_recipe_cites_a_paper_and_is_plain_data(recipe):
    assert re.search(r"arXiv \d{4}\.\d{4,5}\b", recipe.source)
    assert recipe.source.endswith(".")
    assert structure(unstructure(recipe), Recipe) == recipe


def test_the_papers_recipe_is_preference_training_on_the_teachers_chains_alone():
    (step,) = RECIPES["paper"].steps
    assert step == Step(kind="dpo", chains=("teacher",), pairs=("chain",))


def test_all_other_recipes_begin_alike_so_that_the_beginning_is_done_once():
    assert len({recipe.steps[0] for recipe in EVERY if recipe.name != "paper"}) == 1


def test_only_rounds_are_in_rounds():
    names = [recipe.name for recipe in EVERY if recipe.in_rounds]
    assert names == ["rounds", "corrections"]


def test_steps_in_words_tell_recipes_apart():
    assert steps_text(RECIPES["paper"]) == "DPO on teacher chains, paired by chain"
    assert steps_text(RECIPES["rounds"]) == (
        "SFT on oracle and teacher chains; DPO on own chains, in rounds"
    )
    assert len({*map(steps_text, EVERY)}) == len(EVERY)


@pytest.mark.parametrize("kind", get_args(StepKind))
def test_every_kind_of_step_has_a_word(kind):
    recipe = Recipe(name="own", summary="", steps=(Step(kind=kind, chains=("own",)),), source="")
    assert steps_text(recipe).endswith(" on own chains")


def test_what_a_step_cannot_train_on_is_refused():
    with pytest.raises(ValueError, match="chains"):
        Step(kind="dpo", chains=())
    with pytest.raises(ValueError, match="not on pairs"):
        Step(kind="sft", chains=("own",), pairs=("chain",))
    with pytest.raises(ValueError, match="all correct"):
        Step(kind="dpo", chains=("teacher", "oracle"))


def test_an_unknown_recipe_lists_those_there_are():
    with pytest.raises(UsageError, match=r"'grpo'; there are paper, sft, sft\+dpo, rounds"):
        find_recipe("grpo")
