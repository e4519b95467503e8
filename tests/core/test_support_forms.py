"""Chains of `fol.forms`: the oracle's are supported, and guesses are not."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.functions import Call, Memory, parse_call, read_call, show_call
from fcpref.core.functions.forms import FUNCTIONS, current
from fcpref.core.logic import alpha_equivalent, show
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.steps import CLAUSAL, FORMS
from fcpref.core.problems.forms import FormsSpec, form_of, generate, target_of
from fcpref.core.problems.forms_wording import phrasing_in, say
from fcpref.core.scores import Score, Verdict
from fcpref.core.seeds import derive
from fcpref.core.tasks.fol_forms import TASK
from tests.core.forms_by_hand import (
    DONE,
    NOT_ALL,
    REWRITTEN,
    answer,
    final,
    problem_of,
    score,
    verdict,
)
from tests.strategies import forms_problems


@settings(max_examples=60)
@given(forms_problems())
def test_the_oracles_chain_is_correct_and_every_rewrite_is_evidence(problem):
    lines = TASK.oracle(problem)
    expected = Score(
        verdict=Verdict.CORRECT,
        evidence=tuple(range(problem.difficulty)),
        codes=(None,) * len(lines),
    )
    assert expected == score(problem, lines)


def test_bound_names_and_noise_do_not_matter():
    noise = ("Fly()", "Reasoning('Hm.')", "Check('P(a)')", "DeMorgan(part='P(x)')")
    assert verdict(*noise, *REWRITTEN, answer("exists z. (P(z) and not Q(z))")) is Verdict.CORRECT


def test_another_order_of_rewrites_is_as_good():
    other = (
        "Implication(part='P(x) -> Q(x)')",
        "NegatedQuantifier(part='not (forall x. (not P(x) or Q(x)))')",
        *REWRITTEN[2:],
    )
    assert verdict(*other, answer(DONE)) is Verdict.CORRECT


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((answer(DONE),), Verdict.UNSUPPORTED),
        ((*REWRITTEN[:3], answer(DONE)), Verdict.UNSUPPORTED),
        ((f"Check('{DONE}')", "Reasoning('So.')", answer(DONE)), Verdict.UNSUPPORTED),
        ((*REWRITTEN, answer("exists x. (not Q(x) and P(x))")), Verdict.UNSUPPORTED),
        ((*REWRITTEN, answer("exists x. (P(x) and Q(x))")), Verdict.WRONG_ANSWER),
        ((*REWRITTEN, answer("P(a)")), Verdict.WRONG_ANSWER),
        ((*REWRITTEN, answer("S(a)")), Verdict.WRONG_ANSWER),
        ((answer("not (forall x. (P(x) -> Q(x)))"),), Verdict.WRONG_ANSWER),
        ((*REWRITTEN[:3], answer("exists x. ((not not P(x)) and not Q(x))")), Verdict.WRONG_ANSWER),
    ],
)
def test_guesses_and_unfinished_sentences_are_not_correct(lines, expected):
    assert verdict(*lines) is expected


@given(forms_problems())
def test_the_given_sentence_as_it_is_is_a_wrong_answer(problem):
    given_ = answer(problem.claim.text)
    assert verdict(given_, problem=problem) is Verdict.WRONG_ANSWER
    *rewrites, _ = TASK.oracle(problem)
    assert verdict(*rewrites, given_, problem=problem) is Verdict.WRONG_ANSWER


@given(forms_problems())
def test_the_answer_in_a_thought_or_a_check_supports_nothing(problem):
    *rewrites, last = TASK.oracle(problem)
    sentence = parse_call(last).keywords[0][1]
    copied = [
        show_call(Call(function=name, positional=(sentence,))) for name in ("Reasoning", "Check")
    ]
    assert verdict(*copied, last, problem=problem) is Verdict.UNSUPPORTED
    assert verdict(*rewrites[:-1], *copied, last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems(), st.data())
def test_rewriting_something_else_supports_nothing(problem, data):
    """Only the last rewrites lead to the answer; another one in their place does not."""
    *rewrites, last = TASK.oracle(problem)
    memory = Memory(problem=problem)
    for line in rewrites[:-1]:
        memory = read_call(line, TASK.toolbox, memory).memory
    name = data.draw(st.sampled_from([f.signature.name for f in FUNCTIONS[:-1]]))
    part = data.draw(st.sampled_from(subformulas(current(memory))))
    other = show_call(Call(function=name, positional=(show(part),)))
    after = read_call(other, TASK.toolbox, memory).memory
    if not alpha_equivalent(current(after), final(problem)):
        assert verdict(*rewrites[:-1], other, last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems())
def test_the_right_sentence_out_of_nowhere_or_one_rewrite_early_is_unsupported(problem):
    *rewrites, last = TASK.oracle(problem)
    assert verdict(last, problem=problem) is Verdict.UNSUPPORTED
    assert verdict(*rewrites[:-1], last, problem=problem) is Verdict.UNSUPPORTED


@given(forms_problems(), forms_problems())
def test_the_answer_to_another_problem_is_not_correct(problem, other):
    lines = [*TASK.oracle(problem)[:-1], answer(show(final(other)))]
    if form_of(final(problem)) != form_of(final(other)):
        assert verdict(*lines, problem=problem) is not Verdict.CORRECT


@pytest.mark.parametrize(
    ("text", "answered", "expected"),
    [
        ("forall x. exists y. R(x, y)", "forall x. R(x, f(x))", Verdict.UNSUPPORTED),
        ("forall x. exists y. R(x, y)", "forall x. R(x, c)", Verdict.UNSUPPORTED),
        ("forall x. exists y. R(x, y)", "forall x. R(f(x), x)", Verdict.WRONG_ANSWER),
        ("exists y. P(y)", "forall y. P(y)", Verdict.UNSUPPORTED),
        ("forall y. P(y) and exists x. Q(x)", "forall y. P(y)", Verdict.WRONG_ANSWER),
    ],
)
def test_a_clausal_answer_out_of_nowhere_is_right_when_it_is_as_strong(text, answered, expected):
    assert verdict(answer(answered), problem=problem_of(text, CLAUSAL)) is expected


@pytest.mark.parametrize(
    "hostile",
    [
        "P(" + "f(" * 50 + "a" + ")" * 51,
        f"P(f({', '.join(['a'] * 90)}))",
        "forall x. " * 40 + "P(x)",
        " and ".join(f"P(f{n}(a, b, c))" for n in range(20)),
    ],
)
@pytest.mark.parametrize("target", FORMS)
def test_a_hostile_answer_is_judged_at_once(target, hostile):
    problem = problem_of("not not exists x. P(x)", target)
    assert verdict(answer(hostile), problem=problem) is not Verdict.CORRECT


def test_a_problem_without_a_sentence_has_no_oracle_chain():
    assert TASK.oracle(evolve(NOT_ALL, claim=None)) == ()


def test_random_calls_on_random_parts_hardly_ever_come_to_an_answer():
    # Whoever sees which rewrites fit gets there by any of them; who guesses what fits does not.
    names, correct = [f.signature.name for f in FUNCTIONS[:-1]], 0
    for index in range(60):
        problem = generate(FormsSpec(), seed=3, split="train", index=index)
        stream = derive(3, "luck", index)
        target, phrasing = target_of(problem), phrasing_in(problem.tags)
        state = begin(TASK.toolbox, problem, (), Limits())
        while state.stop is None:
            sentence = current(state.memory)
            part = stream.choice(subformulas(sentence))
            done = FORMS[target](sentence)
            name = "Answer" if done else stream.choice(names)
            text = say(sentence if done else part, phrasing)
            call = show_call(Call(function=name, positional=(text,)))
            state = advance(state, Reply(text=call))
        correct += TASK.score(finish(state, "test", 0), problem).correct
    assert correct <= 3
