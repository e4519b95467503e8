from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import (
    STUDENT,
    TEACHER,
    Limits,
    Message,
    Reply,
    advance,
    begin,
    chain_id,
    finish,
    messages,
    render,
    replay,
    retrace,
)
from fcpref.core.problems import problem_id
from fcpref.core.problems.deduction import DeductionSpec, generate
from fcpref.core.tasks.fol_deduction import TASK
from tests.strategies import limits, replies

PROBLEM = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=3)
THOUGHTS = [f"Reasoning(thought='{word}')" for word in ("a", "b", "c", "d", "e")]
TALK = st.lists(st.builds(Reply, text=replies(), tokens=st.integers(0, 40)), max_size=8)


def start(**knobs):
    opening = render(STUDENT, TASK.toolbox, PROBLEM)
    return begin(TASK.toolbox, PROBLEM, opening, Limits(**knobs))


def run(lines, *, spent=0, **knobs):
    """Return the first state and that after each line, which spends so many tokens."""
    states = [start(**knobs)]
    for line in lines:
        states.append(advance(states[-1], Reply(text=line, tokens=spent)))
    return states


def stops(lines, **knobs):
    return [state.stop for state in run(lines, **knobs)]


def test_a_chain_goes_on_until_it_is_answered():
    assert stops([THOUGHTS[0], "Answer('True')"]) == [None, None, "answered"]


def test_a_refused_answer_does_not_end_the_chain():
    assert stops(["Answer('Perhaps')"]) == [None, None]


def test_the_limit_of_calls_ends_it():
    assert stops(THOUGHTS[:3], calls=3) == [None, None, None, "calls"]


def test_failures_in_a_row_end_it():
    assert stops(["no", "Fly()", "F("], failures=3) == [None, None, None, "failures"]


def test_a_call_that_works_breaks_a_row_of_failures():
    lines = ["no", "no", THOUGHTS[0], "no", "no", "no"]
    assert stops(lines, failures=3) == [None] * 6 + ["failures"]


def test_generated_tokens_end_it():
    assert stops(THOUGHTS[:3], spent=10, tokens=30) == [None, None, None, "tokens"]


@pytest.mark.parametrize(
    ("line", "knobs", "stop"),
    [
        ("Answer('True')", {"calls": 1, "failures": 1}, "answered"),
        ("no", {"calls": 1, "failures": 1}, "failures"),
        ("no", {"calls": 1, "failures": 2}, "calls"),
    ],
)
def test_the_first_of_answer_failures_and_calls_names_the_end(line, knobs, stop):
    assert [None, stop] == stops([line], **knobs)


@given(TALK, limits())
def test_a_chain_stays_within_its_limits_and_as_it_is_once_stopped(talk, bounds):
    state = begin(TASK.toolbox, PROBLEM, (), bounds)
    for reply in talk:
        after = advance(state, reply)
        if state.stop is not None:
            assert after is state
        else:
            assert state.turns == after.turns[:-1]
            assert (reply.text, reply.tokens) == (after.turns[-1].reply, after.turns[-1].tokens)
        state = after
    assert len(state.turns) <= bounds.calls
    assert sum(turn.tokens for turn in state.turns[:-1]) < bounds.tokens


@given(TALK, st.sampled_from((STUDENT, TEACHER)))
def test_earlier_messages_are_a_prefix_of_later_ones(talk, spec):
    opening = render(spec, TASK.toolbox, PROBLEM, TASK.exemplars)
    states = [begin(TASK.toolbox, PROBLEM, opening, Limits())]
    for reply in talk:
        states.append(advance(states[-1], reply))
    chats = [messages(state) for state in states]
    assert chats[0] == opening
    for before, after in pairwise(chats):
        assert before == after[: len(before)]
        assert len(after) - len(before) in {0, 2}


@given(TALK)
def test_messages_alternate_and_end_with_what_the_model_is_to_answer(talk):
    state = start()
    for reply in talk:
        state = advance(state, reply)
        roles = [message.role for message in messages(state)]
        assert ["system", *["user", "assistant"] * len(state.turns), "user"] == roles


def test_a_reply_and_its_result_are_the_next_two_messages():
    (first, second) = (messages(state) for state in run([THOUGHTS[0]]))
    assert second[len(first) :] == (
        Message(role="assistant", content=THOUGHTS[0]),
        Message(role="user", content="Go on."),
    )


TOOL_THOUGHT = '{"name": "Reasoning", "arguments": {"thought": "a"}}'


@pytest.mark.parametrize(
    ("line", "role", "code"),
    [
        (TOOL_THOUGHT, "tool", None),
        ('{"name": "Fly", "arguments": {}}', "tool", "unknown_function"),
        ('{"name": "Check", "arguments": {}}', "tool", "missing_argument"),
        ("Reasoning(thought='a')", "user", "not_a_call"),
        (f"{TOOL_THOUGHT}{TOOL_THOUGHT}", "user", "several_calls"),
        ("{", "user", "unparseable"),
    ],
)
def test_a_tools_chain_is_read_by_its_grammar_and_told_by_the_function_or_the_user(
    line, role, code
):
    state = begin(TASK.toolbox, PROBLEM, (), Limits(), "tools")
    state = advance(state, Reply(text=line))
    said, told = messages(state)
    assert said == Message(role="assistant", content=line)
    assert (told.role, told.content) == (role, state.turns[0].outcome.text)
    assert state.turns[0].outcome.code == code
    assert finish(state, "test", 0).grammar == "tools"


def test_a_withheld_function_is_refused_as_unknown_and_kept_with_the_chain():
    state = begin(TASK.toolbox.without(["Reasoning"]), PROBLEM, (), Limits())
    state = advance(state, Reply(text=THOUGHTS[0]))
    outcome = state.turns[0].outcome
    assert outcome.code == "unknown_function"
    assert outcome.text.startswith("Error: no function Reasoning; there are ApplyRule, ")
    assert "Reasoning" not in outcome.text.partition("there are")[2]
    assert finish(state, "test", 0).without == ("Reasoning",)
    assert finish(start(), "test", 0).without == ()


@given(TALK)
def test_a_python_chain_never_has_a_tool_message(talk):
    state = begin(TASK.toolbox, PROBLEM, (), Limits())
    for reply in (*talk, Reply(text=TOOL_THOUGHT)):
        state = advance(state, reply)
    assert {message.role for message in messages(state)} <= {"assistant", "user"}
    assert finish(state, "test", 0).grammar == "python"


def test_a_failed_reply_is_kept_and_told():
    chat = messages(run(["Fly()"])[-1])
    assert [
        chat[-2].content,
        chat[-1].content[:34],
    ] == ["Fly()", "Error: no function Fly; there are "]


def test_finishing_keeps_turns_stop_and_origin():
    state = run([THOUGHTS[0], "Answer('False')"], spent=7)[-1]
    chain = finish(state, "replay:x", 2)
    assert (chain.task, chain.problem, chain.source, chain.sample, chain.stop) == (
        *(PROBLEM.task, problem_id(PROBLEM), "replay:x", 2, "answered"),
    )
    assert [
        (THOUGHTS[0], "Go on.", 7),
        ("Answer('False')", "Done.", 7),
    ] == [(turn.reply, turn.outcome.text, turn.tokens) for turn in chain.turns]


def test_a_chain_that_still_goes_on_finishes_as_silent():
    assert [
        (finish(state, "s", 0).stop, len(finish(state, "s", 0).turns))
        for state in run(THOUGHTS[:1])
    ] == [("silent", 0), ("silent", 1)]


@given(TALK)
def test_replaying_a_chains_replies_gives_its_outcomes(talk):
    state = start(calls=8)
    for reply in talk:
        state = advance(state, reply)
    outcomes, memory = replay((turn.reply for turn in state.turns), TASK.toolbox, PROBLEM)
    assert tuple(turn.outcome for turn in state.turns) == outcomes
    assert state.memory == memory


def test_an_id_depends_on_every_part_of_a_chain():
    chains = [
        finish(states[-1], source, sample)
        for states in (run([]), run(THOUGHTS[:1]), run(THOUGHTS[:2]), run(THOUGHTS[:1], spent=1))
        for source in ("a", "b")
        for sample in (0, 1)
    ]
    assert len(chains) == len({chain_id(chain) for chain in chains})


@pytest.mark.parametrize("knob", ["calls", "failures", "tokens", "reply_tokens"])
def test_a_limit_below_one_is_refused(knob):
    with pytest.raises(ValueError, match=knob):
        Limits(**{knob: 0})


@given(TALK)
def test_retracing_recorded_turns_gives_them_again_with_their_tokens(lines):
    state = start()
    for line in lines:
        state = advance(state, line)
    assert retrace(start(), state.turns) == state
