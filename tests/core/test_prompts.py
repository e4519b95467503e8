import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import (
    STUDENT,
    TEACHER,
    Limits,
    Message,
    PromptSpec,
    begin,
    finish,
    prompt_of,
    render,
    replay,
    schemas,
)
from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.functions import help_text, json_schema, parse_tool_call, show_call
from fcpref.core.problems.deduction import DeductionSpec, generate
from fcpref.core.tasks.fol_deduction import TASK
from tests.strategies import prompt_specs

PROBLEM = generate(DeductionSpec(max_depth=2), seed=0, split="train", index=3)
EXEMPLARS = TASK.exemplars


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
    said = [m.content for m in rendered(PromptSpec(detail=detail, shots=shots), EXEMPLARS[:4])]
    shown = [one for one in EXEMPLARS if one.problem.text in said]
    assert list(EXEMPLARS[: min(shots, 4)]) == shown


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


@pytest.mark.parametrize("grammar", ["python", "tools"])
@pytest.mark.parametrize("detail", ["help", "signatures"])
def test_a_withheld_function_is_shown_nowhere(detail, grammar):
    # The choice of what is shown knows of no support: leaving out a needed call shows its trace.
    for name in ("Reasoning", "ModusTollens", "Saturated"):
        spec = PromptSpec(detail=detail, shots=8, grammar=grammar)
        said, had = (
            [*(m.content for m in rendered(one)), repr(schemas(one, TASK.toolbox))]
            for one in (evolve(spec, without=(name,)), spec)
        )
        assert [text for text in had if name in text]
        # Descriptions of other functions may name it; nothing may offer or call it.
        assert not [text for text in said if f"{name}(" in text or f"'name': '{name}'" in text]
        assert not [text for text in said if f'"name": "{name}"' in text]


@given(prompt_specs())
def test_withholding_a_function_changes_nothing_else(spec):
    full = evolve(spec, without=())
    lines = [m.content.splitlines() for m in rendered(full)]
    left = [
        [line for line in of if not line.strip().startswith(tuple(f"{n}(" for n in spec.without))]
        for of in lines
    ]
    if spec.detail == "help" and spec.grammar == "python":
        examples = [f"Example: {name}(" for name in spec.without]
        left = [
            [line for line in of if not line.strip().startswith(tuple(examples))] for of in left
        ]
        assert left == [m.content.splitlines() for m in rendered(spec)]
    else:
        # No worked example calls Reasoning or Check.
        assert lines[1:] == [m.content.splitlines() for m in rendered(spec)][1:]


def test_what_is_left_of_an_example_is_executed_with_what_is_left_of_the_functions():
    at, exemplar = next(
        (at, one) for at, one in enumerate(EXEMPLARS) if any("ModusT" in r for r in one.replies)
    )
    spec = PromptSpec(detail="signatures", shots=1, picked=(at,), without=("ModusTollens",))
    replies = [reply for reply in exemplar.replies if not reply.startswith("ModusTollens(")]
    outcomes, _ = replay(replies, TASK.toolbox.without(["ModusTollens"]), exemplar.problem)
    opening = rendered(spec)[1:-1]
    assert [*replies, "Ready for the next problem."] == [
        m.content for m in opening if m.role == "assistant"
    ]
    assert [exemplar.problem.text, *(one.text for one in outcomes)] == [
        m.content for m in opening if m.role == "user"
    ]


def test_functions_are_withheld_whatever_the_order_they_are_named_in():
    specs = [PromptSpec(detail="help", without=names) for names in (["b", "a"], ("a", "b", "a"))]
    assert value_id(specs[0]) == value_id(specs[1])
    assert specs[0].without == ("a", "b")


def test_a_chains_own_functions_and_grammar_go_before_the_prompts():
    state = begin(TASK.toolbox.without(["Check"]), PROBLEM, (), Limits(), "tools")
    chain = finish(state, "test", 0)
    spec = PromptSpec(detail="help", shots=2, without=("Reasoning",))
    assert prompt_of(chain, spec) == evolve(spec, grammar="tools", without=("Check",))


@given(prompt_specs())
def test_a_prompt_that_says_nothing_new_is_written_as_before(spec):
    plain = unstructure(evolve(spec, exemplars="first", without=(), grammar="python"))
    assert plain.keys() == {"detail", "shots"}
    assert structure(unstructure(spec), PromptSpec) == spec


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"picked": (0, 0), "shots": 2}, "different places"),
        ({"picked": (-1,), "shots": 1}, "counted from 0"),
        ({"picked": (1, 2), "shots": 3}, "as many 'shots'"),
        ({"picked": (1,), "shots": 1, "exemplars": "spread"}, "without 'exemplars'"),
        ({"seed": 3}, "'seed' is of the random choice"),
    ],
)
def test_one_prompt_has_one_specification(knobs, said):
    with pytest.raises(ValueError, match=said):
        PromptSpec(detail="help", **knobs)


def test_a_prompt_does_not_tell_the_answer():
    spec = DeductionSpec(max_depth=2)
    for index in range(6):
        problem = generate(spec, seed=1, split="train", index=index)
        opening = render(STUDENT, TASK.toolbox, problem)
        assert not [m for m in opening if problem.gold in m.content]


def test_a_negative_number_of_examples_is_refused():
    with pytest.raises(ValueError, match="shots"):
        PromptSpec(detail="help", shots=-1)
