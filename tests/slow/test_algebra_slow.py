"""What the fast tests show on hundreds of algebra problems, on 20,000."""

import re
from collections import Counter

import pytest
import sympy

from fcpref.core.chains import Limits
from fcpref.core.problems.algebra import AlgebraSpec, generate
from fcpref.core.problems.problem import SPLITS
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from tests.core.test_algebra import by_sympy

TASK = find_task("math.algebra")
COUNT = 20_000


@pytest.mark.parametrize("formal", [False, True])
def test_few_texts_are_repeated_and_no_form_is_shared(formal):
    texts, forms = Counter(), {}
    spec = AlgebraSpec(formal=formal)
    for split, count in zip(SPLITS, (14_000, 2_000, 4_000), strict=True):
        for index in range(count):
            problem = generate(spec, seed=0, split=split, index=index)
            texts[" ".join(problem.text.lower().split())] += 1
            numbers = [re.sub(r"[a-z]", "v", g.formula) for g in problem.givens]
            if len(numbers) < 2:  # a system's form does not depend on order or letters
                form = (tuple(numbers), re.sub(r"[a-z]", "v", problem.solution), problem.tags[0])
                asked = problem.claim.formula if problem.claim else ""
                form = (*form, re.sub(r"[a-z]", "v", asked))
                assert forms.setdefault(form, split) == split
    assert texts.total() == COUNT
    assert len(texts) >= 0.99 * COUNT


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
