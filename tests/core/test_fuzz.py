"""Hostile replies: whatever a model says gives an outcome, quickly, and runs nothing."""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import FailureCode, Memory, read_call
from fcpref.core.tasks import TASKS
from tests.fuzzing import MEGABYTE, failures, fare, starts
from tests.strategies import hostile_texts

MEDIAN_MS, WORST_MS = 1, 50
LONGEST_OUTCOME = 4_000
HUGE = "9" * 3_000
STATES = {memory.problem.task: memory for memory in starts()}
CALLS = [
    (task, function.signature)
    for task in TASKS
    for function in TASKS[task].toolbox.functions
    if function.signature.parameters
]


def filled(signature, value):
    """Return a call with one value for every argument, as the model would write it."""
    return f"{signature.name}({', '.join(f'{p.name}={value}' for p in signature.parameters)})"


def outcome(task, reply):
    started = time.process_time()
    found = read_call(reply, TASKS[task].toolbox, STATES[task]).outcome
    assert (time.process_time() - started) * 1_000 < WORST_MS
    return found


def test_recorded_failures_mutated_raise_nothing_run_nothing_and_take_no_time():
    fared = fare(20_000, 0, failures(40))
    assert (fared.raised, fared.ran) == ([], [])
    assert fared.median < MEDIAN_MS
    assert fared.worst < WORST_MS, fared.slowest[:500]
    assert fared.told <= LONGEST_OUTCOME
    assert set(fared.codes) == {None, *FailureCode}


def test_the_watch_sees_what_is_run():
    from tests.fuzzing import _watched

    events = []
    with _watched(events):
        exec(compile("open(__import__('os').devnull).close()", "x", "exec"))  # noqa: S102
    assert {"compile", "exec", "open"} <= set(events)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "reply",
    [
        "9**9**9",
        "9" * MEGABYTE,
        "x" * MEGABYTE,
        "\ud800" * MEGABYTE,
        " " * MEGABYTE + "Answer(1)",
        "Answer('" + "9" * MEGABYTE + "')",
        "Answer(" + "[" * MEGABYTE,
        "Answer(" + "(" * 3_900,
        "Answer(" + "-" * 3_900 + "1)",
        "Answer(9**9**9**9)",
        "Answer(9 ** 9)",
        "Answer(2^64)",
        "Answer(1e999999999)",
        "Answer(0x" + "f" * 3_000 + ")",
        "Answer(factorial(10**9))",
        "Answer(10**9!)",
        "Answer(__import__('os').system('id'))",
        "Answer(eval('1'))",
        "Answer(().__class__.__base__)",
        "Answer([x for x in range(10**9)])",
        "Answer(lambda: 0)",
        "Answer(f'{1}')",
        "Answer(*[1])",
        "Answer(value:=1)",
        "Answer\u200b(1)",
        "\uff21nswer(1)",
        "\u0410nswer(1)",
        "Answer(\u0661)",
        "Answer(\u00b2)",
        "Answer(\u2212" + "1)",
        "\u202eAnswer(1)",
        "\ufeffAnswer(1)",
        "Answer(1)\x00Answer(2)",
        "import os; Answer(1)",
    ],
    ids=lambda text: f"{text[:16]!a}x{len(text)}",
)
def test_a_hostile_reply_is_refused_with_a_code(task, reply):
    assert outcome(task, reply).code in set(FailureCode)


@pytest.mark.parametrize(("task", "signature"), CALLS, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize(
    "value",
    [
        f"'{HUGE}'",
        f"'{HUGE}/{HUGE[:800]}'",
        f"'{'(' * 1_000}x{')' * 1_000}'",
        f"'{'not ' * 900}Kind(max)'",
        f"'{'forall x. ' * 180}Kind(x)'",
        f"'{'x' * 150}'",
        "'9^9^9^9'",
        "'x^999999999999999'",
        "'(x+y+z+1)^6(x+y+z+1)^6 = 1'",
        "'((((9^6)^6)^6)^6)^6 = x'",
        "'__import__(1)'",
        "'x\u00b2 = \u0664'",
        "'\ud800'",
        "'\x00'",
        "['a', ['b']]",
    ],
    ids=lambda text: f"{text[:12]!a}x{len(text)}",
)
def test_a_hostile_argument_is_refused_with_a_code(task, signature, value):
    found = outcome(task, filled(signature, value))
    if signature.name != "Reasoning" or value.startswith("["):
        assert found.code in set(FailureCode)


@pytest.mark.parametrize("task", [name for name in TASKS if TASKS[name].toolbox.find("Multiply")])
def test_numbers_do_not_grow_without_end(task):
    memory, codes = STATES[task], []
    number = "9" * 30
    for _ in range(40):
        reply = f"Multiply(a='{number}', b='{number}')"
        effect = read_call(reply, TASKS[task].toolbox, memory)
        memory, number = effect.memory, effect.outcome.text
        codes.append(effect.outcome.code)
        if effect.outcome.code is not None:
            break
    assert codes[-1] is not None
    power = read_call(f"Power(a='{'9' * 59}', b=64)", TASKS[task].toolbox, STATES[task])
    assert power.outcome.code is FailureCode.LIMIT


@given(st.sampled_from(list(STATES.values())), st.lists(hostile_texts() | st.text(), max_size=6))
def test_any_texts_leave_a_chain_that_can_be_scored(memory, replies):
    task = TASKS[memory.problem.task]
    for reply in replies:
        memory = read_call(reply, task.toolbox, memory).memory
    assert isinstance(memory, Memory)
    task.support(memory)


def test_the_limit_on_nesting_leaves_room_on_the_stack():
    deep = "Check(claim='" + "(" * 59 + "Kind(max)" + ")" * 59 + "')"

    def below(frames):
        if frames:
            return below(frames - 1)
        return read_call(deep, TASKS["fol.deduction"].toolbox, STATES["fol.deduction"]).outcome

    assert below(sys.getrecursionlimit() // 3).code in {None, *FailureCode}
