"""What the fast tests show on hundreds of algebra problems, on 20,000."""

import pytest
import sympy

from fcpref.core.chains import Limits
from fcpref.core.problems.algebra import MAX_LEVEL, AlgebraSpec, form_of, generate
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from tests.core.test_algebra import by_sympy
from tests.splits import share_nothing

TASK = find_task("math.algebra")
COUNT = 20_000


@pytest.mark.parametrize("formal", [False, True])
def test_20000_problems_share_no_form_between_splits_and_few_texts_within_one(formal):
    spec = AlgebraSpec(formal=formal)
    share_nothing(
        lambda split, index: generate(spec, seed=0, split=split, index=index),
        form_of,
        (16_000, 2_000, 2_000),
    )


@pytest.mark.parametrize("level", range(1, MAX_LEVEL + 1))
def test_every_level_has_10000_forms(level):
    spec = AlgebraSpec(min_level=level, max_level=level)
    drawn = (generate(spec, seed=8, split="train", index=index) for index in range(COUNT))
    assert len({form_of(problem) for problem in drawn}) >= COUNT // 2


@pytest.mark.parametrize("name", TASK.test_sets)
def test_no_test_set_shares_a_form_with_the_training_problems(name):
    knobs = TASK.test_set(name)
    train = {form_of(generate(AlgebraSpec(), seed=0, split="train", index=i)) for i in range(8_000)}
    test = [TASK.generate(knobs, 0, "test", index) for index in range(1_000)]
    assert not train & {form_of(problem) for problem in test}
    for problem in test:
        chain = TASK.oracle_chain(problem, Limits())
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT
        assert len(chain.turns) <= 18


@pytest.mark.parametrize("formal", [False, True])
def test_the_oracle_scores_correct(formal):
    for index in range(COUNT // 2):
        spec = AlgebraSpec(formal=formal, unknowns=2 + index % 2, distractors=index % 3)
        problem = generate(spec, seed=1, split=SPLITS[index % 3], index=index)
        chain = TASK.oracle_chain(problem, Limits())
        assert TASK.score(chain, problem).verdict is Verdict.CORRECT


def test_gold_agrees_with_sympy():
    for index in range(COUNT // 2):
        spec = AlgebraSpec(formal=True, unknowns=2 + index % 2, distractors=index % 2)
        problem = generate(spec, seed=2, split=SPLITS[index % 3], index=index)
        assert by_sympy(problem) == sympy.Rational(problem.gold)
