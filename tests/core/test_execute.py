from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import replay
from fcpref.core.functions import (
    Call,
    FailureCode,
    Function,
    Memory,
    Outcome,
    Parameter,
    Signature,
    Toolbox,
    execute,
    read_call,
    show_call,
)
from fcpref.core.functions.flow import REASONING, choice_answer
from fcpref.core.functions.values import succeed
from fcpref.core.problems import Problem
from fcpref.core.problems.deduction import DeductionSpec, generate
from fcpref.core.tasks import TASKS, find_task
from fcpref.core.tasks.fol_deduction import TASK
from tests.strategies import calls, replies
from tests.strategies_math import math_problem

PROBLEM = Problem(task="t", split="train", index=0, difficulty=0, text="", gold="")
EMPTY = Memory(problem=PROBLEM)


def echo(arguments, memory):
    return succeed(memory, "; ".join(f"{name}={value!r}" for name, value in arguments.items()))


def function(name, *parameters):
    return Function(
        signature=Signature(
            name=name, parameters=parameters, description="", example="", group="solve"
        ),
        run=echo,
    )


NUMBER = Parameter(name="n", kind="number", description="")
TEXT = Parameter(name="text", kind="text", description="")
TIMES = Parameter(name="times", kind="number", description="", default=Fraction(2))
TOOLS = Toolbox(
    functions=(
        function("Say", TEXT),
        function("Scale", NUMBER, TIMES),
        REASONING,
        choice_answer(("True", "False")),
    )
)

LISTED = "Say, Scale, Reasoning, Answer"


def told(*lines):
    """Execute replies in order; return the last outcome."""
    memory = EMPTY
    outcome = None
    for line in lines:
        effect = read_call(line, TOOLS, memory)
        outcome, memory = effect.outcome, effect.memory
    return outcome


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Say('a')", "text='a'"),
        ("Say(text='a')", "text='a'"),
        ("Say(12)", "text='12'"),
        ("Say(0.50)", "text='0.5'"),
        ("Say('10/3')", "text='10/3'"),
        ("Say(True)", "text='True'"),
        ("Scale(3)", "n=Fraction(3, 1); times=Fraction(2, 1)"),
        ("Scale(times=1, n=0.1)", "n=Fraction(1, 10); times=Fraction(1, 1)"),
        ("Scale('10/3', '1,200')", "n=Fraction(10, 3); times=Fraction(1200, 1)"),
    ],
)
def test_arguments_are_bound_by_place_or_name_and_typed(reply, text):
    assert Outcome(text=text) == told(reply)


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        ("nonsense", "not_a_call", "Error: reply with one function call and nothing else"),
        ("Say('a') Say('b')", "several_calls", "Error: reply with one call at a time"),
        ("Say(", "unparseable", "Error: the call is not closed"),
        ("Fly()", "unknown_function", "Error: no function Fly; there are " + LISTED),
        ("say('a')", "unknown_function", "Error: no function say; there are " + LISTED),
        ("Say()", "missing_argument", "Error: Say needs text"),
        ("Scale(times=1)", "missing_argument", "Error: Scale needs n"),
        ("Say('a', 'b')", "extra_argument", "Error: Say takes 1 arguments"),
        ("Say(words='a')", "extra_argument", "Error: Say has no argument words"),
        ("Say('a', text='b')", "extra_argument", "Error: Say got text twice"),
        ("Say(['a'])", "argument_type", "Error: text must be a text"),
        ("Scale('ten')", "argument_type", "Error: n must be a number"),
        ("Scale([1])", "argument_type", "Error: n must be a number"),
        ("Scale(1, '1/0')", "argument_type", "Error: times must be a number"),
        ("Answer('Perhaps')", "argument_domain", "Error: value must be one of True, False"),
    ],
)  # fmt: skip
def test_each_failure_has_its_code_and_says_what_is_wrong(reply, code, text):
    assert Outcome(text=text, code=FailureCode(code)) == told(reply)


@pytest.mark.parametrize("again", ["Scale(3)", "Scale(n=3.0, times='2')", "Scale( 3, 2 )"])
def test_the_same_call_in_any_spelling_is_refused_the_second_time(again):
    assert told("Scale(3)", again).code is FailureCode.REPEATED_CALL
    assert told("Scale(4)", again).code is None


SAY, LOOK, SCALE = "Add(a=1, b=2)", "Check(value=3)", "Multiply(a=1, b=2)"


def codes(task, problem, *lines):
    return [outcome.code for outcome in replay(lines, find_task(task).toolbox, problem)[0]]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((LOOK, LOOK), FailureCode.REPEATED_CALL),
        ((LOOK, SAY, LOOK), None),
        ((LOOK, SAY, LOOK, LOOK), FailureCode.REPEATED_CALL),
        ((LOOK, SAY, LOOK, SCALE, LOOK), None),
        ((LOOK, "Reasoning('Hm.')", LOOK), FailureCode.REPEATED_CALL),
        ((LOOK, "Divide(a=1, b=0)", LOOK), FailureCode.REPEATED_CALL),
        ((LOOK, "Check(value=4)", LOOK), FailureCode.REPEATED_CALL),
        ((SAY, LOOK, SAY, LOOK), FailureCode.REPEATED_CALL),
        ((SAY, LOOK, SAY), FailureCode.REPEATED_CALL),
        (("Reasoning('Hm.')", SAY, "Reasoning('Hm.')"), FailureCode.REPEATED_CALL),
    ],
)
def test_a_verifying_call_may_be_repeated_once_something_new_is_established(lines, code):
    assert codes("math.word", math_problem("1 and 2", "3"), *lines)[-1] is code


def test_what_is_asked_again_is_answered_anew():
    lines = (LOOK, SAY, LOOK)
    outcomes, _ = replay(lines, find_task("math.word").toolbox, math_problem("1 and 2", "3"))
    assert outcomes[0].text == "3 is not the result of a call so far."
    assert outcomes[2].text == "3 is the result of a call."


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if task.generate])
@pytest.mark.parametrize("index", range(4))
def test_every_task_lets_its_check_be_repeated_after_a_step_and_not_before(task, index):
    problem = TASKS[task].generate({}, 5, "train", index)
    steps = TASKS[task].oracle(problem)[:-1]
    _, memory = replay(steps, TASKS[task].toolbox, problem)
    told = replay(steps, TASKS[task].toolbox, problem)[0][memory.facts[0].call].text
    first = memory.facts[0].call + 1
    look = show_call(Call(function="Check", positional=(told,)))
    found = codes(task, problem, *steps[:first], look, look, *steps[first:], look, look)
    again = len(memory.facts) > 1
    assert found[first : first + 2] == [None, FailureCode.REPEATED_CALL]
    assert found[-2:] == [None if again else FailureCode.REPEATED_CALL, FailureCode.REPEATED_CALL]


def test_a_failed_call_may_be_tried_again_with_its_own_failure():
    assert told("Say()", "Say()").code is FailureCode.MISSING_ARGUMENT


def test_no_call_works_after_the_answer():
    assert told("Answer('True')", "Say('a')").code is FailureCode.NOT_APPLICABLE
    assert told("Answer('True')", "Answer('False')").code is FailureCode.NOT_APPLICABLE
    assert told("Answer('True')", "nonsense").code is FailureCode.NOT_A_CALL


@pytest.mark.parametrize("spelling", ["True", " true ", "TRUE.", "true"])
def test_an_answer_is_taken_in_any_case(spelling):
    effect = execute(Call(function="Answer", positional=(spelling,)), TOOLS, EMPTY)
    assert effect.memory.answer == "True"


def test_reasoning_establishes_nothing():
    effect = read_call("Reasoning(thought='Answer(True), so it is True.')", TOOLS, EMPTY)
    identity = "Reasoning(thought='Answer(True), so it is True.')"
    assert effect.outcome.code is None
    assert evolve(EMPTY, steps=1, calls=frozenset({identity})) == effect.memory


@given(replies())
def test_a_failure_changes_the_step_count_and_nothing_else(reply):
    effect = read_call(reply, TOOLS, EMPTY)
    if effect.outcome.code is not None:
        assert evolve(EMPTY, steps=1) == effect.memory


@given(st.lists(replies(), max_size=6), st.integers(0, 8))
def test_execution_is_total_counts_steps_and_repeats_itself(lines, index):
    problem = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=index)
    memory = Memory(problem=problem)
    for count, line in enumerate(lines, start=1):
        effect = read_call(line, TASK.toolbox, memory)
        assert effect == read_call(line, TASK.toolbox, memory)
        memory = effect.memory
        assert count == memory.steps


@given(calls(), st.sampled_from([f.signature.name for f in TASK.toolbox.functions]))
def test_any_arguments_give_an_outcome(call, name):
    problem = generate(DeductionSpec(max_depth=1), seed=0, split="train", index=0)
    effect = execute(evolve(call, function=name), TASK.toolbox, Memory(problem=problem))
    assert isinstance(effect.outcome, Outcome)
