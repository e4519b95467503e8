"""Chat templates: what goes through them in both grammars, and which are refused for tools."""

from __future__ import annotations

import pytest

from fcpref.core.chains import STUDENT, Message, PromptSpec, render, schemas
from fcpref.core.tasks import find_task
from fcpref.errors import ModelError
from fcpref.shell.templates import render_chat, require_tools
from tests.published_templates import published
from tests.tiny_model import CHATML, LLAMA, QWEN, byte_tokenizer

TASK = find_task("math.word")
PROBLEM = TASK.exemplars[0].problem
TOOLS = schemas(PromptSpec(detail="help", grammar="tools"), TASK.toolbox)
CALL = '{"name": "Add", "arguments": {"a": 0.1, "b": "10/3"}}'
CHAT = (
    Message(role="user", content="Add."),
    Message(role="assistant", content=CALL),
    Message(role="tool", content="103/30"),
)


@pytest.mark.parametrize("template", [CHATML, QWEN, LLAMA])
def test_the_python_grammar_shows_a_template_no_tools(template) -> None:
    tokenizer = byte_tokenizer((), template)
    opening = render(STUDENT, TASK.toolbox, PROBLEM)
    rows = [{"role": m.role, "content": m.content} for m in (*opening, CHAT[1])]
    expected = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
    assert render_chat(tokenizer, (*opening, CHAT[1])) == expected
    assert CALL in expected


@pytest.mark.parametrize(
    ("template", "ending"),
    [
        (
            QWEN,
            (
                f"<|im_start|>assistant\n<tool_call>\n{CALL}\n</tool_call><|im_end|>\n"
                "<|im_start|>user\n<tool_response>\n103/30\n</tool_response><|im_end|>\n"
                "<|im_start|>assistant\n"
            ),
        ),
        (
            LLAMA,
            (
                f"<|im_start|>assistant\n{CALL.replace('arguments', 'parameters')}<|im_end|>\n"
                "<|im_start|>tool\n103/30<|im_end|>\n<|im_start|>assistant\n"
            ),
        ),
    ],
)
def test_a_call_and_its_result_are_printed_by_the_template(template, ending) -> None:
    text = render_chat(byte_tokenizer((), template), CHAT, TOOLS)
    assert text.endswith(ending)
    assert all(tool["function"]["description"] in text for tool in TOOLS)


@pytest.mark.parametrize(
    "template",
    [
        *(QWEN, LLAMA),
        QWEN.replace("{%- for message", "{{ messages | length }}{%- for message"),
        QWEN.replace("'\\n<tool_call>", "'\\n<think>\\n\\n</think>\\n\\n<tool_call>"),
    ],
    ids=["tagged", "bare", "rewriting", "thinking"],
)
def test_a_template_that_knows_tools_is_taken(template) -> None:
    require_tools(byte_tokenizer((), template), TOOLS, "m")


# What calls need comes after what lists them, so each of these leaves out one thing.
WITHOUT_CALLS = QWEN.replace("message.tool_calls or []", "[]")
WITHOUT_RESULTS = LLAMA.replace("{{ message.content }}", "{{ message.text }}")
ARGUMENTS_AS_TEXT = QWEN.replace("call.arguments | tojson", "call.arguments + ''")
AS_TUPLES = QWEN.replace("call.arguments | tojson", "call.arguments | items | list | string")
AS_PYTHON = (
    LLAMA.replace('{"name": "', "[")
    .replace("""", "parameters": '""", "(' ")
    .replace("+ '}'", "+ ')]'")
)
TAGGED = LLAMA.replace('{"name', '<|tool_call|>{"name')
REFUSES = "{{ raise_exception('no roles\\nbut two') if tools else '' }}" + CHATML


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (CHATML, "shows no tools"),
        (WITHOUT_CALLS, "shows no tool calls or no results"),
        (WITHOUT_RESULTS, "shows no tool calls or no results"),
        (ARGUMENTS_AS_TEXT, "fails on tools"),
        (AS_TUPLES, "writes calls in a form that is not read here"),
        (AS_PYTHON, "writes calls in a form that is not read here"),
        (TAGGED, "writes calls in a form that is not read here"),
        (REFUSES, "fails on tools (no roles but two)"),
    ],
)
def test_a_template_that_leaves_something_out_is_refused_in_one_line(template, said) -> None:
    with pytest.raises(ModelError) as caught:
        require_tools(byte_tokenizer((), template), TOOLS, "hub:a/b")
    text = str(caught.value)
    assert text.startswith(f"hub:a/b: its chat template {said}")
    assert text.endswith(
        "; use the python grammar, or a model whose template writes JSON tool calls"
    )
    assert "\n" not in text


def test_without_tools_any_template_will_do() -> None:
    require_tools(byte_tokenizer((), REFUSES), (), "m")


@pytest.mark.parametrize(
    "name", ["qwen2_5", "qwen3", "qwen3_training", "qwen3_instruct_2507", "llama3_1", "llama3_2"]
)
def test_published_templates_that_write_json_calls_are_taken(name) -> None:
    tokenizer = published(name)
    require_tools(tokenizer, TOOLS, name)
    assert "103/30" in render_chat(tokenizer, CHAT, TOOLS)


@pytest.mark.parametrize("name", ["qwen3_5_nothink", "glm4moe", "gemma3_training", "phi3"])
def test_published_templates_that_write_none_are_refused(name) -> None:
    with pytest.raises(ModelError, match=f"{name}: its chat template"):
        require_tools(published(name), TOOLS, name)
