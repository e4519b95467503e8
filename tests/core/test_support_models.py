"""Chains of `fol.models`: the oracle's are supported, and guesses are not."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.functions import parse_call, show_call
from fcpref.core.logic import alpha_equivalent, parse
from fcpref.core.problems.models import LABELS, MAX_CALLS, ModelsSpec, generate
from fcpref.core.scores import Score, Verdict
from fcpref.core.tasks.fol_models import TASK
from tests.core.models_by_hand import BUILT, PROBLEM, answered, score, told
from tests.strategies import models_problems, models_replies


@settings(max_examples=60)
@given(models_problems())
def test_the_oracles_chain_is_correct_and_every_call_is_evidence(problem):
    lines = TASK.oracle(problem)
    expected = Score(
        verdict=Verdict.CORRECT,
        evidence=tuple(range(len(lines) - 1)),
        codes=(None,) * len(lines),
    )
    assert expected == score(problem, lines)
    assert len(lines) <= MAX_CALLS
    assert all(lines[index] == show_call(parse_call(lines[index])) for index in range(len(lines)))


def test_bound_names_do_not_matter_to_support():
    other = [line.replace("(x)", "(z)").replace("'x'", "'z'") for line in BUILT]
    assert answered(*other) is Verdict.CORRECT


def test_thoughts_checks_failures_and_earlier_sentences_cost_nothing():
    noise = ("Domain()", "Reasoning('Hm.')", "Fly()", "Check('Red(x)')")
    side = ("Holds('Big(ann)')", *BUILT[:2], "Exists('x', 'Red(x)')")
    assert answered(*noise, *side, *BUILT[2:], "Check('Big(ann)')") is Verdict.CORRECT


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Domain()",),
        ("Reasoning('It is so.')", "Check('forall x. (Big(x) -> Red(x))')"),
        ("Holds('Big(ann)')",),
        ("Holds('Big(x)')", "Holds('Red(x)')"),
        BUILT[:3],
        (*BUILT[:2], "Implies(a='Red(x)', b='Big(x)')", "ForAll('x', 'Red(x) -> Big(x)')"),
        (*BUILT[:2], "And('Big(x)', 'Red(x)')", "ForAll('x', 'Big(x) and Red(x)')"),
        (*BUILT[:3], "Exists('x', 'Big(x) -> Red(x)')"),
        (*BUILT, "Not('forall x. (Big(x) -> Red(x))')"),
        (*BUILT, "Holds('Big(ann)')"),
        ("Holds('Big(y)')", "Holds('Red(x)')", "Implies('Big(y)', 'Red(x)')",
         "ForAll('x', 'Big(y) -> Red(x)')", "ForAll('y', 'forall x. (Big(y) -> Red(x))')"),
    ],
)  # fmt: skip
def test_guesses_unrelated_calls_and_other_sentences_support_nothing(lines):
    assert answered(*lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Domain()", "Check('Red(x)')"),
        ("Holds('Big(ann)')", "Holds('Likes(x, y)')"),
        ("Reasoning('forall x. (Big(x) -> Red(x)) is true.')",),
        (*BUILT[:3], "Reasoning('forall x. (Big(x) -> Red(x)) is true. Answer: True')"),
    ],
)
@pytest.mark.parametrize("guess", LABELS)
def test_a_coin_flip_after_calls_that_establish_nothing_is_never_correct(lines, guess):
    expected = Verdict.UNSUPPORTED if guess == PROBLEM.gold else Verdict.WRONG_ANSWER
    assert score(PROBLEM, [*lines, f"Answer(value='{guess}')"]).verdict is expected


@pytest.mark.parametrize(
    "lines",
    [
        ("Holds('Red(x)')", "ForAll('x', 'Red(x)')"),
        ("Holds('Big(ann)')",),
        (*BUILT[:2], "Not('Red(x)')", "Not('Big(x)')", "Implies('not Red(x)', 'not Big(x)')",
         "ForAll('x', 'not Red(x) -> not Big(x)')"),
        (*BUILT[:2], "Not('Big(x)')", "Or('not Big(x)', 'Red(x)')",
         "ForAll('x', 'not Big(x) or Red(x)')"),
        (*BUILT, "Not('forall x. (Big(x) -> Red(x))')",
         "Not('not (forall x. (Big(x) -> Red(x)))')"),
    ],
)  # fmt: skip
def test_another_sentence_that_is_as_true_supports_nothing(lines):
    assert told(*lines).endswith("is true.")
    assert answered(*lines) is Verdict.UNSUPPORTED


@given(models_problems())
def test_answering_at_once_or_one_call_too_early_is_unsupported(problem):
    *built, answer = TASK.oracle(problem)
    assert score(problem, [answer]).verdict is Verdict.UNSUPPORTED
    assert score(problem, [*built[:-1], answer]).verdict is Verdict.UNSUPPORTED


@given(models_problems(), models_problems())
def test_building_another_problems_sentence_is_unsupported(problem, other):
    lines = [*TASK.oracle(other)[:-1], f"Answer(value='{problem.gold}')"]
    asked = parse(problem.claim.formula)
    if not alpha_equivalent(asked, parse(other.claim.formula)):
        assert score(problem, lines).verdict is Verdict.UNSUPPORTED


@given(models_problems())
def test_a_wrong_answer_is_wrong_however_well_built(problem):
    wrong = next(label for label in LABELS if label != problem.gold)
    lines = [*TASK.oracle(problem)[:-1], f"Answer(value='{wrong}')"]
    assert score(problem, lines).verdict is Verdict.WRONG_ANSWER


@given(st.lists(models_replies(), max_size=8), models_problems())
def test_no_chain_is_correct_without_building_the_sentence(lines, problem):
    kept = [line for line in lines if not line.startswith("Answer")]
    assert answered(*kept, problem=problem) is Verdict.UNSUPPORTED


def test_a_problem_without_a_claim_has_no_oracle_chain():
    bare = evolve(PROBLEM, claim=None)
    assert TASK.oracle(bare) == ()
    assert answered(*BUILT, problem=bare) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "spec",
    [
        ModelsSpec(
            people=7, properties=6, relations=3, min_quantifiers=3, max_quantifiers=3, connectives=3
        ),
        ModelsSpec(people=7, relations=3, max_quantifiers=3, connectives=3, formal=True),
        ModelsSpec(people=2, properties=2, relations=0, max_quantifiers=1, connectives=0),
    ],
    ids=["largest", "formal", "smallest"],
)
def test_the_knobs_ends_give_problems_that_the_oracle_solves(spec):
    for index in range(4):
        problem = generate(spec, seed=2, split="train", index=index)
        assert score(problem, TASK.oracle(problem)).verdict is Verdict.CORRECT
