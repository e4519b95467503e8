"""The checks of preference rows: each planted fault is found, in every form that it comes in."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcpref.core.pairs import PreferenceRow, lint_rows
from fcpref.core.pairs.row_rules import ROW_RULES, columns, sides, without_nulls

ASK = {"role": "user", "content": "How much are 2 and 3?"}


def said(text):
    return {"role": "assistant", "content": text}


def called(name="Add", **arguments):
    function = {"name": name, "arguments": arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": function}],
    }


def schema(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": [*properties]}
    return {
        "type": "function",
        "function": {"name": name, "description": "", "parameters": parameters},
    }


PLAIN = {"prompt": [ASK], "chosen": [said("Add(a=2, b=3)")], "rejected": [said("Fly()")]}
TEXT = {"prompt": "2 + 3 =", "chosen": " 5", "rejected": " 6"}
TOOLS = {
    "prompt": [ASK],
    "chosen": [called(a=2, b=3), {"role": "tool", "name": "Add", "content": "5"}, called("Answer")],
    "rejected": [called("Answer", value=6)],
    "tools": [
        schema("Add", a={"type": "number"}, b={"type": "number"}),
        schema("Answer", value={"type": ["number", "null"], "default": None}),
    ],
}


def rows(*data, split="train"):
    return [
        PreferenceRow(name=f"{split}.jsonl:{number}", split=split, data=one)
        for number, one in enumerate(data, start=1)
    ]


def found(*data):
    return [(one.severity, one.rule, one.pair) for one in lint_rows(rows(*data)).findings]


def numbered(row, n):
    """Return a row like it with another prompt."""
    other = deepcopy(row)
    if isinstance(row["prompt"], str):
        return {**other, "prompt": f"{n}: {row['prompt']}"}
    return {**other, "prompt": [{"role": "user", "content": f"{n}?"}]}


@pytest.mark.parametrize("row", [PLAIN, TEXT], ids=["messages", "texts"])
def test_sound_rows_have_no_findings(row):
    assert found(row, numbered(row, 1)) == []


def test_all_that_is_wrong_with_sound_calls_is_what_trl_makes_of_their_results():
    assert found(TOOLS) == [("warning", "results_trained", "")]
    message = lint_rows(rows(TOOLS, numbered(TOOLS, 1))).findings[0].message
    assert message.startswith("2 rows have results")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([1], "holds list"),
        ({}, "no chosen and no rejected"),
        ({"prompt": [ASK], "chosen": [said("a")]}, "no rejected"),
        ({**PLAIN, "chosen": 3}, "chosen is no text"),
        ({**PLAIN, "rejected": [{"content": "a"}]}, "rejected is no text"),
        ({**PLAIN, "rejected": ["a"]}, "rejected is no text"),
        ({**PLAIN, "rejected": [{"role": "assistant", "content": 3}]}, "rejected is no text"),
        ({**PLAIN, "rejected": [{**said(""), "tool_calls": "x"}]}, "rejected is no text"),
        ({**PLAIN, "rejected": [{**said(""), "tool_calls": [1]}]}, "rejected is no text"),
        ({**PLAIN, "prompt": "2 + 3"}, "both texts and lists"),
        ({**PLAIN, "tools": [1]}, "tools is no list"),
        ({**PLAIN, "tools": "no JSON"}, "tools is no list"),
    ],
)
def test_a_row_without_its_columns_is_named_and_the_rest_is_checked(row, says):
    report = lint_rows(rows(PLAIN, row))
    (finding,) = report.findings

    assert (finding.severity, finding.rule, finding.pair) == ("error", "columns", "train.jsonl:2")
    assert says in finding.message
    assert report.lengths[0].pairs == 1


def with_arguments(**arguments):
    return {**TOOLS, "rejected": [called("Add", **arguments)]}


def with_schema(**changes):
    tool = schema("Add", a={"type": "number", **changes})
    return {**TOOLS, "tools": [tool, TOOLS["tools"][1]]}


PLANTED = {
    "roles": [
        {**PLAIN, "prompt": [{"role": "human", "content": "Go."}]},
        {**PLAIN, "prompt": [ASK, {"role": "user", "content": None}]},
    ],
    "empty": [
        {**PLAIN, "chosen": []},
        {**PLAIN, "rejected": [said("  ")]},
        {**TEXT, "chosen": ""},
    ],
    "equal": [
        {**PLAIN, "rejected": PLAIN["chosen"]},
        {**TEXT, "rejected": " 5"},
        {**TOOLS, "chosen": [called(a=1)], "rejected": [called(a=1, b=None)]},
    ],
    "ends": [
        {**PLAIN, "chosen": [said("a"), ASK]},
        {**PLAIN, "rejected": [ASK, said("a")]},
        {**PLAIN, "prompt": [ASK, said("b")]},
    ],
    "repeated": [{**PLAIN, "chosen": [ASK, said("a")], "rejected": [ASK, said("b")]}],
    "null_arguments": [
        with_arguments(a=1, b=2, value=None),
        with_arguments(a=1, b=None),
        with_arguments(a=1, b={"x": None}),
        with_arguments(a=1, b=[1, None]),
        {**with_arguments(a=1, value=None), "tools": None},
        {**TOOLS, "tools": json.dumps(TOOLS["tools"]), "rejected": [called(a=1, value=None)]},
    ],
    "null_schemas": [
        with_schema(enum=None) | {"tools": [{**TOOLS["tools"][0], "strict": None}]},
        with_schema(items=None),
        with_schema(anyOf=[{"type": "number", "items": None}]),
    ],
    "null_fields": [{**PLAIN, "chosen": [{**said("a"), "tool_calls": None, "name": None}]}],
    "argument_text": [
        {
            **TOOLS,
            "rejected": [
                called() | {"tool_calls": [{"function": {"name": "Add", "arguments": "{}"}}]}
            ],
        }
    ],
    "prompt": [{"chosen": [ASK, said("a")], "rejected": [ASK, said("b")]}],
    "tools": [
        {**PLAIN, "tools": []},
        {name: value for name, value in TOOLS.items() if name != "tools"},
    ],
}


@pytest.mark.parametrize(
    ("rule", "row"), [(rule, row) for rule, some in PLANTED.items() for row in some]
)
def test_a_planted_fault_is_found_with_its_row(rule, row):
    report = found(numbered(PLAIN, 1), row)

    assert (ROW_RULES[rule][0], rule, "train.jsonl:2") in report
    assert {one[2] for one in report} <= {"train.jsonl:2", ""}


def test_every_rule_has_its_planted_fault():
    assert {*ROW_RULES} == {*PLANTED}


def test_a_null_that_the_schema_allows_is_sound():
    for tool in (
        {"type": ["number", "null"]},
        {"type": "null"},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"type": "number", "nullable": True},
    ):
        row = {**TOOLS, "tools": [schema("Answer", value=tool)], "chosen": [called("Answer")]}
        for name in ("value", "other"):
            polluted = {**row, "rejected": [called("Answer", **{name: None}), said("5")]}
            rules = {rule for _, rule, _ in found(polluted)}
            assert ("null_arguments" in rules) == (name == "other")


@pytest.mark.parametrize("key", ["default", "const", "enum"])
def test_a_null_that_schemas_are_made_of_is_sound(key):
    value = [1, None] if key == "enum" else None

    assert "null_schemas" not in {rule for _, rule, _ in found(with_schema(**{key: value}))}


def test_the_message_names_function_and_arguments():
    (finding,) = (
        one
        for one in lint_rows(rows(with_arguments(a=1, b=2, value=None, of=None))).findings
        if one.rule == "null_arguments"
    )

    assert "a call of Add has null for value, of" in finding.message
    assert "List(Json())" in finding.message


def test_the_same_row_twice_is_found_nulls_or_not():
    polluted = {**PLAIN, "chosen": [{**PLAIN["chosen"][0], "tool_calls": None}]}
    report = found(PLAIN, numbered(PLAIN, 1), PLAIN, polluted)

    assert [one for one in report if one[1] == "duplicate"] == [
        ("error", "duplicate", "train.jsonl:3"),
        ("error", "duplicate", "train.jsonl:4"),
    ]


def test_a_prompt_in_two_splits_is_found_and_in_one_it_is_not():
    other = {**PLAIN, "chosen": [said("Add(a=3, b=2)")]}
    report = lint_rows([*rows(PLAIN), *rows(other, numbered(other, 2), split="test")])
    (finding,) = report.findings

    assert (finding.rule, finding.pair) == ("split_overlap", "test.jsonl:1")
    assert "split train (train.jsonl:1)" in finding.message
    assert found(PLAIN, other) == []
    assert dict(report.tallies[0].counts) == {"train": 1, "test": 2}


def test_lengths_are_measured_in_replies_and_characters():
    long = {**PLAIN, "chosen": [said("x" * 40)], "rejected": [said("y")]}
    report = lint_rows(rows(*(numbered(long, n) for n in range(3))))

    assert [(one.unit, one.chosen, one.rejected) for one in report.lengths] == [
        ("replies", 1, 1),
        ("characters", 40, 1),
    ]
    assert [one.rule for one in report.findings] == ["length_bias"]


def test_an_implicit_prompt_is_what_both_share():
    row = {"chosen": [ASK, said("a"), said("b")], "rejected": [ASK, said("a")]}

    assert sides(row) == ([ASK, said("a")], [said("b")], [])


def test_no_rows_are_an_error():
    (finding,) = lint_rows([]).findings

    assert (finding.severity, finding.rule) == ("error", "none")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("role", "content", "tool_calls", "function", "arguments", "name"),
                    *("parameters", "properties", "anyOf", "type", "prompt"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant", "x"))},
    optional={
        "content": json_values,
        "tool_calls": st.lists(
            st.fixed_dictionaries({}, optional={"function": json_values, "arguments": json_values}),
            max_size=2,
        ),
    },
)
offered = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("a")},
        optional={
            "parameters": st.fixed_dictionaries(
                {"properties": st.dictionaries(st.sampled_from("ab"), json_values, max_size=2)}
            )
        },
    ),
    max_size=2,
)
sides_of = st.lists(messages, max_size=3) | json_values


@settings(max_examples=300)
@given(
    st.lists(
        json_values
        | st.fixed_dictionaries(
            {"chosen": sides_of, "rejected": sides_of},
            optional={"prompt": sides_of, "tools": json_values | offered},
        ),
        max_size=3,
    )
)
def test_any_rows_get_findings_and_no_exception(data):
    report = lint_rows(rows(*data))

    assert report.pairs == len(data)
    named = {one.pair for one in report.findings if one.rule == "columns"}
    assert named == {row.name for row in rows(*data) if columns(row.data) is not None}


@given(json_values)
def test_nulls_are_taken_out_of_objects_once(data):
    clean = without_nulls(data)

    assert without_nulls(clean) == clean
