"""What the fast tests show on hundreds of word problems, on 20,000."""

import re
from collections import Counter

import pytest
import sympy

from fcpref.core.chains import Limits
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.word import MAX_STEPS, NAMES, WordSpec, form_of, generate
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from tests.core.test_word import ANNOTATION, by_sympy, formal_by_sympy
from tests.splits import share_nothing

TASK = find_task("math.word")
COUNT = 20_000
MOST_DRAWN = 50_000


@pytest.mark.parametrize(
    "spec",
    [WordSpec(), WordSpec(formal=True), WordSpec(max_steps=1)],
    ids=("words", "formal", "one_step"),
)
def test_20000_problems_share_no_form_between_splits_and_few_texts_within_one(spec):
    share_nothing(
        lambda split, index: generate(spec, seed=0, split=split, index=index),
        form_of,
        (16_000, 2_000, 2_000),
    )


@pytest.mark.parametrize("steps", range(1, MAX_STEPS + 1))
def test_every_number_of_steps_has_10000_forms(steps):
    spec = WordSpec(min_steps=steps, max_steps=steps)
    forms = set()
    for index in range(MOST_DRAWN):
        forms.add(form_of(generate(spec, seed=8, split="train", index=index)))
        if len(forms) == COUNT // 2:
            break
    assert len(forms) == COUNT // 2


@pytest.mark.parametrize("units", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("templates", ["common", "held_out"])
def test_the_oracle_scores_correct_within_18_calls(units, templates):
    done = Counter()
    for index in range(3_200):
        name = NAMES[templates][index // MAX_STEPS % len(NAMES[templates])]
        spec = WordSpec(
            max_steps=MAX_STEPS,
            units=units,
            templates=templates,
            situations=(name,),
            formal=index % 5 == 0,
            distractors=index % 3,
        )
        problem = generate(spec, seed=1, split=SPLITS[index % 3], index=index)
        chain = TASK.oracle_chain(problem, Limits())
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT
        assert len(chain.turns) <= 18
        done[name, problem.difficulty] += 1
    assert len(done) == len(NAMES[templates]) * MAX_STEPS


def test_gold_agrees_with_sympy():
    for index in range(COUNT // 4):
        spec = WordSpec(max_steps=MAX_STEPS, formal=index % 2 == 0, distractors=index % 3)
        problem = generate(spec, seed=2, split=SPLITS[index % 3], index=index)
        steps = ANNOTATION.findall(problem.solution)
        assert all(by_sympy(left) == sympy.Rational(right) for left, right in steps)
        assert problem.gold == steps[-1][1]
        if spec.formal:
            assert formal_by_sympy(problem.text) == sympy.Rational(problem.gold)


@pytest.mark.parametrize("name", TASK.test_sets)
def test_no_test_set_shares_a_form_with_the_training_problems(name):
    knobs = TASK.test_set(name)
    train = {form_of(generate(WordSpec(), seed=0, split="train", index=i)) for i in range(8_000)}
    test = {form_of(TASK.generate(knobs, 0, "test", index)) for index in range(1_000)}
    assert not train & test
    assert not [one for one in test if re.search(r"[a-z]", one)]
