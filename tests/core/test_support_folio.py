"""What counts as support for an answer on FOLIO, and what does not."""

import pytest
from attrs import evolve
from hypothesis import given

from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.chains.values import replay
from fcpref.core.functions import Call, Fact, FailureCode, show_call
from fcpref.core.functions.values import Memory
from fcpref.core.logic.entailment import Entailment
from fcpref.core.problems.folio import read_row
from fcpref.core.scores import Verdict
from fcpref.core.scores.folio import supports
from fcpref.core.tasks import find_task
from fcpref.core.tasks.fol_folio import TASK, oracle
from fcpref.errors import ProblemError
from tests.strategies import folio_problems

LIMITS = Limits(calls=30, failures=9)
BY_LABEL = {one.problem.gold: one.problem for one in reversed(TASK.exemplars)}


def run(problem, *lines):
    state = begin(TASK.toolbox, problem, (), LIMITS)
    for line in lines:
        state = advance(state, Reply(text=line))
    return finish(state, "test", 0)


def verdict(problem, *lines):
    return TASK.score(run(problem, *lines), problem).verdict


def story(label, *premises, conclusion, formula=""):
    """Return a problem from (sentence, formula) pairs."""
    return read_row(
        {
            "story_id": 5,
            "premises": [text for text, _ in premises],
            "premises-FOL": [written for _, written in premises],
            "conclusion": conclusion,
            "conclusion-FOL": formula,
            "label": label,
        },
        0,
    )


KILN = story(
    "Unknown",
    ("All potters own a kiln.", "∀x (Potter(x) → OwnKiln(x))"),
    ("If Otto is a potter, then Otto owns a kiln.", "Potter(otto) → OwnKiln(otto)"),
    ("Otto is either a potter or a weaver.", "Potter(otto) ⊕ Weaver(otto)"),
    conclusion="Otto owns a kiln.",
    formula="OwnKiln(otto)",
)


def swapped(problem, place, formula):
    """Return the oracle's calls with another formula in one place."""
    lines = list(oracle(problem))
    sentence = [*problem.givens, problem.claim][place]
    assert sentence.formula in lines[place]
    lines[place] = lines[place].replace(sentence.formula, formula)
    return lines[:-1]


# --- what counts --------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_formulas_of_all_sentences_and_a_proof_support_the_answer(label):
    problem = BY_LABEL[label]
    scored = TASK.score(run(problem, *oracle(problem)), problem)
    assert scored.verdict is Verdict.CORRECT
    assert scored.evidence == tuple(range(len(problem.givens) + 2))


def test_the_worked_examples_are_correct_and_show_every_label():
    for one in TASK.exemplars:
        assert verdict(one.problem, *one.replies) is Verdict.CORRECT
        assert one.replies == oracle(one.problem)
    assert set(BY_LABEL) == {"True", "False", "Unknown"}
    assert {one.problem.split for one in TASK.exemplars} == {"train"}


def test_failed_calls_thoughts_and_a_corrected_formula_cost_nothing():
    good = oracle(KILN)
    lines = [
        "Prove()",
        "Reasoning('Hm.')",
        swapped(KILN, 0, "forall x. OwnKiln(x)")[0],
        *good[1:-1],
        good[0],
        "Prove()",
        good[-1],
    ]
    scored = TASK.score(run(KILN, *lines), KILN)
    assert scored.verdict is Verdict.CORRECT
    assert scored.evidence == (3, 4, 5, 7, 8)


@given(folio_problems())
def test_what_the_oracle_solves_is_right_and_the_rest_has_no_chain(problem):
    chain = TASK.oracle_chain(problem, LIMITS)
    if oracle(problem):
        assert TASK.score(chain, problem).verdict in {Verdict.CORRECT, Verdict.UNSUPPORTED}
    else:
        assert TASK.score(chain, problem).verdict is Verdict.NO_ANSWER


def test_without_the_claims_formula_the_oracle_has_no_chain():
    assert oracle(evolve(KILN, claim=evolve(KILN.claim, formula=""))) == ()
    assert oracle(evolve(KILN, claim=None)) == ()
    assert oracle(evolve(KILN, gold="True")) == ()


# --- cheats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_guessing_at_once_is_unsupported(label):
    assert verdict(BY_LABEL[label], f"Answer('{label}')") is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_answering_after_unrelated_calls_is_unsupported(label):
    problem = BY_LABEL[label]
    unrelated = ("Prove()", f"Reasoning('The answer is {label}.')", "Fly()", oracle(problem)[0])
    assert verdict(problem, *unrelated, f"Answer('{label}')") is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_copying_the_answer_or_the_proof_into_a_thought_supports_nothing(label):
    problem = BY_LABEL[label]
    texts = (label, f"{label}: the claim follows.", problem.claim.text, "\n".join(oracle(problem)))
    thoughts = [show_call(Call(function="Reasoning", positional=(text,))) for text in texts]
    assert {turn.outcome.code for turn in run(problem, *thoughts).turns} == {None}
    assert verdict(problem, *thoughts, f"Answer('{label}')") is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_each_premise_the_claim_and_the_proof_are_needed(label):
    lines = oracle(BY_LABEL[label])
    for left_out in range(len(lines) - 1):
        shorter = [line for place, line in enumerate(lines) if place != left_out]
        assert verdict(BY_LABEL[label], *shorter) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_a_proof_of_another_story_supports_nothing(label):
    other = next(one for name, one in BY_LABEL.items() if name != label)
    lines = (*oracle(other)[:-1], f"Answer('{label}')")
    assert verdict(BY_LABEL[label], *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_a_proof_stopped_by_its_limit_supports_no_answer(label, monkeypatch):
    monkeypatch.setattr("fcpref.core.functions.proving.entails", lambda *_: Entailment.LIMIT)
    problem = BY_LABEL[label]
    chain = run(problem, *oracle(problem))
    assert chain.turns[-2].outcome.code is FailureCode.LIMIT
    assert TASK.score(chain, problem).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize("found", [Entailment.LIMIT, Entailment.CONTRADICTORY])
def test_unknown_is_unsupported_where_one_direction_has_no_model(found, monkeypatch):
    chain = run(KILN, *oracle(KILN))
    assert TASK.score(chain, KILN).verdict is Verdict.CORRECT
    monkeypatch.setattr("fcpref.core.scores.folio.entails", lambda *_: found)
    assert TASK.score(chain, KILN).verdict is Verdict.UNSUPPORTED


def test_the_same_formula_in_another_spelling_after_the_proof_must_be_proved_again():
    *lines, ending = oracle(KILN)
    again = lines[0].replace("OwnKiln(x)", "(OwnKiln(x))")
    assert again != lines[0]
    assert verdict(KILN, *lines, again, ending) is Verdict.UNSUPPORTED
    assert verdict(KILN, *lines, again, "Prove()", ending) is Verdict.CORRECT


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_formulas_without_a_proof_are_unsupported(label):
    lines = [line for line in oracle(BY_LABEL[label]) if line != "Prove()"]
    assert verdict(BY_LABEL[label], *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_a_proof_that_leaves_a_premise_out_is_unsupported(label):
    assert verdict(BY_LABEL[label], *oracle(BY_LABEL[label])[1:]) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("formula", "answer"),
    [
        ("OwnKiln(otto)", "True"),
        ("OwnKiln(otto) and OwnKiln(otto)", "True"),
        ("not not OwnKiln(otto)", "True"),
        ("not OwnKiln(otto)", "False"),
        ("forall x. (OwnKiln(otto))", "True"),
        ("Potter(otto) and OwnKiln(otto)", "True"),
        ("forall x. OwnKiln(x)", "True"),
        ("Potter(otto) and not OwnKiln(otto)", "False"),
        ("(Potter(otto) or not Potter(otto)) and OwnKiln(otto)", "True"),
    ],
)
def test_a_premise_that_is_the_claim_or_its_opposite_is_unsupported(formula, answer):
    problem = evolve(KILN, gold=answer)
    lines = swapped(KILN, 1, formula)
    assert "Error" not in run(problem, *lines).turns[1].outcome.text
    assert verdict(problem, *lines, f"Answer('{answer}')") is Verdict.UNSUPPORTED


def test_a_premise_may_say_what_the_claim_says_or_denies_in_the_same_words():
    problem = story(
        "False",
        ("No potter is a weaver.", "∀x (Potter(x) → ¬Weaver(x))"),
        ("Otto never weaves.", "¬Weaves(otto)"),
        conclusion="Otto weaves.",
        formula="Weaves(otto)",
    )
    assert verdict(problem, *oracle(problem)) is Verdict.CORRECT


@pytest.mark.parametrize("label", ["True", "False", "Unknown"])
def test_contradictory_premises_support_nothing(label):
    problem = evolve(KILN, gold=label)
    lines = swapped(KILN, 2, "Potter(otto) and not Potter(otto)")
    assert verdict(problem, *lines, f"Answer('{label}')") is Verdict.UNSUPPORTED


def test_proving_something_else_than_the_claim_is_unsupported():
    problem = evolve(KILN, gold="True")
    other = "Claim('Otto is either a potter or a weaver.', 'Potter(otto) xor Weaver(otto)')"
    lines = [*oracle(KILN)[:3], other, "Prove()", "Answer('True')"]
    assert verdict(problem, *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    "formula", ["OwnKiln(otto) or not OwnKiln(otto)", "(forall x. OwnKiln(x)) -> OwnKiln(otto)"]
)
def test_a_claim_that_is_true_whatever_the_premises_say_is_unsupported(formula):
    problem = evolve(KILN, gold="True")
    lines = swapped(KILN, 3, formula)
    assert run(problem, *lines).turns[-1].outcome.text.startswith("True")
    assert verdict(problem, *lines, "Answer('True')") is Verdict.UNSUPPORTED


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_premise_that_says_nothing_is_unsupported(place):
    empty = [
        "forall x. (Potter(x) -> Potter(x))",
        "Potter(otto) -> Potter(otto)",
        "Potter(otto) or not Potter(otto)",
    ]
    lines = swapped(KILN, place, empty[place])
    assert run(KILN, *lines).turns[-1].outcome.text.startswith("Unknown")
    assert verdict(KILN, *lines, "Answer('Unknown')") is Verdict.UNSUPPORTED


def test_an_unrelated_premise_is_refused_and_supports_nothing():
    problem = evolve(KILN, gold="True")
    made_up = "Premise('Otto is rich.', 'OwnKiln(otto)')"
    borrowed = swapped(KILN, 0, "Weaver(otto)")[0]
    for line in (made_up, borrowed):
        assert verdict(problem, line, "Prove()", "Answer('True')") is Verdict.UNSUPPORTED
        assert "Error" in run(problem, line).turns[0].outcome.text


def test_a_claim_in_other_words_than_the_problems_is_unsupported():
    lines = [line.replace("'Otto owns a kiln.'", "'Otto owns no kiln.'") for line in oracle(KILN)]
    assert verdict(KILN, *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("answer", ["True", "False"])
def test_another_answer_than_the_proof_gave_is_unsupported(answer):
    problem = evolve(KILN, gold=answer)
    lines = [*oracle(KILN)[:-1], f"Answer('{answer}')"]
    assert verdict(problem, *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("place", [0, 3])
def test_a_formula_changed_after_the_proof_is_unsupported(place):
    change = ["forall x. OwnKiln(x)", None, None, "not OwnKiln(otto)"][place]
    lines = [*oracle(KILN)[:-1], swapped(KILN, place, change)[place], "Answer('Unknown')"]
    assert verdict(KILN, *lines) is Verdict.UNSUPPORTED


def test_a_forged_proof_is_checked_again():
    memory = replay(oracle(KILN), TASK.toolbox, KILN)[1]
    assert supports(memory) is not None
    forged = evolve(memory.facts[-1], key="True")
    assert supports(evolve(memory, facts=(forged,), answer="True")) is None
    assert supports(evolve(memory, facts=())) is None
    assert (
        supports(Memory(problem=KILN, answer="True", facts=(Fact(key="True", uses=(), call=0),)))
        is None
    )


# --- the task -----------------------------------------------------------------------------------


def test_the_task_reads_rows_and_names_what_its_results_depend_on():
    task = find_task("fol.folio")
    assert (task.generate, task.libraries) == (None, ("z3-solver",))
    with pytest.raises(ProblemError, match="'premises'"):
        task.read({"story_id": 1}, 0)
