"""The `tools` grammar: every form is read as the same call, and no text breaks the reader."""

import json
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import (
    Call,
    FailureCode,
    Memory,
    Outcome,
    parse_call,
    parse_tool_call,
    read_call,
    show_call,
    show_tool_call,
    translate,
    wire_reply,
)
from fcpref.core.functions.grammar import MAX_ARGUMENTS, MAX_NESTING, MAX_REPLY
from fcpref.core.functions.tool_calls import arguments_data, arguments_text
from fcpref.core.tasks import TASKS, find_task
from tests.strategies import TOOL_FORMS, calls, hostile_texts, plain_data, tool_replies, values
from tests.strategies import deduction_replies as python_replies


def with_arguments(text):
    return f'{{"name": "F", "arguments": {text}}}'


def value(source):
    """Return the one argument of a call whose value is written so."""
    call = parse_tool_call(with_arguments(f'{{"a": {source}}}'))
    assert isinstance(call, Call), call
    return dict(call.keywords)["a"]


def code(reply):
    outcome = parse_tool_call(reply)
    return outcome.code if isinstance(outcome, Outcome) else None


def normalised(item):
    """Return a value as printing leaves it: an endless decimal becomes text such as '10/3'."""
    if isinstance(item, tuple):
        return tuple(normalised(one) for one in item)
    endless = isinstance(item, Fraction) and (item * 10**6).denominator != 1
    return f"{item.numerator}/{item.denominator}" if endless else item


@given(tool_replies() | hostile_texts())
def test_any_reply_is_a_call_or_a_failure_with_its_code(reply):
    parsed = parse_tool_call(reply)
    assert isinstance(parsed, Call) or (
        isinstance(parsed, Outcome)
        and isinstance(parsed.code, FailureCode)
        and parsed.text.startswith("Error: ")
    )


@given(calls(), st.sampled_from(TOOL_FORMS))
def test_a_shown_call_parses_back_in_every_form(call, form):
    expected = Call(
        function=call.function,
        positional=tuple(normalised(item) for item in call.positional),
        keywords=tuple((name, normalised(item)) for name, item in call.keywords),
    )
    assert expected == parse_tool_call(form.format(show_tool_call(call)))


@given(calls())
def test_both_grammars_print_the_same_call(call):
    assert parse_call(show_call(call)) == parse_tool_call(show_tool_call(call))


@given(calls())
def test_what_is_shown_is_json_and_stable(call):
    shown = show_tool_call(call)
    assert shown == show_tool_call(parse_tool_call(shown))
    assert json.loads(shown).keys() == {"name", "arguments"}


@given(calls())
def test_arguments_as_plain_data_say_the_same_call(call):
    again = {"name": call.function, "arguments": arguments_data(call)}
    assert parse_tool_call(json.dumps(again)) == parse_tool_call(show_tool_call(call))


def test_a_call_is_shown_as_chat_templates_print_it():
    call = Call(function="Add", keywords=(("a", Fraction(2)), ("b", Fraction(-7, 2))))
    assert show_tool_call(call) == '{"name": "Add", "arguments": {"a": 2, "b": -3.5}}'
    endless = Call(function="F", positional=(Fraction(10, 3),), keywords=(("x", ("é", ())),))
    assert arguments_text(endless) == '{"0": "10/3", "x": ["é", []]}'


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "Add", "arguments": {"a": 2, "b": 3.5}}',
        '{"name": "Add", "parameters": {"a": 2, "b": 3.5}}',
        '{"type": "function", "name": "Add", "parameters": {"a": 2, "b": 3.5}}',
        '{"arguments": {"a": 2.0, "b": 35e-1}, "name": "Add"}',
        '<tool_call>\n{"name": "Add", "arguments": {"a": 2, "b": 3.5}}\n</tool_call>',
        '<tool_call>{"name":"Add","arguments":{"a":2,"b":3.50}}</tool_call>\n',
        '```json\n{"name": "Add", "arguments": {"a": 2, "b": 3.5}}\n```',
        '{"name": "Add", "arguments": "{\\"a\\": 2, \\"b\\": 3.5}"}',
        '[{"name": "Add", "arguments": {"a": 2, "b": 3.5}}]',
        '{"id": "c", "function": {"name": "Add", "arguments": "{\\"a\\": 2, \\"b\\": 3.5}"}}',
        '<think>\n2 and {3}\n</think>\n\n{"name": "Add", "arguments": {"a": 2, "b": 3.5}}',
        '\n</think>\n\n<tool_call>{"name": "Add", "arguments": {"a": 2, "b": 3.5}}</tool_call>',
        '<|python_tag|>{"name": "Add", "parameters": {"a": 2, "b": 3.5}}',
        '[TOOL_CALLS][{"name": "Add", "arguments": {"a": 2, "b": 3.5}, "id": "abcdefghi"}]',
    ],
)
def test_the_forms_of_chat_templates_and_servers_are_one_call(reply):
    expected = Call(function="Add", keywords=(("a", Fraction(2)), ("b", Fraction(7, 2))))
    assert parse_tool_call(reply) == expected


@pytest.mark.parametrize("given", ["[1, 2]", '{"1": 2, "0": 1}', '"[1, 2]"'])
def test_a_list_and_places_are_positional_arguments(given):
    assert parse_tool_call(with_arguments(given)) == Call(function="F", positional=(1, 2))


@pytest.mark.parametrize("given", ["{}", "[]", "null", '""', '" "', '"{}"', '"null"'])
def test_no_arguments_are_said_in_many_ways(given):
    assert parse_tool_call(with_arguments(given)) == Call(function="F")


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("0.1", Fraction(1, 10)),
        ("-3.5", Fraction(-7, 2)),
        ("-0", Fraction(0)),
        ("1e3", Fraction(1000)),
        ("2.5E-3", Fraction(1, 400)),
        ("0.1234567890123456789", Fraction(1234567890123456789, 10**19)),
        ("12345678901234567890.5", Fraction(24691357802469135781, 2)),
        ("9" * 60, Fraction(10**60 - 1)),
        ("1e60", Fraction(10**60)),
    ],
)
def test_a_number_is_exactly_what_is_written(source, number):
    assert number == value(source)
    inner = json.dumps(f'{{"a": {source}}}')
    assert parse_tool_call(with_arguments(inner)).keywords == (("a", number),)


def test_number_text_is_a_number_where_one_is_asked_for():
    toolbox = find_task("math.word").toolbox
    memory = Memory(problem=find_task("math.word").exemplars[0].problem)
    reply = '{"name": "Add", "arguments": {"a": "10/3", "b": 0.1}}'
    assert read_call(reply, toolbox, memory, "tools").outcome == Outcome(text="103/30")


def test_truth_values_are_text():
    assert [value(word) for word in ("true", "false", "null")] == ["True", "False", "None"]


@given(st.text() | st.text("'\"\\\n\t a{}[]"))
def test_any_text_survives_as_an_argument(text):
    call = Call(function="F", keywords=(("a", text),))
    assert call == parse_tool_call(show_tool_call(call))
    assert call == parse_tool_call(with_arguments(json.dumps(arguments_text(call))))


CALL = '{"name": "F", "arguments": {"a": 1}}'


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", "not_a_call"),
        ("I would add 2 and 3.", "not_a_call"),
        ("Add(a=1)", "not_a_call"),
        (f"Let me see: {CALL}", "not_a_call"),
        (f"{CALL} because", "not_a_call"),
        (f"<think>{CALL}", "not_a_call"),
        (f"<think>{CALL}</think>", "not_a_call"),
        (f"So.</think>{CALL}", "not_a_call"),
        (f"<think></think><think></think>{CALL}", "not_a_call"),
        ("<think>" * 500, "not_a_call"),
        ("{}", "not_a_call"),
        ("[]", "not_a_call"),
        ("[1, 2]", "not_a_call"),
        ("[1]", "not_a_call"),
        ('{"name": "F"}', "not_a_call"),
        ('{"arguments": {}}', "not_a_call"),
        ('{"name": 3, "arguments": {}}', "not_a_call"),
        ('{"name": null, "arguments": {}}', "not_a_call"),
        ('{"name": "", "arguments": {}}', "not_a_call"),
        ('{"name": "a.b", "arguments": {}}', "not_a_call"),
        ('{"name": "F\\n", "arguments": {}}', "not_a_call"),
        ('{"name": "F", "arguments": {}, "parameters": {}}', "not_a_call"),
        ('{"name": "F", "arguments": {}, "eval": "1"}', "not_a_call"),
        ('{"function": {"name": "F", "arguments": {}}, "name": "G"}', "not_a_call"),
        ('<tool_call>{"answer": 5}</tool_call>', "not_a_call"),
        (f"<tool_call>{CALL}</tool_call> because", "not_a_call"),
        (f"{CALL}{CALL}", "several_calls"),
        (f"{CALL}\n{CALL}", "several_calls"),
        (f"{CALL}; {CALL}", "several_calls"),
        (f"[{CALL}, {CALL}]", "several_calls"),
        (f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>", "several_calls"),
        (f"<tool_call>[{CALL},{CALL}]</tool_call>", "several_calls"),
        (f"<tool_call>{CALL}</tool_call>{CALL}", "several_calls"),
        (f"<tool_call>{CALL}", "unparseable"),
        (f"<tool_call>{CALL}{CALL}</tool_call>", "unparseable"),
        ("<tool_call>", "unparseable"),
        ("<tool_call>Add(a=1)</tool_call>", "unparseable"),
        ("{", "unparseable"),
        ("{'name': 'F', 'arguments': {}}", "unparseable"),
        (CALL[:-1], "unparseable"),
        (with_arguments("{"), "unparseable"),
        (with_arguments('{"a": 1,}'), "unparseable"),
        (with_arguments('{"a" 1}'), "unparseable"),
        (with_arguments("{a: 1}"), "unparseable"),
        (with_arguments('{"a": x}'), "unparseable"),
        (with_arguments('{"a": 1/3}'), "unparseable"),
        (with_arguments('{"a": 1+1}'), "unparseable"),
        (with_arguments('{"a": 007}'), "unparseable"),
        (with_arguments('{"a": +1}'), "unparseable"),
        (with_arguments('{"a": .5}'), "unparseable"),
        (with_arguments('{"a": 0x10}'), "unparseable"),
        (with_arguments('{"a": ١٢}'), "unparseable"),
        (with_arguments('{"a": NaN}'), "unparseable"),
        (with_arguments('{"a": Infinity}'), "unparseable"),
        (with_arguments('{"a": -Infinity}'), "unparseable"),
        (with_arguments('{"a": "\\ud800"}'), "unparseable"),
        (with_arguments('{"a": "\ud800"}'), "unparseable"),
        (with_arguments('{"a": "\\q"}'), "unparseable"),
        (with_arguments('{"1": 1}'), "unparseable"),
        (with_arguments("3"), "unparseable"),
        (with_arguments("true"), "unparseable"),
        (with_arguments('"3"'), "unparseable"),
        (with_arguments('"a=1"'), "unparseable"),
        (with_arguments('"{} {}"'), "unparseable"),
        (with_arguments('"\\"{}\\""'), "unparseable"),
        ('{"name": "F", "name": "G", "arguments": {}}', "unparseable"),
        ('{"name": "F", "arguments": {}, "arguments": {"a": 1}}', "unparseable"),
        (with_arguments('{"a": 1, "a": 1}'), "extra_argument"),
        (with_arguments('"{\\"a\\": 1, \\"a\\": 2}"'), "extra_argument"),
        (with_arguments('{"0": 1, "0": 1}'), "extra_argument"),
        (with_arguments('{"a b": 1}'), "extra_argument"),
        (with_arguments('{"": 1}'), "extra_argument"),
        (with_arguments('{"00": 1}'), "extra_argument"),
        (with_arguments('{"a": {"value": 2}}'), "argument_type"),
        (with_arguments('{"a": [{}]}'), "argument_type"),
        (with_arguments('{"a": 1e61}'), "limit"),
        (with_arguments('{"a": 1e-61}'), "limit"),
        (with_arguments('{"a": 1e999999999}'), "limit"),
    ],
)  # fmt: skip
def test_a_reply_that_is_no_call_is_refused_with_its_code(reply, expected):
    assert FailureCode(expected) == code(reply)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (with_arguments('{"a": "' + "a" * 1_000_000 + '"}'), "limit"),
        ("[" * 500_000, "limit"),
        ("[" * 3_900, "limit"),
        ('{"a":' * 700, "limit"),
        (with_arguments("[" * 3_900), "limit"),
        (with_arguments('"' + "[" * 3_900 + '"'), "limit"),
        (with_arguments('{"a": ' + "9" * 3_900 + "}"), "limit"),
        (with_arguments('{"a": 0.' + "9" * 3_900 + "}"), "limit"),
        (with_arguments("[" + "1," * 1_900 + "1]"), "limit"),
        (with_arguments('{"a": [' + "1," * 1_900 + "1]}"), "limit"),
        ("]" * 3_900 + "[" * 90, "not_a_call"),
        ("{" + '"' * 3_900, "unparseable"),
        ('{"' + '\\"' * 1_900, "unparseable"),
        (CALL + " " * 3_900 + "x", "not_a_call"),
        ("<tool_call>" * 350, "unparseable"),
        ("```" * 1_300, "not_a_call"),
        ("\ud800" * 3_000, "not_a_call"),
        ("{\x00}", "unparseable"),
        (f"\ufeff{CALL}", "not_a_call"),
    ],
    ids=lambda value: f"{value[:6]!a}x{len(value)}",
)
def test_a_hostile_reply_is_refused_at_once(reply, expected):
    started = time.perf_counter()
    assert FailureCode(expected) == code(reply)
    assert time.perf_counter() - started < 1


@given(st.integers(0, 20))
def test_lists_nest_up_to_the_bound(depth):
    nested = f"{'[' * depth}1{']' * depth}"
    expected = None if depth <= MAX_NESTING else FailureCode.LIMIT
    inside = with_arguments(f'{{"a": {nested}}}')
    text = with_arguments(json.dumps(f'{{"a": {nested}}}'))
    assert [expected] * 2 == [code(inside), code(text)]


def test_brackets_within_a_text_do_not_nest():
    assert value('"\\"' + "[" * 40 + '"') == '"' + "[" * 40


@given(st.integers(0, 50))
def test_arguments_and_items_are_counted(count):
    inside = ", ".join(["1"] * count)
    named = ", ".join(f'"a{index}": 1' for index in range(count))
    forms = (f"[{inside}]", f'{{"a": [{inside}]}}', f"{{{named}}}")
    expected = None if count <= MAX_ARGUMENTS else FailureCode.LIMIT
    assert [expected] * 3 == [code(with_arguments(form)) for form in forms]


def test_a_reply_may_be_as_long_as_the_bound_says():
    empty = with_arguments('{"a": ""}')
    text = with_arguments('{"a": "' + "a" * (MAX_REPLY - len(empty)) + '"}')
    assert [code(text), code(text + " ")] == [None, FailureCode.LIMIT]


@given(values())
def test_no_value_hides_a_second_call(item):
    shown = show_tool_call(Call(function="F", positional=(item,)))
    assert code(f"{shown}\n{shown}") in {FailureCode.SEVERAL_CALLS, FailureCode.LIMIT}


@given(python_replies())
def test_a_translated_reply_executes_to_the_same(reply):
    task = find_task("fol.deduction")
    memory = Memory(problem=task.exemplars[0].problem)
    assert read_call(translate(reply, "tools"), task.toolbox, memory, "tools") == read_call(
        reply, task.toolbox, memory
    )


@pytest.mark.parametrize("name", TASKS)
def test_examples_of_all_functions_translate(name):
    for function in TASKS[name].toolbox.functions:
        example = function.signature.example
        assert parse_tool_call(translate(example, "tools")) == parse_call(example)


def test_a_reply_that_is_no_call_is_not_translated():
    assert translate("Well, Add.", "tools") == "Well, Add."
    assert translate("Add( 1 )", "python") == "Add( 1 )"


def wire(name, arguments):
    return {"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}


@given(calls())
def test_a_servers_structured_call_is_the_printed_call(call):
    text = wire_reply([wire(call.function, arguments_text(call))])
    assert text == show_tool_call(parse_tool_call(show_tool_call(call)))


@pytest.mark.parametrize("arguments", ["", None, {}, "{}"])
def test_a_server_may_leave_out_the_arguments_of_none(arguments):
    assert parse_tool_call(wire_reply([wire("Saturated", arguments)])) == Call(function="Saturated")


@given(st.lists(plain_data() | st.builds(wire, plain_data(), plain_data() | hostile_texts())))
def test_whatever_a_server_sends_becomes_a_text_with_a_verdict(tool_calls):
    text = wire_reply(tool_calls)
    text.encode()
    parsed = parse_tool_call(text)
    assert isinstance(parsed, Call | Outcome)
    if len(tool_calls) > 1:
        assert isinstance(parsed, Outcome)


def test_several_structured_calls_are_several_calls():
    one = wire("F", '{"a": 1}')
    assert code(wire_reply([one, one])) is FailureCode.SEVERAL_CALLS


def test_structured_arguments_cannot_smuggle_in_a_second_call():
    smuggled = '{"a": 1}}\n{"name": "G", "arguments": {}'
    assert code(wire_reply([wire("F", smuggled)])) is FailureCode.UNPARSEABLE
