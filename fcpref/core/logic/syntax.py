"""The text of formulas: ``forall x. (Wumpus(x) -> not Bright(x))``.

Binding strength, strongest first: ``=``, ``not`` and quantifiers, ``and``, ``or``, ``->`` (groups
to the right), ``<->``. A quantifier's body reaches as far right as it can.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fcpref.core.logic.formulas import (
    And,
    Apply,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    atom_of,
)
from fcpref.core.logic.tokens import Tokens
from fcpref.errors import FormulaSyntaxError

MAX_TEXT = 2_000
MAX_DEPTH = 60
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TOKEN = re.compile(rf"<->|->|[().,=]|{_NAME.pattern}", re.ASCII)
_KEYWORDS = frozenset({"and", "or", "not", "forall", "exists"})
_BINARY: tuple[tuple[str, type[And | Or | Implies | Iff]], ...] = (
    ("<->", Iff),
    ("->", Implies),
    ("or", Or),
    ("and", And),
)
_LEVELS = {word: level for level, (word, _) in enumerate(_BINARY)}


@lru_cache(maxsize=4_096)  # a hostile text takes 30 kB
def parse(text: str) -> Formula:
    """Parse a formula.

    Args:
        text: at most 2,000 characters. The formula may nest 60 deep, a term 60 deep, and 60
            parentheses may be open at once.

    Raises:
        FormulaSyntaxError: with the character position of the first thing that does not fit.
    """
    if len(text) > MAX_TEXT:
        message = f"formula is longer than {MAX_TEXT} characters"
        raise FormulaSyntaxError(message, MAX_TEXT)
    reader = _Reader(text, _TOKEN)
    formula, _ = reader.binary(0, 0, 0)
    if reader.ahead:
        raise reader.refuse("the end")
    return formula


class _Reader(Tokens):
    """Recursive descent over tokens; the only mutable thing in this module."""

    def name(self, wanted: str) -> str:
        if self.ahead in _KEYWORDS or not _NAME.fullmatch(self.ahead):
            raise self.refuse(wanted)
        return self.advance()

    def bounded(self, depth: int) -> int:
        # Everything that walks a formula recurses, so its height is bounded where it is made.
        if depth > MAX_DEPTH:
            message = f"formula is nested deeper than {MAX_DEPTH}"
            raise FormulaSyntaxError(message, self.position)
        return depth

    def binary(self, floor: int, depth: int, opened: int) -> tuple[Formula, int]:
        """Read operators that bind at least as tightly as the floor; return the height too."""
        left, height = self.unary(depth, opened)
        while True:
            level = _LEVELS.get(self.ahead, -1)
            if level < floor:
                return left, height
            kind = _BINARY[level][1]
            self.bounded(height + 1)
            self.advance()
            # An arrow's right side may hold another arrow: it groups to the right.
            inner = level if kind is Implies else level + 1
            right, other = self.binary(inner, self.bounded(depth + 1), opened)
            left, height = kind(left, right), self.bounded(1 + max(height, other))

    def unary(self, depth: int, opened: int) -> tuple[Formula, int]:
        if self.ahead == "not":
            self.advance()
            body, height = self.unary(self.bounded(depth + 1), opened)
            return Not(body), self.bounded(height + 1)
        if self.ahead in {"forall", "exists"}:
            kind = ForAll if self.advance() == "forall" else Exists
            variable = self.name("a variable")
            self.expect(".")
            body, height = self.binary(0, self.bounded(depth + 1), opened)
            return kind(variable, body), self.bounded(height + 1)
        if self.ahead == "(":
            self.bounded(opened + 1)
            self.advance()
            inner = self.binary(0, depth, opened + 1)
            self.expect(")")
            return inner
        return self.atomic(), 0

    def atomic(self) -> Formula:
        name = self.name("a formula")
        if self.ahead == "=":
            self.advance()
            return Equal(name, self.term(0))
        terms = self.arguments(0)
        if self.ahead == "=":
            self.advance()
            return Equal(Apply(name, terms), self.term(0))
        return Atom(name, terms)

    def arguments(self, depth: int) -> tuple[Term, ...]:
        self.expect("(")
        terms = [self.term(depth)]
        while self.ahead == ",":
            self.advance()
            terms.append(self.term(depth))
        self.expect(")")
        return tuple(terms)

    def term(self, depth: int) -> Term:
        name = self.name("a term")
        if self.ahead != "(":
            return name
        return Apply(name, self.arguments(self.bounded(depth + 1)))


def show(formula: Formula) -> str:
    """Print a formula so that `parse` gives it back, within the bounds that `parse` has."""
    match formula:
        case Atom(predicate, terms):
            return _applied(predicate, terms)
        case Equal(left, right):
            return f"{show_term(left)} = {show_term(right)}"
        case Not(body):
            return f"not {_operand(body)}"
        case ForAll(variable, body):
            return f"forall {variable}. {_operand(body)}"
        case Exists(variable, body):
            return f"exists {variable}. {_operand(body)}"
    word = next(word for word, kind in _BINARY if isinstance(formula, kind))
    return f"{_operand(formula.left)} {word} {_operand(formula.right)}"


def show_term(term: Term) -> str:
    """Print a term as it stands in a formula."""
    return term if isinstance(term, str) else _applied(term.function, term.terms)


def _applied(name: str, terms: tuple[Term, ...]) -> str:
    return f"{name}({', '.join(map(show_term, terms))})"


def _operand(formula: Formula) -> str:
    # A quantifier swallows what stands to its right, so it is wrapped wherever it is an operand.
    return f"({show(formula)})" if atom_of(formula) is None else show(formula)
