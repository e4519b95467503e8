"""Functions that a model calls: their types, the call grammar, and total execution."""

from fcpref.core.functions.execute import execute, read_call
from fcpref.core.functions.grammar import parse_call, show_call
from fcpref.core.functions.grammars import translate
from fcpref.core.functions.help import help_text, json_schema
from fcpref.core.functions.tool_calls import parse_tool_call, show_tool_call, wire_reply
from fcpref.core.functions.values import (
    Call,
    Effect,
    Fact,
    FailureCode,
    Function,
    Grammar,
    Memory,
    Outcome,
    Parameter,
    Signature,
    Toolbox,
    Value,
)

__all__ = [
    "Call",
    "Effect",
    "Fact",
    "FailureCode",
    "Function",
    "Grammar",
    "Memory",
    "Outcome",
    "Parameter",
    "Signature",
    "Toolbox",
    "Value",
    "execute",
    "help_text",
    "json_schema",
    "parse_call",
    "parse_tool_call",
    "read_call",
    "show_call",
    "show_tool_call",
    "translate",
    "wire_reply",
]
