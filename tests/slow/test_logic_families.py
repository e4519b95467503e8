"""The generated logic families at the sizes that DESIGN promises."""

from collections import Counter

import pytest

from fcpref.core.logic import parse
from fcpref.core.logic.steps import CLAUSAL, FORMS, steps_to
from fcpref.core.problems import forms, models
from fcpref.core.problems.forms_draw import other_atoms
from fcpref.core.seeds import derive
from tests.bag_of_words import accuracy
from tests.meaning import same_on_structures, truth_by_sets, wrong_steps


def normal(text):
    return " ".join(text.lower().split())


def models_form(problem):
    return models.form_of(models.world_of(problem), parse(problem.claim.formula))


def forms_form(problem):
    return forms.form_of(forms.sentence_of(problem))


FAMILIES = {
    "models": (models.generate, models_form, models.ModelsSpec(max_quantifiers=3)),
    "forms": (forms.generate, forms_form, forms.FormsSpec()),
    "formal forms": (forms.generate, forms_form, forms.FormsSpec(formal=True)),
}
SPECS = {
    "default": models.ModelsSpec(),
    "formal": models.ModelsSpec(formal=True),
    "connectives": models.ModelsSpec(max_quantifiers=3, connectives=2),
    "deep": models.ModelsSpec(min_quantifiers=3, max_quantifiers=3, connectives=3),
    "large": models.ModelsSpec(people=5, properties=5, relations=2, max_quantifiers=3),
    "held out": models.ModelsSpec(templates="held_out", vocabulary="held_out"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_20000_problems_share_no_form_or_text_between_splits(family):
    generate, form_of, spec = FAMILIES[family]
    sizes = (("train", 19_400), ("dev", 300), ("test", 300))
    forms_of, texts = {}, {}
    for split, count in sizes:
        drawn = [generate(spec, seed=7, split=split, index=index) for index in range(count)]
        forms_of[split] = {form_of(one) for one in drawn}
        texts[split] = {normal(one.text) for one in drawn}
        assert len(texts[split]) > 0.99 * count
    for kept in (forms_of, texts):
        assert not kept["train"] & (kept["dev"] | kept["test"])
        assert not kept["dev"] & kept["test"]


@pytest.mark.parametrize("name", SPECS)
def test_the_labels_of_20000_problems_are_balanced_right_and_not_told_by_words(name):
    drawn = [
        models.generate(SPECS[name], seed=7, split="train", index=index) for index in range(20_000)
    ]
    labels = [one.gold for one in drawn]
    assert all(abs(count / 20_000 - 0.5) < 0.02 for count in Counter(labels).values())
    for one in drawn:
        truth = truth_by_sets(parse(one.claim.formula), models.world_of(one))
        assert one.gold == str(truth), one.index
    # The standard error is 0.7 points.
    assert accuracy([one.text for one in drawn], labels) < 0.53


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_models_have_10000_forms_at_each_depth(depth):
    spec = models.ModelsSpec(min_quantifiers=depth, max_quantifiers=depth)
    drawn = (models.generate(spec, seed=8, split="train", index=index) for index in range(11_000))
    assert len({models_form(one) for one in drawn}) >= 10_000


@pytest.mark.parametrize("steps", range(1, 7))
def test_forms_have_10000_forms_at_few_rewrites(steps):
    spec = forms.FormsSpec(min_steps=steps, max_steps=steps)
    drawn = (forms.generate(spec, seed=8, split="train", index=index) for index in range(11_000))
    assert len({forms_form(one) for one in drawn}) >= 10_000


@pytest.mark.parametrize("steps", range(7, forms.MAX_STEPS + 1))
def test_forms_have_10000_forms_at_many_rewrites(steps):
    """Counted among drawn problems and what their sentences are with other atoms.

    Each is as the generator could draw it: it takes as many rewrites, and is as short.
    """
    spec = forms.FormsSpec(min_steps=steps, max_steps=steps, formal=True)
    stream = derive(8, "forms", steps)
    found = set()
    for index in range(150):
        problem = forms.generate(spec, seed=8, split="train", index=index)
        for _ in range(600):
            sentence = other_atoms(forms.sentence_of(problem), "common", stream)
            if forms.way_to(forms.target_of(problem), sentence, steps) is not None:
                found.add(forms.form_of(sentence))
        if len(found) >= 10_000:
            return
    raise AssertionError(f"{len(found)} forms of {steps} rewrites")


@pytest.mark.parametrize("target", FORMS)
def test_forms_say_the_same_on_all_structures_up_to_size_3_and_by_z3(target):
    spec = forms.FormsSpec(targets=(target,), max_steps=8)
    for index in range(40):
        problem = forms.generate(spec, seed=9, split="train", index=index)
        sentence = forms.sentence_of(problem)
        steps = steps_to(target, sentence, most=forms.MAX_STEPS)
        skolem = target == CLAUSAL
        assert same_on_structures(sentence, steps[-1].result, skolem=skolem, most=2**16, biggest=3)
        assert wrong_steps(sentence, steps) == []
