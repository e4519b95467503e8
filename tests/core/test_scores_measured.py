"""Complete scores: calls against the oracle's, and the numbers in thoughts."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import canonical_bytes
from fcpref.core.chains import Limits, Reply, advance, begin, finish
from fcpref.core.codec import structure, unstructure
from fcpref.core.functions import Call, FailureCode, show_call, translate
from fcpref.core.scores import Grounded, Score, ScoredChain, Verdict, tally
from fcpref.core.tasks import TASKS, find_task
from fcpref.errors import CodecError
from tests import strategies

WORD, DEDUCTION = find_task("math.word"), find_task("fol.deduction")
GENERATED = [task for task in TASKS.values() if task.generate is not None]
ENDLESS = Limits(calls=200, failures=200)
GRAMMARS = ("python", "tools")


def thought(text):
    return show_call(Call(function="Reasoning", keywords=(("thought", text),)))


def played(task, problem, replies, *, grammar="python", without=(), sample=0):
    state = begin(task.toolbox.without(without), problem, (), ENDLESS, grammar)
    for text in replies:
        state = advance(state, Reply(text=translate(text, grammar)))
    return finish(state, "test", sample)


def measured(task, problem, replies, **options):
    return task.measured(played(task, problem, replies, **options), problem)


def about(text):
    """Return a word problem of some text."""
    return evolve(WORD.generate({}, 0, "train", 0), text=text)


def counted(text, *replies, grammar="python"):
    found = measured(WORD, about(text), replies, grammar=grammar).reasoned
    return found.numbers, found.grounded


@st.composite
def solved(draw):
    """Return a task, a problem and the oracle's replies."""
    task = draw(st.sampled_from(GENERATED))
    problem = task.generate({}, draw(st.integers(0, 9)), "train", draw(st.integers(0, 30)))
    return task, problem, task.oracle(problem)


def thoughts():
    """Return calls of `Reasoning` with words and numbers."""
    number = st.integers(0, 60).map(str) | st.sampled_from(("1/2", "25%", "3.5", "1,200", "x1"))
    words = st.lists(number | st.sampled_from(("so", "twelve", "+", "=")), max_size=6)
    return words.map(lambda some: thought(" ".join(some)))


@st.composite
def attempts(draw):
    """Return a task, a problem and replies: the oracle's, thoughts and nonsense, in any order."""
    task, problem, replies = draw(solved())
    more = draw(st.lists(thoughts() | strategies.replies(), max_size=5))
    kept = draw(st.lists(st.sampled_from(replies), max_size=6))
    mixed = draw(st.permutations([*more, *kept]))
    return task, problem, [*mixed, *replies] if draw(st.booleans()) else mixed


# --- call efficiency ----------------------------------------------------------------------------


@given(solved(), st.sampled_from(GRAMMARS))
def test_the_oracles_own_chain_has_efficiency_one(case, grammar):
    task, problem, replies = case
    score = measured(task, problem, replies, grammar=grammar)
    assert (score.efficiency, score.shortest) == (1, len(replies))


@given(solved(), st.integers(1, 7))
def test_each_call_more_costs_efficiency(case, more):
    task, problem, replies = case
    detour = [thought(f"hm {at}") for at in range(more)]
    score = measured(task, problem, [*detour, *replies])
    assert score.efficiency == Fraction(len(replies), len(replies) + more)


@given(attempts(), st.sampled_from(GRAMMARS))
def test_a_complete_score_is_the_plain_one_and_its_measures(case, grammar):
    task, problem, replies = case
    chain = played(task, problem, replies, grammar=grammar)
    score = task.measured(chain, problem)
    assert evolve(score, shortest=None, reasoned=None) == task.score(chain, problem)
    assert (score.efficiency is None) == (not score.correct)
    assert score.shortest == len(task.oracle(problem))
    assert 0 <= score.reasoned.grounded <= score.reasoned.numbers
    assert (score.grounded_share is None) == (score.reasoned.numbers == 0)


def test_a_chain_shorter_than_the_oracles_has_more_than_one():
    score = Score(verdict=Verdict.CORRECT, evidence=(0,), codes=(None, None), shortest=5)
    assert score.efficiency == Fraction(5, 2)
    assert evolve(score, verdict=Verdict.UNSUPPORTED).efficiency is None
    assert evolve(score, shortest=None).efficiency is None
    assert evolve(score, codes=()).efficiency is None


def test_the_oracle_is_held_to_the_functions_that_the_chain_was_offered():
    problem = DEDUCTION.generate({"max_depth": 2}, 0, "train", 0)
    assert DEDUCTION.shortest(problem, ("Check", "Reasoning")) == DEDUCTION.shortest(problem)
    used = {reply.partition("(")[0] for reply in DEDUCTION.oracle(problem)} - {"Answer"}
    assert all(DEDUCTION.shortest(problem, (name,)) is None for name in used)
    chain = played(DEDUCTION, problem, ["Answer(value='True')"], without=sorted(used))
    assert DEDUCTION.measured(chain, problem).shortest is None


def test_a_problem_that_the_oracle_cannot_solve_has_no_shortest_chain():
    task = find_task("math.gsm8k")
    row = {"question": "Ana has 2 pens and buys 3. How many?", "answer": "It is so.\n#### 5"}
    problem = task.read(row, 0)
    score = measured(task, problem, ["Add(a=2, b=3)", "Answer(value=5)"])
    assert score.correct
    assert (score.shortest, score.efficiency) == (None, None)


def test_what_the_oracle_comes_to_is_kept_by_task_and_problem():
    problem = WORD.generate({}, 0, "train", 0)
    asked = []

    def oracle(problem):
        asked.append(problem)
        return WORD.oracle(problem)

    task = evolve(WORD, oracle=oracle)
    assert task.shortest(problem) == task.shortest(problem) == WORD.shortest(problem)
    assert asked == [problem]
    assert evolve(WORD, oracle=lambda _: ()).shortest(problem) is None


# --- numbers in thoughts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "said", "expected"),
    [
        ("Ana has 25 pens.", "25 - 3 = 22", (3, 1)),
        ("Ana has twenty-five pens.", "25 is 25", (2, 2)),
        ("Ana has 1,200 pens.", "1200 or 1,200", (2, 2)),
        ("It falls by 25%.", "25% or 0.25 or 1/4 or 3/4 or 75 or 26%", (6, 5)),
        ("A fifth of them.", "20% of them, 20 of them", (2, 1)),
        ("A pen costs 45 cents.", "$0.45, 45 cents, 45", (3, 3)),
        ("6 rows of 2.", "6/2 = 3 and 2/7", (3, 1)),
        ("6 rows of 2.", "x2, 2nd, a2 and Step 2: two rows, first", (0, 0)),
        ("6 rows of 2.", "-6 is 6.", (2, 2)),
        ("6 rows of 2.", "6,2,7", (3, 2)),
        ("6 rows of 2.", "2/0 and " + "9" * 500, (2, 0)),
        ("6 rows of 2.", "nothing", (0, 0)),
    ],
)
def test_the_numbers_of_a_thought(problem, said, expected):
    assert counted(problem, thought(said)) == expected
    assert counted(problem, thought(said), grammar="tools") == expected


def test_a_number_is_grounded_once_a_result_has_told_it():
    text, call, say = "6 rows of 2.", "Multiply(a=6, b=2)", thought("there are 12")
    assert counted(text, say, call) == (1, 0)
    assert counted(text, call, say) == (1, 1)
    assert counted(text, call, say, thought("12, I say")) == (2, 2)


def test_what_failed_says_and_tells_nothing():
    text = "6 rows of 2."
    refused = "Power(a=6, b=9999999999)"
    assert counted(text, thought("7"), thought("7")) == (1, 0)
    assert counted(text, refused, thought("so 9999999999")) == (1, 0)
    assert counted(text, "Think of 6", "Reasoning(6, 2)") == (0, 0)
    problem = about(text)
    score = measured(WORD, problem, [thought("6")], without=("Reasoning",))
    assert (score.codes, score.reasoned) == (
        (FailureCode.UNKNOWN_FUNCTION,),
        Grounded(numbers=0, grounded=0),
    )


def test_a_thought_is_read_however_the_call_is_written():
    text = "6 rows of 2."
    assert counted(text, "Reasoning('6 and 7')", "Reasoning(thought=6)") == (3, 2)
    escaped = '{"name": "\\u0052easoning", "arguments": {"thought": "6 and 7"}}'
    chain = played(WORD, about(text), [escaped], grammar="tools")
    assert chain.turns[0].outcome.code is None
    assert WORD.measured(chain, about(text)).reasoned == Grounded(numbers=2, grounded=1)


@given(attempts(), thoughts())
def test_a_thought_that_comes_later_is_grounded_no_less(case, said):
    task, problem, replies = case
    others = [reply for reply in replies if "Answer" not in reply and reply != said]
    early = measured(task, problem, [said, *others]).reasoned
    late = measured(task, problem, [*others, said]).reasoned
    assert early.numbers == late.numbers
    assert early.grounded <= late.grounded


@given(st.text(max_size=80))
def test_any_thought_is_counted(said):
    numbers, grounded = counted("6 rows of 2.", thought(said))
    assert 0 <= grounded <= numbers <= len(said)


@pytest.mark.parametrize("data", [(1, 2), (-1, -1)])
def test_more_grounded_numbers_than_numbers_are_refused(data):
    numbers, grounded = data
    with pytest.raises(CodecError, match=r"grounded|numbers"):
        structure({"numbers": numbers, "grounded": grounded}, Grounded)


def test_plain_scores_are_written_as_before():
    data = {"verdict": "correct", "evidence": [0], "codes": [None]}
    assert canonical_bytes(unstructure(structure(data, Score))) == canonical_bytes(data)


# --- what many come to --------------------------------------------------------------------------


@given(st.lists(strategies.scored_chains(), max_size=12), st.randoms(use_true_random=False))
def test_a_tally_is_of_a_set_of_chains(scored, stream):
    found = tally(scored)
    shuffled = random.Random(stream.random()).sample(scored, len(scored))
    assert found == tally(shuffled)
    own = [item for item in scored if item.chain.own]
    assert (found.chains, found.completed) == (len(own), len(scored) - len(own))
    assert sum(count for _, count in found.verdicts) == found.chains
    codes = [code for item in own for code in item.score.codes if code is not None]
    assert sum(count for _, count in found.codes) == len(codes)
    assert 0 <= found.grounded <= found.numbers
    efficiencies = [item.score.efficiency for item in own if item.score.efficiency is not None]
    if efficiencies:
        assert min(efficiencies) <= found.efficiency <= max(efficiencies)
    else:
        assert found.efficiency is None


def test_a_tally_by_hand():
    problem = WORD.generate({}, 0, "train", 0)
    replies = WORD.oracle(problem)
    first = next(word for word in problem.text.split() if word.isdigit())
    lines = [
        (replies, None),
        ((thought("so"), *replies), None),
        (("no", "no", thought(f"{first} and 987654")), None),
        (replies, 0),
    ]
    scored = []
    for at, (some, completed) in enumerate(lines):
        chain = evolve(played(WORD, problem, some, sample=at), completed_from=completed)
        scored.append(ScoredChain(chain=chain, score=WORD.measured(chain, problem)))
    found = tally(scored)
    assert dict(found.verdicts) == {**dict.fromkeys(Verdict, 0), "correct": 2, "no_answer": 1}
    assert found.codes == (("not_a_call", 2),)
    one = Fraction(len(replies), len(replies) + 1)
    assert (found.compared, found.efficiency) == (2, (1 + one) / 2)
    assert (found.measured, found.grounded_share) == (3, Fraction(1, 2))
