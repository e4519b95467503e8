"""The two call grammars behind one pair of functions: text -> call, call -> text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.functions.grammar import parse_call, show_call
from fcpref.core.functions.tool_calls import parse_tool_call, show_tool_call
from fcpref.core.functions.values import Call

if TYPE_CHECKING:
    from fcpref.core.functions.values import Grammar, Outcome

_PARSERS = {"python": parse_call, "tools": parse_tool_call}
_PRINTERS = {"python": show_call, "tools": show_tool_call}


def parse(reply: str, grammar: Grammar) -> Call | Outcome:
    """Read a reply as exactly one call of a grammar; on any other text return the failure."""
    return _PARSERS[grammar](reply)


def show(call: Call, grammar: Grammar) -> str:
    """Print a call so that `parse` gives it back in the same grammar."""
    return _PRINTERS[grammar](call)


def translate(reply: str, grammar: Grammar) -> str:
    """Return a reply of the `python` grammar in another; one that is no call stays as it is."""
    if grammar == "python":
        return reply
    call = parse_call(reply)
    return show(call, grammar) if isinstance(call, Call) else reply
