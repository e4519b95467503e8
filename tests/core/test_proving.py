import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import FailureCode, Memory, execute, parse_call, read_call
from fcpref.core.logic import parse
from fcpref.core.logic.entailment import Entailment
from fcpref.core.problems.folio import read_row
from fcpref.core.tasks.fol_folio import TASK
from tests.strategies import folio_problems, folio_replies

PROBLEM = read_row(
    {
        "story_id": 1,
        "premises": ["All potters own a kiln.", "Otto is either a potter or a weaver."],
        "conclusion": "Otto owns a kiln.",
        "label": "Unknown",
    },
    0,
)
FIRST = "Premise('All potters own a kiln.', 'forall x. (Potter(x) -> OwnKiln(x))')"
SECOND = "Premise('Otto is either a potter or a weaver.', 'Potter(otto) xor Weaver(otto)')"
CLAIM = "Claim('Otto owns a kiln.', 'OwnKiln(otto)')"


def run(*lines, problem=PROBLEM):
    memory, outcomes = Memory(problem=problem), []
    for line in lines:
        effect = read_call(line, TASK.toolbox, memory)
        memory = effect.memory
        outcomes.append(effect.outcome)
    return outcomes, memory


def last(*lines):
    return run(*lines)[0][-1]


def test_prove_decides_once_all_sentences_have_formulas():
    outcomes, memory = run(FIRST, SECOND, CLAIM, "Prove()")
    assert [outcome.code for outcome in outcomes] == [None] * 4
    assert outcomes[-1].text.startswith("Unknown: ")
    (fact,) = memory.facts
    assert (fact.key, fact.call) == ("Unknown", 3)
    assert fact.uses == (outcomes[0].text, outcomes[1].text, outcomes[2].text)


def test_a_formula_is_answered_by_how_it_was_read():
    assert last(SECOND).text == "not (Potter(otto) <-> Weaver(otto))"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "the claim has no formula yet"),
        ((CLAIM,), "no formula yet for: All potters own a kiln."),
        ((CLAIM, FIRST), "no formula yet for: Otto is either"),
        ((FIRST, SECOND), "the claim has no formula yet"),
    ],
)
def test_prove_names_the_sentence_that_has_no_formula(lines, said):
    outcome = last(*lines, "Prove()")
    assert outcome.code is FailureCode.NOT_APPLICABLE
    assert said in outcome.text


@pytest.mark.parametrize(
    "line",
    [
        "Premise('All weavers own a kiln.', 'forall x. (Weaver(x) -> OwnKiln(x))')",
        "Premise('Otto owns a kiln.', 'OwnKiln(otto)')",
        "Claim('Otto owns no kiln.', 'not OwnKiln(otto)')",
        "Claim('All potters own a kiln.', 'forall x. (Potter(x) -> OwnKiln(x))')",
        "Premise('', 'OwnKiln(otto)')",
    ],
)
def test_a_text_that_is_not_copied_is_refused(line):
    outcome = last(line)
    assert outcome.code is FailureCode.ARGUMENT_DOMAIN
    assert "of the problem" in outcome.text


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("Potter(otto", "formula: expected"),
        ("", "formula: expected"),
        ("Potter(x) -> OwnKiln(x)", "nothing binds x"),
        ("forall x. (Weaver(x) -> OwnKiln(x))", "Weaver is not made of words"),
        ("OwnKiln(mara)", "mara is not made of words"),
    ],
)
def test_a_formula_that_the_sentence_does_not_give_is_refused(formula, said):
    outcome = last(f"Premise('All potters own a kiln.', '{formula}')")
    assert outcome.code is FailureCode.ARGUMENT_DOMAIN
    assert said in outcome.text


def test_case_spaces_quotes_and_the_last_point_make_no_difference_to_a_copy():
    assert last(FIRST.replace("All potters own a kiln.", " all  potters own a Kiln")).code is None


def test_a_later_formula_takes_the_earlier_ones_place():
    wrong = FIRST.replace("Potter(x) -> OwnKiln(x)", "OwnKiln(x)")
    outcomes, memory = run(wrong, SECOND, CLAIM, "Prove()", FIRST, "Prove()")
    assert [outcomes[3].text[:4], outcomes[5].text[:7]] == ["True", "Unknown"]
    assert len(memory.formalised) == 3
    assert [fact.key for fact in memory.facts] == ["True", "Unknown"]


def test_proving_the_same_formulas_twice_is_a_repeated_call():
    assert last(FIRST, SECOND, CLAIM, "Prove()", "Prove()").code is FailureCode.REPEATED_CALL


def test_a_proof_may_be_repeated_after_a_formula_and_after_nothing_else():
    wrong = FIRST.replace("Potter(x) -> OwnKiln(x)", "OwnKiln(x)")
    outcomes, _ = run(
        wrong, SECOND, CLAIM, "Prove()", "Reasoning('So.')", "Prove()", FIRST, "Prove()"
    )
    assert [outcome.code for outcome in outcomes[-4:]] == [
        None,
        FailureCode.REPEATED_CALL,
        None,
        None,
    ]


def test_contradictory_premises_prove_nothing():
    contrary = SECOND.replace("xor Weaver(otto)", "and not Potter(otto)")
    outcomes, memory = run(FIRST, contrary, CLAIM, "Prove()")
    assert outcomes[-1].code is FailureCode.NOT_APPLICABLE
    assert "contradict" in outcomes[-1].text
    assert memory.facts == ()


def test_a_resource_stop_is_the_failure_limit(monkeypatch):
    monkeypatch.setattr("fcpref.core.functions.proving.entails", lambda *_: Entailment.LIMIT)
    assert last(FIRST, SECOND, CLAIM, "Prove()").code is FailureCode.LIMIT


def test_the_order_of_the_calls_decides_nothing():
    uses = [
        run(*lines, "Prove()")[1].facts[0].uses
        for lines in [(FIRST, SECOND, CLAIM), (CLAIM, SECOND, FIRST)]
    ]
    assert uses[0] == uses[1]


@given(folio_problems(), st.lists(folio_replies(), min_size=3, max_size=3))
def test_any_replies_execute_to_outcomes(problem, replies):
    outcomes, memory = run(*replies, "Prove()", problem=problem)
    assert len(outcomes) == memory.steps == 4
    roles = [(one.role, one.text) for one in memory.formalised]
    assert len(set(roles)) == len(roles)


def test_every_functions_example_binds():
    for function in TASK.toolbox.functions:
        effect = execute(
            parse_call(function.signature.example), TASK.toolbox, Memory(problem=PROBLEM)
        )
        assert effect.outcome.code in {
            None,
            FailureCode.ARGUMENT_DOMAIN,
            FailureCode.NOT_APPLICABLE,
        }


def test_what_is_read_is_a_formula_of_the_language():
    assert parse(last(CLAIM).text) == run(CLAIM)[1].formalised[0].formula
