"""The functions of `fol.forms`: what they rewrite, in formulas and in English."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.chains import replay
from fcpref.core.functions import Call, FailureCode, Memory, read_call, show_call
from fcpref.core.functions.forms import FUNCTIONS, MAX_SENTENCE, current
from fcpref.core.logic import count_structures, evaluate, show, structures, vocabulary
from fcpref.core.logic.formulas import subformulas
from fcpref.core.logic.steps import CLAUSAL
from fcpref.core.problems import Statement
from fcpref.core.problems.forms import sentence_of
from fcpref.core.scores import Verdict
from fcpref.core.tasks.fol_forms import TASK
from tests.core.forms_by_hand import (
    DONE,
    NOT_ALL,
    REWRITTEN,
    answer,
    codes,
    problem_of,
    score,
    verdict,
)
from tests.meaning import skolem_truth
from tests.strategies import forms_problems, hostile_texts, replies, small_formulas


def told(*replies, problem=NOT_ALL):
    outcomes, _ = replay(replies, TASK.toolbox, problem)
    return [outcome.text for outcome in outcomes]


# --- English ------------------------------------------------------------------------------------


ENGLISH = evolve(
    NOT_ALL,
    claim=Statement(
        text="it is not the case that for every person x, if x is big, then x is old",
        formula="not (forall x. (Big(x) -> Old(x)))",
    ),
    tags=("phrasing:plain", "target:negation normal form"),
)
IN_ENGLISH = (
    "NegatedQuantifier('it is not the case that for every person x, if x is big, then x is old')",
    "Implication('if x is big, then x is old')",
    "DeMorgan('it is not the case that either x is not big or x is old or both')",
    "DoubleNegation('it is not the case that x is not big')",
)


def test_a_problem_in_english_is_answered_in_its_english():
    said = told(*IN_ENGLISH, problem=ENGLISH)
    assert said == [
        "there is a person x such that it is not the case that if x is big, then x is old",
        f"there is a person x such that {IN_ENGLISH[2].split(chr(39))[1]}",
        "there is a person x such that both it is not the case that x is not big and x is not old",
        "there is a person x such that both x is big and x is not old",
    ]
    spoken = evolve(ENGLISH, tags=("phrasing:spoken", "target:negation normal form"))
    assert told(*IN_ENGLISH, problem=spoken)[-1] == (
        "someone, say x, is such that we have x is big and also x is not old"
    )
    assert verdict(*IN_ENGLISH, answer(said[-1]), problem=ENGLISH) is Verdict.CORRECT


def test_formulas_and_other_phrasings_are_read_as_well():
    everyone = "everyone, say x, is such that whenever x is big, also x is old"
    mixed = (
        f"NegatedQuantifier('it is false that {everyone}')",
        "Implication('Big(x) -> Old(x)')",
        *IN_ENGLISH[2:],
    )
    assert verdict(*mixed, answer("exists z. (Big(z) and not Old(z))"), problem=ENGLISH) is (
        Verdict.CORRECT
    )


def test_the_english_of_a_part_that_is_not_there_is_refused():
    for reply in ("Implication('if x is old, then x is big')", "Implication('if x is big')"):
        assert codes(reply, problem=ENGLISH) == [FailureCode.ARGUMENT_DOMAIN]


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
    assert len(show(current(memory))) <= MAX_SENTENCE


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
