"""Which worked examples a prompt shows."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Exemplar, PromptSpec, render, shown
from fcpref.core.chains.exemplars import choose, overlap
from fcpref.core.problems.deduction import DeductionSpec, generate
from fcpref.core.tasks import TASKS, find_task
from fcpref.errors import UsageError
from tests.strategies import prompt_specs, texts

TASK = find_task("fol.deduction")
EXEMPLARS = TASK.exemplars
PROBLEM = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=3)


def chosen(how, count, problem=PROBLEM, seed=0, of=EXEMPLARS):
    return [of.index(one) for one in choose(how, count, of, problem, seed)]


def worded(*words):
    """Return examples that say these words, of rising difficulty."""
    return tuple(
        Exemplar(problem=evolve(PROBLEM, text=text, difficulty=at), replies=())
        for at, text in enumerate(words)
    )


def test_the_first_ones_come_in_the_tasks_order():
    assert chosen("first", 3) == [0, 1, 2]


def test_spread_goes_from_the_easiest_to_the_hardest_in_even_steps():
    of = worded("a", "b", "c", "d", "e", "f", "g")
    assert [chosen("spread", count, of=of) for count in (0, 1, 2, 3, 4, 7)] == [
        *([], [3], [0, 6], [0, 3, 6], [0, 2, 4, 6], [0, 1, 2, 3, 4, 5, 6]),
    ]
    assert chosen("spread", 3, of=of[::-1]) == [6, 3, 0]


def test_a_random_choice_is_that_of_its_seed_whatever_the_problem():
    other = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=4)
    choices = {seed: chosen("random", 4, seed=seed) for seed in range(8)}
    assert choices == {seed: chosen("random", 4, other, seed) for seed in range(8)}
    assert len({tuple(one) for one in choices.values()}) > 4
    assert {place for one in choices.values() for place in one} == set(range(8))


def test_similar_examples_share_words_with_the_problem_and_the_nearest_is_last():
    of = worded("red cat", "a big red cat sat", "no dog", "big red cat", "A BIG, RED cat!")
    problem = evolve(PROBLEM, text="a big red cat")
    assert chosen("similar", 4, problem, of=of) == [0, 3, 1, 4]
    assert chosen("similar", 2, problem, of=of) == [1, 4]


def test_of_examples_that_are_as_near_the_earlier_is_taken():
    of = worded("x", "y", "z")
    assert chosen("similar", 2, evolve(PROBLEM, text="a"), of=of) == [1, 0]


@given(texts(40), texts(40))
def test_overlap_is_a_share_and_goes_both_ways(one, other):
    assert 0 <= overlap(one, other) == overlap(other, one) <= 1
    assert overlap(one, one) in {0, 1}


def test_overlap_counts_words_not_places_or_case():
    assert overlap("The cat, the dog.", "a dog THE") == pytest.approx(2 / 4)
    assert overlap("12 + 3", "12 + 3") == 0


@given(prompt_specs(), st.sampled_from(EXEMPLARS))
def test_no_problem_is_an_example_for_itself(spec, exemplar):
    """Its own solution in the prompt would be the answer."""
    examples = shown(spec, exemplar.problem, EXEMPLARS)
    assert exemplar not in examples
    assert len(examples) == len({*examples}) == min(spec.shots, len(EXEMPLARS) - 1)
    opening = render(spec, TASK.toolbox, exemplar.problem, EXEMPLARS)
    assert [m.content for m in opening].count(exemplar.problem.text) == 1


def test_examples_can_be_picked_by_place_and_order():
    spec = PromptSpec(detail="help", shots=3, picked=(5, 0, 2))
    assert [EXEMPLARS.index(one) for one in shown(spec, PROBLEM, EXEMPLARS)] == [5, 0, 2]
    itself = EXEMPLARS[0].problem
    assert [EXEMPLARS.index(one) for one in shown(spec, itself, EXEMPLARS)] == [5, 2]


def test_an_example_that_there_is_not_cannot_be_picked():
    spec = PromptSpec(detail="help", shots=1, picked=(8,))
    with pytest.raises(UsageError, match=r"no worked example 8 .*; it has 8"):
        shown(spec, PROBLEM, EXEMPLARS)


@pytest.mark.parametrize("name", TASKS)
@given(spec=prompt_specs(), places=st.permutations(range(4)))
def test_a_choice_depends_on_no_order_but_its_own(name, spec, places):
    """Each choice shows different examples of the task, whatever the problem."""
    exemplars = find_task(name).exemplars
    problem = evolve(exemplars[0].problem, text="Something else.")
    for one in (spec, PromptSpec(detail="help", shots=4, picked=tuple(places))):
        examples = shown(one, problem, exemplars)
        assert set(examples) <= set(exemplars)
        assert len(examples) == len(set(examples)) == min(one.shots, len(exemplars))


@given(st.lists(st.sampled_from([one for e in EXEMPLARS for one in e.replies]), max_size=6))
def test_replies_are_left_out_by_the_function_they_call(replies):
    exemplar = Exemplar(problem=PROBLEM, replies=tuple(replies))
    left = [reply for reply in replies if not reply.startswith(("ApplyRule(", "AndIntro("))]
    assert list(exemplar.replies_without({"ApplyRule", "AndIntro"})) == left
