"""Controlled English for sentences, and its reader.

It reads in one way only: each connective and quantifier announces itself by words that nothing else
begins with (``both ... and``, ``if ..., then``), so that a reader going from left to right knows
what comes. Except in the ``guarded`` phrasing, each part of a sentence stands in it in one piece.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.logic import (
    And,
    Apply,
    Atom,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    show,
)
from fcpref.core.problems.world_words import is_verb
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Wording = tuple[str, str, str, str, str, str, str]
GUARDED = "guarded"
_KINDS = (Not, And, Or, Implies, Iff, ForAll, Exists)
_PLAIN: Wording = (
    "it is not the case that {a}",
    "both {a} and {b}",
    "either {a} or {b} or both",
    "if {a}, then {b}",
    "it is the case that {a} exactly if {b}",
    "for every person {x}, {a}",
    "there is a person {x} such that {a}",
)
WORDINGS: Mapping[str, Wording] = MappingProxyType(
    {
        "plain": _PLAIN,
        GUARDED: _PLAIN,
        "spoken": (
            "it is false that {a}",
            "we have {a} and also {b}",
            "at least one holds, {a} or else {b}",
            "whenever {a}, also {b}",
            "it is the same whether {a} or whether {b}",
            "everyone, say {x}, is such that {a}",
            "someone, say {x}, is such that {a}",
        ),
        "each": (
            "it does not hold that {a}",
            "it holds that {a} and that {b}",
            "one of these at least: {a}, or {b}",
            "provided that {a}, we get {b}",
            "it is so that {a} just when {b}",
            "take any person {x}: {a}",
            "one can find a person {x} with this: {a}",
        ),
        "case": (
            "not so: {a}",
            "together, {a} plus {b}",
            "at any rate {a} or {b}",
            "given that {a}, it follows that {b}",
            "just as {a}, so {b} and conversely",
            "no matter which person {x} is, {a}",
            "for some person {x}, {a}",
        ),
    }
)
MAX_ENGLISH = 1_500
MAX_DEPTH = 60
_UNARY, _BINARY = 1, 2
_SLOT = re.compile(r"\{([abx])\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_WORD = re.compile(r"[a-z]+", re.ASCII)


def say_sentence(formula: Formula, phrasing: str) -> str:
    """Return the English of a sentence, without a capital and a full stop.

    In the ``guarded`` phrasing ``forall x. (Big(x) -> A)`` is "for every big person x, A" and
    ``exists x. (Big(x) and A)`` is "there is a big person x such that A".

    Args:
        formula: made of atoms with one or two terms, connectives and quantifiers.
        phrasing: a key of `WORDINGS`.

    Raises:
        ProblemError: there is no English for this formula.
    """
    match formula:
        case Atom():
            return _say_atom(formula, negated=False)
        case Not(Atom() as atom):
            return _say_atom(atom, negated=True)
    if type(formula) not in _KINDS:
        raise ProblemError(f"no English sentence for {show(formula)}")
    words = WORDINGS[phrasing][_KINDS.index(type(formula))]
    match formula:
        case Not(body):
            return words.format(a=say_sentence(body, phrasing))
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return words.format(a=say_sentence(left, phrasing), b=say_sentence(right, phrasing))
        case ForAll(variable, body) | Exists(variable, body):
            who = "person"
            if phrasing == GUARDED:
                who, body = _guarded(formula)
            return words.replace("person", who).format(x=variable, a=say_sentence(body, phrasing))
    raise AssertionError(formula)  # pragma: no cover - all kinds are above


def read_sentence(text: str) -> Formula | None:
    """Read the English of any phrasing but ``guarded``; None for any other text.

    Capitals do not matter, nor does a full stop at the end.
    """
    plain = text.strip().rstrip(".").lower()
    if len(plain) > MAX_ENGLISH:
        return None
    try:
        formula, end = _sentence(plain, 0, MAX_DEPTH)
    except _UnreadableError:
        return None
    return formula if end == len(plain) else None


def _say_atom(atom: Atom, *, negated: bool) -> str:
    word, shown = atom.predicate.lower(), [_say_term(term) for term in atom.terms]
    if len(shown) == _UNARY and not is_verb(word):
        return f"{shown[0]} is {'not ' if negated else ''}{word}"
    if len(shown) == _BINARY and is_verb(word):
        verb = f"does not {word.removesuffix('s')}" if negated else word
        return f"{shown[0]} {verb} {shown[1]}"
    raise ProblemError(f"no English sentence for {show(atom)}")


def _say_term(term: Term) -> str:
    if isinstance(term, str):
        # One letter is a variable, an underscore is of a Skolem constant; people have names.
        return term if len(term) == 1 or "_" in term else term.capitalize()
    return f"{term.function}({', '.join(map(_say_term, term.terms))})"


def _guarded(formula: ForAll | Exists) -> tuple[str, Formula]:
    """Return whom a quantifier is about and what it says of them."""
    variable, body = formula.variable, formula.body
    kind = Implies if isinstance(formula, ForAll) else And
    if isinstance(body, Implies | And) and isinstance(body, kind):
        match body.left:
            case Atom(predicate, (name,)) if name == variable:
                return f"{predicate.lower()} person", body.right
    return "person", body


class _UnreadableError(Exception):
    """The text is no controlled English; it never leaves this module."""


def _pieces(words: str) -> tuple[str, ...]:
    """Cut a template at its slots: literal, slot, literal, slot, ..., literal."""
    return tuple(_SLOT.split(words))


# (what a part begins with, what it is, its pieces)
_TEMPLATES = tuple(
    (pieces[0], kind, pieces)
    for phrasing, wording in WORDINGS.items()
    if phrasing != GUARDED
    for kind, pieces in zip(_KINDS, map(_pieces, wording), strict=True)
)


def _sentence(text: str, at: int, depth: int) -> tuple[Formula, int]:
    """Return the sentence that begins at a place, and where it ends."""
    if depth < 0:
        raise _UnreadableError
    for start, kind, pieces in _TEMPLATES:
        if text.startswith(start, at):
            return _template(text, at, depth, kind, pieces)
    return _atom(text, at, depth)


def _template(
    text: str, at: int, depth: int, kind: Callable[..., Formula], pieces: tuple[str, ...]
) -> tuple[Formula, int]:
    found: dict[str, Formula | str] = {}
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            at = _literal(text, at, piece)
        elif piece == "x":
            found[piece], at = _match(_NAME, text, at)
        else:
            found[piece], at = _sentence(text, at, depth - 1)
    return kind(*(found[slot] for slot in ("x", "a", "b") if slot in found)), at


def _atom(text: str, at: int, depth: int) -> tuple[Formula, int]:
    subject, at = _term(text, at, depth)
    word, at = _match(_WORD, text, _literal(text, at, " "))
    negated = word in {"is", "does"} and text.startswith(" not ", at)
    if negated:
        at += len(" not")
    if word == "is":
        adjective, at = _match(_WORD, text, _literal(text, at, " "))
        return _signed(adjective, (subject,), negated=negated), at
    if negated:
        stem, at = _match(_WORD, text, _literal(text, at, " "))
        word = f"{stem}s"
    other, at = _term(text, _literal(text, at, " "), depth)
    return _signed(word, (subject, other), negated=negated), at


def _signed(word: str, terms: tuple[Term, ...], *, negated: bool) -> Formula:
    if is_verb(word) != (len(terms) == _BINARY) or word in {"not", "does"}:
        raise _UnreadableError
    atom = Atom(word.capitalize(), terms)
    return Not(atom) if negated else atom


def _term(text: str, at: int, depth: int) -> tuple[Term, int]:
    if depth < 0:
        raise _UnreadableError
    name, at = _match(_NAME, text, at)
    if not text.startswith("(", at):
        return name, at
    terms: list[Term] = []
    while not terms or text.startswith(",", at):
        at += 1 + (text[at + 1 : at + 2] == " ")
        term, at = _term(text, at, depth - 1)
        terms.append(term)
    return Apply(name, tuple(terms)), _literal(text, at, ")")


def _literal(text: str, at: int, wanted: str) -> int:
    if not text.startswith(wanted, at):
        raise _UnreadableError
    return at + len(wanted)


def _match(pattern: re.Pattern[str], text: str, at: int) -> tuple[str, int]:
    found = pattern.match(text, at)
    if found is None:
        raise _UnreadableError
    return found[0], found.end()
