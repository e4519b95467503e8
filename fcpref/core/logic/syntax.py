"""The text of formulas: ``forall x. (Wumpus(x) -> not Bright(x))``.

Binding strength, strongest first: ``not`` and quantifiers, ``and``, ``or``, ``->`` (groups to the
right), ``<->``. A quantifier's body reaches as far right as it can.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fcpref.core.logic.formulas import (
    And,
    Atom,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    atom_of,
)
from fcpref.errors import FormulaSyntaxError

MAX_TEXT = 2_000
MAX_DEPTH = 60
_SPACE = re.compile(r"\s*", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TOKEN = re.compile(rf"<->|->|[().,]|{_NAME.pattern}", re.ASCII)
_KEYWORDS = frozenset({"and", "or", "not", "forall", "exists"})
_BINARY: tuple[tuple[str, type[And | Or | Implies | Iff]], ...] = (
    ("<->", Iff),
    ("->", Implies),
    ("or", Or),
    ("and", And),
)


@lru_cache(maxsize=4_096)  # a hostile text takes 30 kB
def parse(text: str) -> Formula:
    """Parse a formula.

    Raises:
        FormulaSyntaxError: with the character position of the first thing that does not fit.
    """
    if len(text) > MAX_TEXT:
        message = f"formula is longer than {MAX_TEXT} characters"
        raise FormulaSyntaxError(message, MAX_TEXT)
    reader = _Reader(text)
    formula = reader.binary(0, 0)
    if reader.ahead:
        raise reader.unexpected("the end")
    return formula


class _Reader:
    """Recursive descent over tokens; the only mutable thing in this module."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.ahead = ""
        self.position = 0
        self.advance()

    def advance(self) -> str:
        taken = self.ahead
        space = _SPACE.match(self.text, self.end)
        self.position = self.end = space.end() if space else self.end
        found = _TOKEN.match(self.text, self.position)
        if found:
            self.ahead, self.end = found[0], found.end()
        elif self.position == len(self.text):
            self.ahead = ""
        else:
            message = f"unexpected {self.text[self.position]!r}"
            raise FormulaSyntaxError(message, self.position)
        return taken

    def unexpected(self, wanted: str) -> FormulaSyntaxError:
        return FormulaSyntaxError(
            f"expected {wanted}, found {self.ahead or 'the end'!r}", self.position
        )

    def expect(self, token: str) -> None:
        if self.ahead != token:
            raise self.unexpected(repr(token))
        self.advance()

    def name(self, wanted: str) -> str:
        if self.ahead in _KEYWORDS or not _NAME.fullmatch(self.ahead):
            raise self.unexpected(wanted)
        return self.advance()

    def binary(self, level: int, depth: int) -> Formula:
        if depth > MAX_DEPTH:
            message = f"formula is nested deeper than {MAX_DEPTH}"
            raise FormulaSyntaxError(message, self.position)
        if level == len(_BINARY):
            return self.unary(depth + 1)
        word, kind = _BINARY[level]
        left = self.binary(level + 1, depth)
        if kind is Implies:
            if self.ahead != word:
                return left
            self.advance()
            return Implies(left, self.binary(level, depth + 1))
        links = 0
        while self.ahead == word:
            links += 1
            if links > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} links in a row"
                raise FormulaSyntaxError(message, self.position)
            self.advance()
            left = kind(left, self.binary(level + 1, depth + 1))
        return left

    def unary(self, depth: int) -> Formula:
        if depth > MAX_DEPTH:
            message = f"formula is nested deeper than {MAX_DEPTH}"
            raise FormulaSyntaxError(message, self.position)
        if self.ahead == "not":
            self.advance()
            return Not(self.unary(depth + 1))
        if self.ahead in {"forall", "exists"}:
            kind = ForAll if self.advance() == "forall" else Exists
            variable = self.name("a variable")
            self.expect(".")
            return kind(variable, self.binary(0, depth + 1))
        if self.ahead == "(":
            self.advance()
            inner = self.binary(0, depth + 1)
            self.expect(")")
            return inner
        predicate = self.name("a formula")
        self.expect("(")
        terms = [self.name("a term")]
        while self.ahead == ",":
            self.advance()
            terms.append(self.name("a term"))
        self.expect(")")
        return Atom(predicate, tuple(terms))


def show(formula: Formula) -> str:
    """Print a formula so that `parse` gives it back."""
    match formula:
        case Atom(predicate, terms):
            return f"{predicate}({', '.join(terms)})"
        case Not(body):
            return f"not {_operand(body)}"
        case ForAll(variable, body):
            return f"forall {variable}. {_operand(body)}"
        case Exists(variable, body):
            return f"exists {variable}. {_operand(body)}"
    word = next(word for word, kind in _BINARY if isinstance(formula, kind))
    return f"{_operand(formula.left)} {word} {_operand(formula.right)}"


def _operand(formula: Formula) -> str:
    # A quantifier swallows what stands to its right, so it is wrapped wherever it is an operand.
    return f"({show(formula)})" if atom_of(formula) is None else show(formula)
