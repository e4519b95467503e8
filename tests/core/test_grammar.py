import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.functions import Call, FailureCode, Outcome, parse_call, show_call
from fcpref.core.functions.grammar import MAX_ARGUMENTS, MAX_NESTING, MAX_REPLY
from tests.strategies import calls, replies, values


def arguments(reply):
    """Return the positional values of a reply that is a call."""
    call = parse_call(reply)
    assert isinstance(call, Call), call
    return call.positional


def code(reply):
    outcome = parse_call(reply)
    return outcome.code if isinstance(outcome, Outcome) else None


def normalised(value):
    """Return a value as printing leaves it: an endless decimal becomes text such as '10/3'."""
    if isinstance(value, tuple):
        return tuple(normalised(item) for item in value)
    endless = isinstance(value, Fraction) and (value * 10**6).denominator != 1
    return f"{value.numerator}/{value.denominator}" if endless else value


@given(replies())
def test_any_reply_is_a_call_or_a_failure_with_its_code(reply):
    parsed = parse_call(reply)
    assert isinstance(parsed, Call) or (
        isinstance(parsed, Outcome)
        and isinstance(parsed.code, FailureCode)
        and parsed.text.startswith("Error: ")
    )


@given(calls())
def test_a_shown_call_parses_back(call):
    expected = Call(
        function=call.function,
        positional=tuple(normalised(value) for value in call.positional),
        keywords=tuple((name, normalised(value)) for name, value in call.keywords),
    )
    assert expected == parse_call(show_call(call))


@given(calls())
def test_showing_is_stable(call):
    shown = show_call(call)
    assert shown == show_call(parse_call(shown))


@given(
    calls(), st.sampled_from((" {} ", "\n{}\n", "```{}```", "```python\n{}\n```", "{};", "\t{}`"))
)
def test_a_wrapping_of_space_or_one_code_fence_is_dropped(call, wrapping):
    shown = show_call(call)
    assert parse_call(shown) == parse_call(wrapping.format(shown))


@given(st.text() | st.text("'\"\\\n\t a"))
def test_any_text_survives_as_an_argument(text):
    assert (text,) == arguments(show_call(Call(function="F", positional=(text,))))


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("0.1", Fraction(1, 10)),
        ("-3.5", Fraction(-7, 2)),
        ("+2", Fraction(2)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1_000", Fraction(1000)),
        ("1e3", Fraction(1000)),
        ("2.5E-3", Fraction(1, 400)),
        ("007", Fraction(7)),
        ("0.1234567890123456789", Fraction(1234567890123456789, 10**19)),
        ("9" * 60, Fraction(10**60 - 1)),
        ("1e60", Fraction(10**60)),
    ],
)
def test_a_number_is_exactly_what_is_written(source, number):
    assert (number,) == arguments(f"F({source})")


def test_arguments_are_positional_or_named_and_may_end_with_a_comma():
    expected = Call(function="F", positional=(1, "a"), keywords=(("b", "c"), ("d", (1, (2,)))))
    assert expected == parse_call("F ( 1, 'a', b = \"c\", d=[1,[2,],], )")


def test_truth_values_are_text():
    assert arguments("F(True,False,None,true,false)") == ("True", "False", "None", "True", "False")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'a\\'b'", "a'b"),
        ("'a\"b'", 'a"b'),
        ('"a\\"b"', 'a"b'),
        (r"'a\\nb'", r"a\nb"),
        (r"'a\nb'", "a\nb"),
        (r"'\t'", "\t"),
        (r"'\q'", r"\q"),
        ("''", ""),
        ("'a\nb'", "a\nb"),
        ("'F(a=1)'", "F(a=1)"),
        ("'été \U0001f600'", "été \U0001f600"),
    ],
)
def test_quoted_text_is_read_with_its_escapes(source, text):
    assert (text,) == arguments(f"F({source})")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", "not_a_call"),
        ("I would add 2 and 3.", "not_a_call"),
        ("Let me see: Add(a=1)", "not_a_call"),
        ("Add", "not_a_call"),
        ("(1)", "not_a_call"),
        ("a.b(1)", "not_a_call"),
        ("x = Add(1)", "not_a_call"),
        ("[Add(1)]", "not_a_call"),
        ('{"name": "Add"}', "not_a_call"),
        ("F(1) because", "not_a_call"),
        ("F(1).real", "not_a_call"),
        ("F(1)[0]", "not_a_call"),
        ("F(1) + 2", "not_a_call"),
        ("F(1)\nF(2)", "several_calls"),
        ("F(1); F(2)", "several_calls"),
        ("F(1) F (2)", "several_calls"),
        ("F(1).bit_length()", "several_calls"),
        ("F(", "unparseable"),
        ("F(1", "unparseable"),
        ("F(1,", "unparseable"),
        ("F(a", "unparseable"),
        ("F(a=", "unparseable"),
        ("F(a=)", "unparseable"),
        ("F(a==1)", "unparseable"),
        ("F(,)", "unparseable"),
        ("F(1 2)", "unparseable"),
        ("F(x)", "unparseable"),
        ("F(Unknown)", "unparseable"),
        ("F(Truest)", "unparseable"),
        ("F(G(1))", "unparseable"),
        ("F(1+1)", "unparseable"),
        ("F(1/3)", "unparseable"),
        ("F(0x10)", "unparseable"),
        ("F(1j)", "unparseable"),
        ("F(--1)", "unparseable"),
        ("F(1e)", "unparseable"),
        ("F((1, 2))", "unparseable"),
        ("F({})", "unparseable"),
        ("F(*[1])", "unparseable"),
        ("F(**{})", "unparseable"),
        ("F(f'a')", "unparseable"),
        ("F(b'a')", "unparseable"),
        ("F('a' 'b')", "unparseable"),
        ("F('a)", "unparseable"),
        ("F('a\\')", "unparseable"),
        ("F('''a''')", "unparseable"),
        ("F([1)", "unparseable"),
        ("F([1 2])", "unparseable"),
        ("F(a=1, 2)", "unparseable"),
        ("F(nan)", "unparseable"),
        ("F(١٢)", "unparseable"),
        ("F(²)", "unparseable"),
        ("F(\u00a01)", "unparseable"),
        ("F(1\u200b)", "unparseable"),
        ("F(\u2019a\u2019)", "unparseable"),
        ("F(a=1, a=2)", "extra_argument"),
        ("F(1e61)", "limit"),
        ("F(1e-61)", "limit"),
        ("F(1e999999999)", "limit"),
        ("F(1e+0000000000000001)", "limit"),
    ],
)
def test_a_reply_that_is_no_call_is_refused_with_its_code(reply, expected):
    assert FailureCode(expected) == code(reply)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("F('" + "a" * 1_000_000 + "')", "limit"),
        ("F(" * 500_000, "limit"),
        ("F(" + "[" * 3_900, "limit"),
        ("F(" + "9" * 3_900 + ")", "limit"),
        ("F(0." + "9" * 3_900 + ")", "limit"),
        ("F(" + "1," * 1_900 + ")", "limit"),
        ("F([" + "1," * 1_900 + "])", "limit"),
        ("F(" * 1_900, "unparseable"),
        ("F(1)" + " " * 3_900 + "x", "not_a_call"),
        ("F(1)" + ("a" * 64 + " ") * 60, "not_a_call"),
        ("F('" + "\\" * 3_900, "unparseable"),
        ("a" * 3_999, "not_a_call"),
        ("```" * 1_300, "not_a_call"),
        ("\ud800" * 3_000, "not_a_call"),
        ("F(\x00)", "unparseable"),
        ("\u202eF(1)", "not_a_call"),
        ("\uff26(1)", "not_a_call"),
        ("\ufeffF(1)", "not_a_call"),
    ],
    ids=lambda value: f"{value[:6]!a}x{len(value)}",
)
def test_a_hostile_reply_is_refused_at_once(reply, expected):
    started = time.perf_counter()
    assert FailureCode(expected) == code(reply)
    assert time.perf_counter() - started < 1


@given(st.integers(0, 20))
def test_lists_nest_up_to_the_bound(depth):
    reply = f"F({'[' * depth}1{']' * depth})"
    assert (None if depth <= MAX_NESTING else FailureCode.LIMIT) == code(reply)


@given(st.integers(0, 50))
def test_arguments_and_items_are_counted(count):
    inside = ", ".join(["1"] * count)
    expected = None if count <= MAX_ARGUMENTS else FailureCode.LIMIT
    assert [expected] * 2 == [code(f"F({inside})"), code(f"F([{inside}])")]


def test_a_reply_may_be_as_long_as_the_bound_says():
    text = "F('" + "a" * (MAX_REPLY - 5) + "')"
    assert [code(text), code(text + " ")] == [None, FailureCode.LIMIT]


@given(values())
def test_no_value_hides_a_second_call(value):
    shown = show_call(Call(function="F", positional=(value,)))
    assert code(f"{shown}\n{shown}") in {FailureCode.SEVERAL_CALLS, FailureCode.LIMIT}


@pytest.mark.parametrize("reply", ["Fly(a='\ud800')", "F()\udfff", "Add(a=2, \ud83d=3)"])
def test_half_a_character_is_refused_and_not_repeated(reply):
    refused = parse_call(reply)
    assert isinstance(refused, Outcome)
    assert refused.code is FailureCode.UNPARSEABLE
    assert refused.text.encode()
