import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, TEACHER, Message, PromptSpec, render, replay, schemas
from fcpref.core.codec import value_id
from fcpref.core.functions import help_text, json_schema, parse_tool_call, show_call
from fcpref.core.problems.deduction import DeductionSpec, generate
from fcpref.core.tasks.fol_deduction import TASK
from tests.strategies import prompt_specs

PROBLEM = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=3)


def rendered(spec, exemplars=TASK.exemplars):
    return render(spec, TASK.toolbox, PROBLEM, exemplars)


def test_a_student_is_shown_signatures_and_the_problem():
    assert rendered(STUDENT) == (
        Message(
            role="system",
            content="ApplyRule(rule, fact) ModusTollens(rule, fact) AndIntro(first, second) "
            "AndElim(fact) Instantiate(rule, names) ModusPonens(conditional, fact) Saturated() "
            "Check(claim) Reasoning(thought) Answer(value)",
        ),
        Message(role="user", content=PROBLEM.text),
    )


def test_a_teacher_is_shown_the_help_of_every_function():
    system = rendered(TEACHER)[0].content
    assert system.startswith("Solve the problem step by step by calling functions.")
    helps = "\n".join(help_text(function.signature) for function in TASK.toolbox.functions)
    assert system.endswith(f"\n\nFunctions:\n{helps}")


def test_prompts_are_the_ones_that_recordings_were_made_with():
    assert {"teacher": opening_id(TEACHER), "student": opening_id(STUDENT)} == {
        "teacher": "sha256:d1f8287475f26e3e9467679f636e14dc87923e3378a622effb06880525f09097",
        "student": "sha256:4798126b997c2a465ec0831db3fca6825639ac208696877aac42ff289935781b",
    }


def opening_id(spec):
    return value_id(list(rendered(spec)))


@given(prompt_specs(("python",)))
def test_an_opening_is_system_then_alternating_turns_then_the_problem(spec):
    opening = rendered(spec)
    middle = opening[1:-1]
    assert opening[0].role == "system"
    assert ["user", "assistant"] * (len(middle) // 2) == [message.role for message in middle]
    assert Message(role="user", content=PROBLEM.text) == opening[-1]


@given(st.integers(0, 6), st.sampled_from(("help", "signatures")))
def test_as_many_examples_are_shown_as_asked_for_and_there_are(shots, detail):
    said = [m.content for m in rendered(PromptSpec(detail=detail, shots=shots))]
    shown = [one for one in TASK.exemplars if one.problem.text in said]
    assert list(TASK.exemplars[:shots]) == shown


def test_an_example_shows_each_reply_and_what_executing_it_gave():
    exemplar = TASK.exemplars[0]
    outcomes, _ = replay(exemplar.replies, TASK.toolbox, exemplar.problem)
    told = [exemplar.problem.text, *(outcome.text for outcome in outcomes)]
    opening = rendered(PromptSpec(detail="help", shots=1))[1:-1]
    assert told == [message.content for message in opening if message.role == "user"]
    assert [*exemplar.replies, "Ready for the next problem."] == [
        message.content for message in opening if message.role == "assistant"
    ]


@given(prompt_specs())
def test_what_is_shown_depends_on_nothing_but_the_arguments(spec):
    assert rendered(spec) == rendered(spec)


TOOLS = PromptSpec(detail="help", shots=1, grammar="tools")


@given(prompt_specs(("tools",)))
def test_a_tools_opening_names_no_function_and_keeps_roles_in_turn(spec):
    opening = rendered(spec)
    assert [m.role for m in opening if m.role == "system"] == ["system"] * (spec.detail == "help")
    assert not [m for m in opening if m.role == "system" and "ApplyRule" in m.content]
    assert Message(role="user", content=PROBLEM.text) == opening[-1]
    turns = [message.role for message in opening if message.role != "system"]
    assert ["assistant"] * (len(turns) // 2) == turns[1::2]
    assert all(role != "assistant" for role in turns[::2])


def test_a_tools_example_shows_the_same_calls_as_json_with_their_results():
    exemplar = TASK.exemplars[0]
    outcomes, _ = replay(exemplar.replies, TASK.toolbox, exemplar.problem)
    opening = rendered(TOOLS)[1:-1]
    said = [m.content for m in opening if m.role == "assistant"]
    assert [*exemplar.replies, "Ready for the next problem."] == [
        *(show_call(parse_tool_call(text)) for text in said[:-1]),
        said[-1],
    ]
    assert [m.content for m in opening if m.role == "tool"] == [one.text for one in outcomes]
    assert [m.content for m in opening if m.role == "user"] == [exemplar.problem.text]


def test_functions_are_schemas_in_the_tools_grammar_only():
    assert schemas(TEACHER, TASK.toolbox) == schemas(STUDENT, TASK.toolbox) == ()
    full = schemas(TOOLS, TASK.toolbox)
    assert list(full) == [json_schema(function.signature) for function in TASK.toolbox.functions]
    brief = schemas(evolve(TOOLS, detail="signatures"), TASK.toolbox)
    assert brief[0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"rule": {"type": "string"}, "fact": {"type": "string"}},
        "required": ["rule", "fact"],
    }
    assert brief[0]["function"]["description"] == full[0]["function"]["description"]


def test_a_prompt_does_not_tell_the_answer():
    spec = DeductionSpec(max_depth=2)
    for index in range(6):
        problem = generate(spec, seed=1, split="train", index=index)
        opening = render(STUDENT, TASK.toolbox, problem)
        assert not [m for m in opening if problem.gold in m.content]


def test_a_negative_number_of_examples_is_refused():
    with pytest.raises(ValueError, match="shots"):
        PromptSpec(detail="help", shots=-1)
