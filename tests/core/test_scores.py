import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from fcpref.core.chains import Chain, Limits, Reply, Turn, advance, begin, finish
from fcpref.core.functions import Call, Fact, FailureCode, Memory, Outcome, show_call
from fcpref.core.logic import show
from fcpref.core.problems.deduction import LABELS, generate
from fcpref.core.problems.deduction_knowledge import claim_of, knowledge
from fcpref.core.problems.deduction_spec import DeductionSpec
from fcpref.core.scores import Score, Verdict, score_chain, trace
from fcpref.core.scores.deduction import supports
from fcpref.core.tasks.fol_deduction import TASK
from tests.strategies import deduction_problems, limits, replies, turns

LIMITS = Limits(calls=40)
BY_LABEL = {
    label: generate(
        DeductionSpec(min_depth=2, max_depth=2, conjunction=0, relations=0),
        seed=3,
        split="train",
        index=LABELS.index(label),
    )
    for label in LABELS
}


def run(problem, lines, limits=LIMITS):
    state = begin(TASK.toolbox, problem, (), limits)
    for line in lines:
        state = advance(state, Reply(text=line))
    return finish(state, "test", 0)


def score(problem, lines, limits=LIMITS):
    return TASK.score(run(problem, lines, limits), problem)


def answer(value):
    return show_call(Call(function="Answer", keywords=(("value", value),)))


def proof(problem):
    """Return the oracle's calls without the answer."""
    return TASK.oracle(problem)[:-1]


def side_step(problem):
    """Return a call that derives something else than the claim or its opposite, or None."""
    given, claim = knowledge(problem), claim_of(problem)
    for rule in given.rules:
        for fact in given.facts:
            conclusion = rule.ponens((fact,))
            if conclusion not in {None, claim, claim.negated}:
                return call("ApplyRule", show(rule.formula), show(fact.formula))
    return None


def call(name, *arguments):
    return show_call(Call(function=name, positional=arguments))


def answered(problem, *lines):
    patient = Limits(calls=40, failures=40)
    return score(problem, [*lines, answer(problem.gold)], patient).verdict


# --- what counts --------------------------------------------------------------------------------


@given(deduction_problems())
def test_the_oracles_chain_is_correct_and_every_call_is_evidence(problem):
    lines = TASK.oracle(problem)
    scored = score(problem, lines)
    everything = tuple(range(len(lines) - 1))
    assert Score(verdict=Verdict.CORRECT, evidence=everything, codes=(None,) * len(lines)) == scored
    assert scored.correct


@given(deduction_problems(), st.integers(0, 3), st.data())
def test_thoughts_checks_and_failures_on_the_way_cost_nothing(problem, count, data):
    lines = list(TASK.oracle(problem))
    noise = ["Fly()", "no call", "Check('Max is kind.')", "Reasoning(thought='Hm.')"]
    for extra in noise[:count]:
        lines.insert(data.draw(st.integers(0, len(lines) - 1)), extra)
    assert score(problem, lines).verdict is Verdict.CORRECT


@given(deduction_problems())
def test_evidence_leaves_out_what_the_answer_does_not_rest_on(problem):
    assume(problem.gold != "Unknown")
    extra = side_step(problem)
    assume(extra is not None)
    new = run(problem, [extra]).turns[0].outcome.text
    assume(not any(new in turn.outcome.text for turn in run(problem, proof(problem)).turns))
    scored = score(problem, [extra, *TASK.oracle(problem)])
    assert scored.verdict is Verdict.CORRECT
    assert tuple(range(1, len(TASK.oracle(problem)))) == scored.evidence


# --- cheats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
def test_answering_at_once_is_unsupported(label):
    assert answered(BY_LABEL[label]) is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_answering_after_unrelated_calls_is_unsupported(problem):
    claim = problem.claim.text
    unrelated = (f'Check(claim="{claim}")', "Reasoning(thought='It follows.')", "Fly()")
    assert answered(problem, *unrelated) is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_answering_one_derivation_too_early_is_unsupported(problem):
    assert answered(problem, *proof(problem)[:-1]) is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_joining_what_a_rule_needs_is_not_yet_using_it(problem):
    assume(problem.gold != "Unknown")
    lines = [line for line in proof(problem) if line.startswith(("AndIntro", "AndElim"))]
    assert answered(problem, *lines) is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_saying_what_a_rule_means_for_someone_derives_nothing(problem):
    claim, rules = claim_of(problem), knowledge(problem).rules
    lines = [
        call("Instantiate", show(rule.formula), ", ".join((claim.terms * 3)[: len(rule.variables)]))
        for rule in rules
    ]
    assert answered(problem, *lines) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", LABELS)
def test_answering_after_deriving_something_else_is_unsupported(label):
    problems = [
        generate(DeductionSpec(max_depth=3), seed=seed, split="train", index=index)
        for seed in range(8)
        for index in range(LABELS.index(label), 9, 3)
    ]
    lines = [(one, step) for one in problems if (step := side_step(one))]
    assert len(lines) > 5
    assert {Verdict.UNSUPPORTED} == {answered(problem, step) for problem, step in lines}


def test_unknown_without_saturated_is_unsupported_even_when_all_is_derived():
    problem = BY_LABEL["Unknown"]
    assert proof(problem)[-1] == "Saturated()"
    assert answered(problem, *proof(problem)[:-1]) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", ["True", "False"])
def test_unknown_is_unsupported_when_the_claim_is_decided_even_if_the_gold_label_says_it(label):
    problem = evolve(BY_LABEL[label], gold="Unknown")
    names = {"ponens": "ApplyRule", "tollens": "ModusTollens"}
    lines = [
        call(names[step.kind], show(step.rule.formula), show(step.premises[0].formula))
        for step in knowledge(problem).saturate().values()
        if step is not None
    ]
    scored = score(problem, [*lines, "Saturated()", answer("Unknown")])
    assert (None,) * (len(lines) + 2) == scored.codes
    assert scored.verdict is Verdict.UNSUPPORTED


def test_unknown_with_saturated_called_too_early_is_unsupported():
    problem = BY_LABEL["Unknown"]
    assert answered(problem, "Saturated()", *proof(problem)[:-1]) is Verdict.UNSUPPORTED


@pytest.mark.parametrize("label", LABELS)
def test_copying_the_answer_or_the_proof_into_a_thought_supports_nothing(label):
    problem = BY_LABEL[label]
    thoughts = [
        show_call(Call(function="Reasoning", positional=(text,)))
        for text in (f"The answer is {label}.", problem.claim.text, "\n".join(proof(problem)))
    ]
    assert answered(problem, *thoughts) is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_a_proof_after_the_answer_comes_too_late(problem):
    chain = run(problem, TASK.oracle(problem))
    late = evolve(chain, turns=(chain.turns[-1], *chain.turns[:-1]))
    assert TASK.score(late, problem).verdict is Verdict.UNSUPPORTED


@given(deduction_problems())
def test_a_second_answer_does_not_replace_the_first(problem):
    wrong = next(label for label in LABELS if label != problem.gold)
    chain = run(problem, [*proof(problem), answer(wrong)])
    right = Turn(reply=answer(problem.gold), outcome=Outcome(text="Done."))
    edited = evolve(chain, turns=(*chain.turns, right))
    assert TASK.score(edited, problem).verdict is Verdict.WRONG_ANSWER


@given(deduction_problems(), st.data())
def test_a_chain_with_edited_outcomes_is_judged_by_execution(problem, data):
    chain = run(problem, TASK.oracle(problem))
    forged = tuple(
        evolve(turn, outcome=data.draw(turns()).outcome, tokens=99) for turn in chain.turns
    )
    assert TASK.score(chain, problem) == TASK.score(evolve(chain, turns=forged), problem)


@given(deduction_problems())
def test_forged_results_support_nothing(problem):
    claim = problem.claim.text
    failing = run(
        problem, ["ApplyRule('All cats are dogs.', 'Max is a cat.')", answer(problem.gold)]
    )
    forged = evolve(failing.turns[0], outcome=Outcome(text=claim))
    scored = TASK.score(evolve(failing, turns=(forged, failing.turns[1])), problem)
    assert (scored.verdict, scored.codes[0]) == (Verdict.UNSUPPORTED, FailureCode.ARGUMENT_DOMAIN)


@given(deduction_problems())
def test_a_proof_of_another_problem_supports_nothing(problem):
    other = BY_LABEL["True"]
    assume(problem.text != other.text)
    lines = [line for line in TASK.oracle(other) if not line.startswith(("Answer", "Saturated"))]
    assert answered(problem, *lines) is Verdict.UNSUPPORTED


@given(deduction_problems(), st.lists(replies(), max_size=4))
def test_a_wrong_answer_is_wrong_whatever_was_called(problem, lines):
    assume(not any("Answer" in line for line in lines))
    wrong = next(label for label in LABELS if label != problem.gold)
    chain = run(problem, [*proof(problem), *lines, answer(wrong)], Limits(calls=40, failures=9))
    assert TASK.score(chain, problem).verdict is Verdict.WRONG_ANSWER


@given(deduction_problems(), st.lists(replies(), max_size=8), limits(), st.booleans())
def test_a_chain_is_worth_what_it_was_worth_when_it_was_executed(problem, lines, bounds, solved):
    state = begin(TASK.toolbox, problem, (), bounds)
    for line in (*lines, *(proof(problem) if solved else ()), answer(problem.gold)):
        state = advance(state, Reply(text=line))
    assert TASK.score_state(state) == TASK.score(finish(state, "test", 0), problem)


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["answered", "calls", "tokens", "failures", "silent"])
@pytest.mark.parametrize(
    ("label", "lines", "verdict"),
    [
        ("True", (*TASK.oracle(BY_LABEL["True"]),), "correct"),
        ("True", (answer("True"),), "unsupported"),
        ("True", (*proof(BY_LABEL["True"]), answer("False")), "wrong_answer"),
    ],
    ids=["supported", "unsupported", "wrong"],
)
def test_an_answer_decides_before_the_reason_for_stopping(label, lines, verdict, stop):
    chain = evolve(run(BY_LABEL[label], lines), stop=stop)
    assert Verdict(verdict) is TASK.score(chain, BY_LABEL[label]).verdict


@pytest.mark.parametrize(
    ("stop", "verdict"),
    [
        ("calls", "limit"),
        ("tokens", "limit"),
        ("failures", "malformed"),
        ("silent", "no_answer"),
        ("answered", "no_answer"),
    ],
)
@pytest.mark.parametrize("lines", [(), ("Fly()",), ("Reasoning(thought='True')", "no")])
def test_without_an_answer_the_reason_for_stopping_decides(stop, verdict, lines):
    chain = evolve(run(BY_LABEL["True"], lines), stop=stop)
    assert Verdict(verdict) is TASK.score(chain, BY_LABEL["True"]).verdict


def test_each_way_to_end_gives_its_verdict():
    problem = BY_LABEL["True"]
    thoughts = [f"Reasoning(thought='{i}')" for i in range(3)]
    assert [
        score(problem, thoughts, Limits(calls=3)).verdict,
        score(problem, ["a", "b", "c"], Limits(failures=3)).verdict,
        score(problem, thoughts).verdict,
    ] == [Verdict.LIMIT, Verdict.MALFORMED, Verdict.NO_ANSWER]


def test_only_correct_counts():
    scored = {v: Score(verdict=v, evidence=(), codes=()).correct for v in Verdict}
    assert [verdict for verdict, counts in scored.items() if counts] == [Verdict.CORRECT]


def test_a_score_lists_the_failure_code_of_each_turn():
    codes = score(BY_LABEL["True"], ["no", "Fly()", "Reasoning(thought='a')"]).codes
    assert codes == (FailureCode.NOT_A_CALL, FailureCode.UNKNOWN_FUNCTION, None)


@given(deduction_problems(), st.lists(turns(), max_size=5))
def test_any_chain_has_a_score(problem, said):
    chain = Chain(task="t", problem="p", source="s", sample=0, turns=tuple(said), stop="silent")
    scored = score_chain(chain, problem, TASK.toolbox, supports)
    assert len(said) == len(scored.codes)
    assert not scored.correct


# --- evidence -----------------------------------------------------------------------------------


def test_a_trace_follows_uses_back_to_the_givens():
    facts = (
        Fact(key="b", uses=("a",), call=0),
        Fact(key="x", uses=("a",), call=1),
        Fact(key="c", uses=("b", "given"), call=3),
        Fact(key="d", uses=("c", "b"), call=4),
    )
    memory = Memory(problem=BY_LABEL["True"], steps=6, facts=facts)
    assert [trace(key, memory) for key in ("d", "c", "x", "a", "unheard of")] == [
        (0, 3, 4),
        (0, 3),
        (1,),
        (),
        (),
    ]


def test_a_trace_uses_only_what_was_known_before():
    facts = (
        Fact(key="b", uses=("a",), call=0),
        Fact(key="a", uses=("b",), call=1),
        Fact(key="b", uses=("z",), call=2),
    )
    memory = Memory(problem=BY_LABEL["True"], steps=3, facts=facts)
    assert [trace(key, memory) for key in ("b", "a")] == [(0,), (0, 1)]


@given(deduction_problems())
def test_the_evidence_alone_supports_the_answer(problem):
    lines = TASK.oracle(problem)
    evidence = score(problem, lines).evidence
    alone = [*(lines[index] for index in evidence), answer(problem.gold)]
    assert score(problem, alone).verdict is Verdict.CORRECT


def test_a_problem_without_a_claim_supports_no_answer():
    problem = evolve(BY_LABEL["True"], claim=None)
    assert answered(problem, *proof(BY_LABEL["True"])) is Verdict.UNSUPPORTED


def test_the_claims_opposite_supports_false_and_not_true():
    problem = BY_LABEL["False"]
    denied = evolve(problem, gold="True")
    assert answered(problem, *proof(problem)) is Verdict.CORRECT
    assert answered(denied, *proof(problem)) is Verdict.UNSUPPORTED
