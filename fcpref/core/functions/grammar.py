"""The `python` call grammar: ``Add(a=2, b=-3.5)``, one call per reply.

A whitelist over literals, read by hand: no eval, no names, no attribute access. Numbers are taken
from the source text, so 0.1 is exactly 1/10. Length, nesting and count are bounded before reading.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NoReturn

from fcpref.core.functions.values import Call, FailureCode, Outcome, Value
from fcpref.core.numbers import MAX_DIGITS, read_number, show_number

MAX_REPLY = 4_000
MAX_NESTING = 8
MAX_ARGUMENTS = 32
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_CALL_START = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\s*\(", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = frozenset(" \t\r\n")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {"True": "True", "False": "False", "None": "None", "true": "True", "false": "False"}


class BadCall(Exception):  # noqa: N818 - never leaves the parsers
    """A reply is no call; becomes the failure that a parser returns."""

    def __init__(self, code: FailureCode, text: str) -> None:
        """Keep the code beside the text."""
        super().__init__(text)
        self.code = code


def parse_call(reply: str) -> Call | Outcome:
    """Read a reply as exactly one call; on any other text return the failure. Never raises."""
    if len(reply) > MAX_REPLY:
        return refusal(FailureCode.LIMIT, f"a reply may have {MAX_REPLY} characters at most")
    text = unfenced(reply)
    if not _CALL_START.match(text):
        return refusal(FailureCode.NOT_A_CALL, "reply with one function call and nothing else")
    if not reply.isascii() and _SURROGATE.search(reply):
        # No file could hold it, nor an outcome that repeats it.
        return refusal(FailureCode.UNPARSEABLE, "the reply has half a character; send whole ones")
    try:
        reader = _Reader(text)
        call = reader.call()
        rest = text[reader.at :].strip().strip(";`").strip()
    except BadCall as bad:
        return refusal(bad.code, str(bad))
    if not rest:
        return call
    if _CALL_START.search(rest):
        return refusal(FailureCode.SEVERAL_CALLS, "reply with one call at a time")
    return refusal(FailureCode.NOT_A_CALL, "nothing may follow the call")


def show_call(call: Call) -> str:
    """Print a call so that `parse_call` gives it back."""
    shown = [_show(value) for value in call.positional]
    shown += [f"{name}={_show(value)}" for name, value in call.keywords]
    return f"{call.function}({', '.join(shown)})"


def _show(value: Value) -> str:
    match value:
        case Fraction():
            text = show_number(value)
            return repr(text) if "/" in text else text
        case str():
            quote = '"' if "'" in value and '"' not in value else "'"
            escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
            return quote + escaped.replace(quote, "\\" + quote) + quote
        case tuple():
            return f"[{', '.join(_show(item) for item in value)}]"


def refusal(code: FailureCode, text: str) -> Outcome:
    """Return the outcome of a reply that is no call."""
    return Outcome(text=f"Error: {text}", code=code)


def unfenced(reply: str) -> str:
    """Drop white space and one surrounding code fence, which chat models like to add."""
    text = reply.strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:  # noqa: PLR2004 - two fences
        inner = text[3:-3]
        first, newline, rest = inner.partition("\n")
        text = rest if newline and first.strip().isalpha() else inner
    return text.strip()


def exact(source: str) -> Fraction:
    """Return what a number's source text, such as ``-2.5e3``, says exactly.

    Raises:
        BadCall: it has over 60 digits, or a power of ten beyond 60.
    """
    if source.isascii() and source.isdigit() and len(source) <= MAX_DIGITS:
        return Fraction(int(source))
    mantissa, _, exponent = source.lower().partition("e")
    value = read_number(mantissa.removesuffix("."))
    if value is None or len(exponent) > 3 or abs(int(exponent or 0)) > MAX_DIGITS:  # noqa: PLR2004 - sign and 2 digits
        raise BadCall(FailureCode.LIMIT, f"a number may have {MAX_DIGITS} digits at most")
    return value * Fraction(10) ** int(exponent) if exponent else value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def call(self) -> Call:
        function = self.match(NAME)
        self.skip("(")
        positional: list[Value] = []
        keywords: list[tuple[str, Value]] = []
        while not self.found(")"):
            if len(positional) + len(keywords) >= MAX_ARGUMENTS:
                self.refuse(FailureCode.LIMIT, f"more than {MAX_ARGUMENTS} arguments")
            name = self.keyword()
            value = self.value(0)
            if name is not None:
                if keywords and name in dict(keywords):
                    self.refuse(FailureCode.EXTRA_ARGUMENT, f"argument {name} is given twice")
                keywords.append((name, value))
            elif keywords:
                self.refuse(FailureCode.UNPARSEABLE, "a positional argument follows a keyword")
            else:
                positional.append(value)
            if not self.found(",") and self.peek() != ")":
                self.refuse(FailureCode.UNPARSEABLE, f"',' or ')' expected at character {self.at}")
        return Call(function=function, positional=tuple(positional), keywords=tuple(keywords))

    def keyword(self) -> str | None:
        self.spaces()
        start = self.at
        found = NAME.match(self.text, self.at)
        if found:
            self.at = found.end()
            if self.found("="):
                return found[0]
        self.at = start
        return None

    def value(self, depth: int) -> Value:
        if depth > MAX_NESTING:
            self.refuse(FailureCode.LIMIT, f"lists nested deeper than {MAX_NESTING}")
        character = self.peek()
        if character in {"'", '"'}:
            return self.string()
        if character == "[":
            return self.items(depth)
        number = _NUMBER.match(self.text, self.at)
        if number:
            return self.number(number[0])
        word = NAME.match(self.text, self.at)
        if not word or word[0] not in _WORDS:
            self.refuse(
                FailureCode.UNPARSEABLE,
                f"a number or a quoted text expected at character {self.at}",
            )
        self.at = word.end()
        return _WORDS[word[0]]

    def number(self, source: str) -> Fraction:
        value = exact(source.replace("_", ""))
        self.at += len(source)
        return value

    def items(self, depth: int) -> tuple[Value, ...]:
        self.skip("[")
        items: list[Value] = []
        while not self.found("]"):
            if len(items) >= MAX_ARGUMENTS:
                self.refuse(FailureCode.LIMIT, f"more than {MAX_ARGUMENTS} items in a list")
            items.append(self.value(depth + 1))
            if not self.found(",") and self.peek() != "]":
                self.refuse(FailureCode.UNPARSEABLE, f"',' or ']' expected at character {self.at}")
        return tuple(items)

    def string(self) -> str:
        quote = self.text[self.at]
        at = self.at + 1
        out: list[str] = []
        while at < len(self.text) and self.text[at] != quote:
            if self.text[at] == "\\" and at + 1 < len(self.text):
                out.append(_ESCAPES.get(self.text[at + 1], self.text[at : at + 2]))
                at += 2
            else:
                out.append(self.text[at])
                at += 1
        if at >= len(self.text):
            self.refuse(FailureCode.UNPARSEABLE, "a quoted text is not closed")
        self.at = at + 1
        return "".join(out)

    def match(self, pattern: re.Pattern[str]) -> str:
        self.spaces()
        found = pattern.match(self.text, self.at)
        if not found:
            self.refuse(FailureCode.UNPARSEABLE, f"a name expected at character {self.at}")
        self.at = found.end()
        return found[0]

    def peek(self) -> str:
        text = self.text
        while self.at < len(text):
            if text[self.at] not in _SPACE:
                return text[self.at]
            self.at += 1
        raise BadCall(FailureCode.UNPARSEABLE, "the call is not closed")

    def found(self, character: str) -> bool:
        if self.peek() != character:
            return False
        self.at += 1
        return True

    def skip(self, character: str) -> None:
        if not self.found(character):
            self.refuse(FailureCode.UNPARSEABLE, f"{character!r} expected at character {self.at}")

    def spaces(self) -> None:
        text, at = self.text, self.at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        self.at = at

    def refuse(self, code: FailureCode, text: str) -> NoReturn:
        raise BadCall(code, text)
