"""The notation of FOLIO's annotations: ``∀x (Drinks(x) ⊕ ¬Jokes(x, dc universe))``.

Binding strength, strongest first: negation, conjunction, disjunction and exclusive or (one level),
implication (groups to the right), equivalence. The words and signs of `fcpref.core.logic` are read
too (``forall x. Drinks(x) -> not Jokes(x)``, ``xor``), so a model may write either.

Source of the notation: Han et al. 2022, "FOLIO: Natural Language Reasoning with First-Order Logic",
arXiv 2209.00840, and its files; they state no precedence, so where it matters we follow their use.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

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
    free_names,
)
from fcpref.core.logic.syntax import MAX_DEPTH, MAX_TEXT
from fcpref.core.logic.tokens import Tokens
from fcpref.errors import FormulaSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNS = {
    sign: word
    for line in (
        "∀ forall ∃ exists ¬ not ~ not ∧ and & and ^ and",
        "∨ or | or ⊕ xor → -> => -> ↔ <-> <=> <->",
    )
    for sign, word in zip(line.split()[::2], line.split()[1::2], strict=True)
}
_WORDS = frozenset({"and", "or", "xor", "not", "forall", "exists"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Names have hyphens, points and plus signs in them (gpt-3, mr.smith, c++); an arrow is no hyphen.
_NAME = re.compile(r"[A-Za-z0-9_]+(?:[-.'][A-Za-z0-9_]+)*\+*", re.ASCII)
_TOKEN = re.compile(rf"<->|->|<=>|=>|[∀∃¬~∧&^∨|⊕→↔().,]|{_NAME.pattern}", re.ASCII)
_FREE_VARIABLE = re.compile(r"[u-z][0-9]?", re.ASCII)


@lru_cache(maxsize=16_384)
def read_formula(text: str) -> Formula:
    """Read a formula in FOLIO's notation or in that of `fcpref.core.logic`.

    A quantifier with a point reaches as far right as it can. One without, as in FOLIO, binds what
    stands next to it, unless that leaves its variable free: then it reaches to the right too. Names
    become names of the formula language: odd characters turn into ``_``, ``+`` into ``Plus``.

    Raises:
        FormulaSyntaxError: it is no formula, is longer than `MAX_TEXT` or nested deeper than
            `MAX_DEPTH`; with the character position.
    """
    if len(text) > MAX_TEXT:
        message = f"formula is longer than {MAX_TEXT} characters"
        raise FormulaSyntaxError(message, MAX_TEXT)
    formula = _Reader(text, wide=False).whole()
    if not free_variables(formula):
        return formula
    wide = _Reader(text, wide=True).whole()
    return formula if free_variables(wide) else wide


def free_variables(formula: Formula) -> frozenset[str]:
    """Return the unbound names that look like variables: one of u to z, with a digit or not."""
    return frozenset(name for name in free_names(formula) if _FREE_VARIABLE.fullmatch(name))


def identifier(name: str) -> str:
    """Return a name as the formula language takes it; ``gpt-3`` is ``gpt_3``, ``3d`` is ``_3d``."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name.replace("+", "Plus"))
    return f"_{plain}" if plain[0].isdigit() else f"{plain}_" if plain in _WORDS else plain


class _Reader(Tokens):
    """Recursive descent over tokens; the only mutable thing in this module."""

    space = re.compile(r"\s*")  # FOLIO's annotators typed spaces of every kind

    def __init__(self, text: str, *, wide: bool) -> None:
        super().__init__(text, _TOKEN)
        self.wide = wide

    def advance(self, token: re.Pattern[str] | None = None) -> str:
        taken = super().advance(token)
        self.ahead = _SIGNS.get(self.ahead, self.ahead)
        return taken

    def whole(self) -> Formula:
        formula = self.equivalence(0)
        if self.ahead == ".":
            self.advance()
        if self.ahead:
            raise self.refuse("the end")
        return formula

    def equivalence(self, depth: int) -> Formula:
        left = self.implication(depth + 1)
        for _ in self.links("<->"):
            left = Iff(left, self.implication(depth + 1))
        return left

    def implication(self, depth: int) -> Formula:
        self.bounded(depth)
        left = self.alternative(depth)
        if self.ahead != "->":
            return left
        self.advance()
        return Implies(left, self.implication(depth + 1))

    def alternative(self, depth: int) -> Formula:
        left = self.conjunction(depth)
        for word in self.links("or", "xor"):
            right = self.conjunction(depth)
            left = Or(left, right) if word == "or" else Not(Iff(left, right))
        return left

    def conjunction(self, depth: int) -> Formula:
        left = self.unary(depth)
        for _ in self.links("and"):
            left = And(left, self.unary(depth))
        return left

    def links(self, *words: str) -> Iterator[str]:
        count = 0
        while self.ahead in words:
            count += 1
            self.bounded(count)
            yield self.advance()

    def bounded(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            message = f"formula is nested deeper than {MAX_DEPTH}"
            raise FormulaSyntaxError(message, self.position)

    def unary(self, depth: int) -> Formula:
        self.bounded(depth)
        if self.ahead == "not":
            self.advance()
            return Not(self.unary(depth + 1))
        if self.ahead in {"forall", "exists"}:
            return self.quantified(depth)
        if self.ahead == "(":
            self.advance()
            inner = self.equivalence(depth + 1)
            self.expect(")")
            return inner
        return self.atom()

    def quantified(self, depth: int) -> Formula:
        kind = ForAll if self.advance(_VARIABLE) == "forall" else Exists
        if self.ahead in _WORDS or not _VARIABLE.fullmatch(self.ahead):
            raise self.refuse("a variable")
        variable = self.advance()
        point = self.ahead == "."
        if point:
            self.advance()
        read = self.equivalence if point or self.wide else self.unary
        return kind(variable, read(depth + 1))

    def atom(self) -> Formula:
        predicate = self.name("a formula")
        self.expect("(")
        terms = [self.term()]
        while self.ahead == ",":
            self.advance()
            terms.append(self.term())
        self.expect(")")
        return Atom(predicate, tuple(terms))

    def term(self) -> str:
        words = [self.name("a term")]
        while self.ahead not in {",", ")"}:
            words.append(self.name("',' or ')'"))
        return identifier(" ".join(words)) if len(words) > 1 else words[0]

    def name(self, wanted: str) -> str:
        # Oregon is a constant in FOLIO, and is written as the word that joins formulas.
        if not _NAME.fullmatch(self.ahead) or (self.ahead in _WORDS and wanted == "a formula"):
            raise self.refuse(wanted)
        return identifier(self.advance())
