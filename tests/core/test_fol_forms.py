from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import Limits, Reply, advance, begin, finish, replay
from fcpref.core.functions import Call, FailureCode, Memory, read_call, show_call
from fcpref.core.functions.forms import FUNCTIONS, current
from fcpref.core.logic import (
    count_structures,
    evaluate,
    free_names,
    show,
    structures,
    vocabulary,
)
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.steps import CLAUSAL, FORMS, NEGATION_NORMAL, PRENEX, steps_to
from fcpref.core.problems import Problem, Statement, problem_id
from fcpref.core.problems.forms import (
    ASKED,
    CONSTANTS,
    MAX_STEPS,
    FormsSpec,
    form_of,
    generate,
    sentence_of,
    target_of,
)
from fcpref.core.problems.problem import SPLITS
from fcpref.core.problems.split import split_of
from fcpref.core.scores import Score, Verdict
from fcpref.core.tasks.fol_forms import TASK
from fcpref.errors import CodecError, ProblemError
from tests.meaning import same_on_structures, skolem_truth, wrong_steps
from tests.strategies import forms_problems, forms_specs, hostile_texts, replies, small_formulas

LIMITS = Limits(calls=80, failures=80)


def problem_of(text, target=NEGATION_NORMAL):
    """Make a problem by hand."""
    return Problem(
        task="fol.forms",
        split="train",
        index=0,
        difficulty=1,
        text=f"Bring the sentence to {target}: {ASKED[target]}.\nSentence: {text}",
        claim=Statement(text=text, formula=text),
        gold=target,
        tags=("formal", f"target:{target}"),
    )


NOT_ALL = problem_of("not (forall x. (P(x) -> Q(x)))")
DONE = "exists x. (P(x) and not Q(x))"
REWRITTEN = (
    "NegatedQuantifier(part='not (forall x. (P(x) -> Q(x)))')",
    "Implication(part='P(x) -> Q(x)')",
    "DeMorgan(part='not (not P(x) or Q(x))')",
    "DoubleNegation(part='not not P(x)')",
)


def codes(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.code for outcome in outcomes]


def told(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.text for outcome in outcomes]


def score(problem, lines):
    state = begin(TASK.toolbox, problem, (), LIMITS)
    for line in lines:
        state = advance(state, Reply(text=line))
    return TASK.score(finish(state, "test", 0), problem)


def verdict(*lines, problem=NOT_ALL):
    return score(problem, lines).verdict


def answer(sentence):
    return show_call(Call(function="Answer", keywords=(("value", sentence),)))


def final(problem):
    """Return the sentence that the oracle comes to."""
    return steps_to(target_of(problem), sentence_of(problem), most=MAX_STEPS)[-1].result


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
    assert problem.text.endswith(f"Sentence: {show(sentence)}")
    assert free_names(sentence) <= set(CONSTANTS)
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
        assert len(texts[split]) > 0.98 * count
    for kept in (forms, texts):
        assert not kept["train"] & kept["test"]
        assert not kept["train"] & kept["dev"]
        assert not kept["dev"] & kept["test"]


# --- the functions ------------------------------------------------------------------------------


def test_each_rewrite_returns_the_whole_sentence():
    assert told(*REWRITTEN) == [
        "exists x. (not (P(x) -> Q(x)))",
        "exists x. (not (not P(x) or Q(x)))",
        "exists x. ((not not P(x)) and not Q(x))",
        "exists x. (P(x) and not Q(x))",
    ]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Implication(part='P(x)->Q(x).')", None),
        ("Implication(part=' (P(x) -> Q(x)) ')", None),
        ("Implication(part='Q(x) -> P(x)')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='P(y) -> Q(y)')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='P(x) ->')", FailureCode.ARGUMENT_DOMAIN),
        ("Implication(part='forall x. (P(x) -> Q(x))')", FailureCode.NOT_APPLICABLE),
        ("DeMorgan(part='not (forall x. (P(x) -> Q(x)))')", FailureCode.NOT_APPLICABLE),
        ("Skolemise(part='forall x. (P(x) -> Q(x))')", FailureCode.NOT_APPLICABLE),
        ("Skolemise(part='P(x)')", FailureCode.NOT_APPLICABLE),
        ("Check(sentence='((')", FailureCode.ARGUMENT_DOMAIN),
        ("Answer(value='((')", FailureCode.ARGUMENT_DOMAIN),
    ],
)
def test_a_part_is_copied_from_the_sentence(reply, code):
    assert [code] == codes(reply)


def test_a_part_that_is_gone_cannot_be_rewritten():
    again = "Implication(part='(P(x) -> Q(x))')"
    assert codes("Implication(part='P(x) -> Q(x)')", again) == [None, FailureCode.ARGUMENT_DOMAIN]


def test_a_sentence_that_would_be_too_long_is_refused():
    parts = " or ".join(f"(P{n}(a) and Q{n}(a))" for n in range(8))
    problem = problem_of(parts, CLAUSAL)
    given_ = sentence_of(problem)
    calls, outcomes = [], [None]
    memory = Memory(problem=problem)
    while outcomes[-1] is None:
        part = next(p for p in subformulas(current(memory)) if p != given_ or not calls)
        calls.append(f"Distribute(part='{show(part)}')")
        effect = read_call(calls[-1], TASK.toolbox, memory)
        outcomes.append(effect.outcome.code)
        memory = effect.memory
    assert outcomes[-1] in {FailureCode.LIMIT, FailureCode.NOT_APPLICABLE}
    assert len(show(current(memory))) <= 300


def test_check_says_whether_a_sentence_has_the_form():
    assert told(f"Check('{DONE}')", "Check('not not P(a)')") == [
        "It is in negation normal form.",
        "It is not in negation normal form.",
    ]


@st.composite
def rewriting(draw):
    """Draw a problem and calls that rewrite parts of what the sentence has become."""
    problem = draw(forms_problems())
    memory, lines = Memory(problem=problem), []
    for _ in range(draw(st.integers(1, 6))):
        part = draw(st.sampled_from(subformulas(current(memory))))
        name = draw(st.sampled_from([f.signature.name for f in FUNCTIONS[:-1]]))
        line = show_call(Call(function=name, keywords=(("part", show(part)),)))
        memory = read_call(line, TASK.toolbox, memory).memory
        lines.append(line)
    return problem, lines, memory


@settings(max_examples=60)
@given(rewriting(), st.data())
def test_any_rewrites_keep_the_meaning(drawn, data):
    problem, lines, memory = drawn
    given_, result = sentence_of(problem), current(memory)
    names = vocabulary(given_)
    if count_structures(names, 2) > 2**9:
        names, size = vocabulary(given_), 1
    else:
        size = 2
    chosen = data.draw(st.sampled_from(list(structures(names, size))))
    if any(line.startswith("Skolem") for line in lines):
        assert evaluate(given_, chosen) == skolem_truth(given_, result, chosen)
    else:
        assert evaluate(given_, chosen) == evaluate(result, chosen)


@settings(max_examples=60)
@given(
    forms_problems(),
    st.lists(
        st.one_of(
            replies(),
            st.builds(
                lambda name, text: show_call(Call(function=name, positional=(text,))),
                st.sampled_from([f.signature.name for f in TASK.toolbox.functions]),
                st.one_of(small_formulas(4).map(show), hostile_texts()),
            ),
        ),
        max_size=8,
    ),
)
def test_no_reply_raises_or_is_correct_by_luck(problem, lines):
    assert score(problem, lines).verdict is not Verdict.CORRECT


# --- the oracle and the support rule ------------------------------------------------------------


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
        part = example.split("part='")[1].removesuffix("')")
        assert codes(example, problem=problem_of(part)) == [None]


def test_problems_and_exemplars_are_the_ones_that_recordings_are_made_with():
    first = generate(FormsSpec(), seed=0, split="train", index=0)
    ids = [problem_id(one) for one in (first, *(one.problem for one in TASK.exemplars))]
    assert [one[7:19] for one in ids] == [
        "2b37c8175fc7",
        "929f2f2e47b9",
        "c06b6138a897",
        "0f68b73498b0",
        "a6f5aae6617c",
    ]
