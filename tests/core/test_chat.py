"""Messages as templates and servers take them: plain in `python`, structured in `tools`."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import (
    Limits,
    Message,
    PromptSpec,
    Reply,
    advance,
    begin,
    chat_rows,
    messages,
    render,
    template_rows,
    wire_rows,
)
from fcpref.core.functions import Call, parse_tool_call, wire_reply
from fcpref.core.tasks import find_task
from tests.strategies import replies, tool_replies

TASK = find_task("math.word")
PROBLEM = TASK.exemplars[0].problem
SPEC = PromptSpec(detail="help", shots=1, grammar="tools")
TALK = st.lists(tool_replies(), max_size=5)
ADD = '{"name": "Add", "arguments": {"a": 0.1, "b": "10/3"}}'
CHAT = (
    Message(role="user", content="Add them."),
    Message(role="assistant", content=f"<tool_call>\n{ADD}\n</tool_call>"),
    Message(role="tool", content="103/30"),
    Message(role="assistant", content="Well."),
    Message(role="user", content="Error: no"),
    Message(role="assistant", content=ADD),
    Message(role="tool", content="Error: again"),
)


def chat_after(talk):
    opening = render(SPEC, TASK.toolbox, PROBLEM, TASK.exemplars)
    state = begin(TASK.toolbox, PROBLEM, opening, Limits(), "tools")
    for text in talk:
        state = advance(state, Reply(text=text))
    return messages(state)


@given(st.lists(replies() | tool_replies(), max_size=5))
def test_python_messages_are_role_and_content(talk):
    chat = tuple(Message(role="assistant", content=text) for text in talk)
    assert [{"role": "assistant", "content": text} for text in talk] == chat_rows(chat)


def test_a_template_is_given_calls_as_plain_data_and_results_by_name():
    function = {"name": "Add", "arguments": {"a": 0.1, "b": "10/3"}}
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": function}],
    }
    assert template_rows(CHAT) == [
        {"role": "user", "content": "Add them."},
        call,
        {"role": "tool", "content": "103/30", "name": "Add"},
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": "Error: no"},
        call,
        {"role": "tool", "content": "Error: again", "name": "Add"},
    ]


def test_a_server_is_given_calls_with_ids_and_arguments_as_text():
    rows = wire_rows(CHAT)
    calls = [row["tool_calls"][0] for row in rows if "tool_calls" in row]
    assert [call["id"] for call in calls] == ["call00001", "call00005"]
    assert [row["tool_call_id"] for row in rows if row["role"] == "tool"] == [
        *("call00001", "call00005")
    ]
    assert calls[0]["function"] == {"name": "Add", "arguments": '{"a": 0.1, "b": "10/3"}'}
    assert rows[1]["content"] is None
    assert rows[3] == {"role": "assistant", "content": "Well."}


@given(TALK)
def test_every_tool_message_answers_the_call_before_it(talk):
    chat = chat_after(talk)
    for rows, key in ((template_rows(chat), "name"), (wire_rows(chat), "tool_call_id")):
        assert [row["role"] for row in rows] == [message.role for message in chat]
        for before, row in itertools.pairwise(rows):
            assert (row["role"] == "tool") == ("tool_calls" in before) == (key in row)
            if row["role"] == "tool":
                (call,) = before["tool_calls"]
                assert row[key] == (call["function"]["name"] if key == "name" else call["id"])


@given(TALK)
def test_rows_are_json_and_say_the_same_calls(talk):
    chat = chat_after(talk)
    read = [parse_tool_call(m.content) for m in chat if m.role == "assistant"]
    expected = [call for call in read if isinstance(call, Call)]
    for rows in (template_rows(chat), wire_rows(chat)):
        again = json.loads(json.dumps(rows, allow_nan=False))
        calls = [wire_reply(row["tool_calls"]) for row in again if "tool_calls" in row]
        assert [parse_tool_call(text) for text in calls] == [
            parse_tool_call(wire_reply(row["tool_calls"]))
            for row in wire_rows(chat)
            if "tool_calls" in row
        ]
        assert len(calls) == len(expected)
