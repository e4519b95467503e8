"""Functions that a model calls: their types, the call grammar, and total execution."""

from fcpref.core.functions.execute import execute, read_call
from fcpref.core.functions.grammar import parse_call, show_call
from fcpref.core.functions.help import help_text, json_schema
from fcpref.core.functions.values import (
    Call,
    Effect,
    Fact,
    FailureCode,
    Function,
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
    "read_call",
    "show_call",
]
