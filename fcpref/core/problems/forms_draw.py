"""Sentences for family `forms`, drawn as formulas of single letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic import And, Atom, Exists, ForAll, Formula, Iff, Implies, Not, Or
from fcpref.core.logic.formulas import children
from fcpref.core.problems.forms_wording import LETTERS, Letters

if TYPE_CHECKING:
    from fcpref.core.problems.world_words import Held
    from fcpref.core.seeds import Random

VARIABLES = ("x", "y", "z")
_FEW, _MANY = 3, 8  # rewrites
_HALF = 0.5


def draw_sentence(wanted: int, quantifiers: int, vocabulary: Held, stream: Random) -> Formula:
    """Draw a sentence that takes about as many rewrites as wanted."""
    # Few of these words for few rewrites: the rest of the sentence stays as it is.
    rate = stream.choice((0.1, 0.25, 0.5) if wanted <= _FEW else (0.25, 0.5, 0.7))
    # Few rewrites leave few sentences to be found unless the sentences are long; many make a long
    # sentence too long to write.
    leaves = stream.randint(4 if wanted <= _FEW else 3, 6 if wanted <= _MANY else 4)
    letters = _letters(vocabulary, stream)
    return _grow(leaves, quantifiers, (), rate, letters, stream)


def _grow(
    leaves: int,
    quantifiers: int,
    scope: tuple[str, ...],
    rate: float,
    letters: Letters,
    stream: Random,
) -> Formula:
    if quantifiers and stream.random() < (_HALF if scope else 0.75):
        variable = VARIABLES[len(scope)]
        inner = (*scope, variable)
        kind = stream.choice((ForAll, Exists))
        return kind(variable, _grow(leaves, quantifiers - 1, inner, rate, letters, stream))
    if stream.random() < rate / 2:
        return Not(_grow(leaves, quantifiers, scope, rate, letters, stream))
    if leaves <= 1:
        return _atom(scope, letters, stream)
    kinds = (Implies, Implies, Iff) if stream.random() < rate else (And, Or)
    join: type[And | Or | Implies | Iff] = stream.choice(kinds)
    few = stream.randint(1, leaves - 1)
    left = _grow(few, quantifiers, scope, rate, letters, stream)
    return join(left, _grow(leaves - few, quantifiers, scope, rate, letters, stream))


def _atom(scope: tuple[str, ...], letters: Letters, stream: Random) -> Formula:
    predicate = stream.choice((*letters.unary, *letters.binary))

    def term() -> str:
        named = not scope or stream.random() < 0.1  # noqa: PLR2004 - a constant now and then
        return stream.choice(letters.constants if named else scope)

    return Atom(predicate, tuple(term() for _ in range(2 if predicate in letters.binary else 1)))


def other_atoms(sentence: Formula, vocabulary: Held, stream: Random) -> Formula:
    """Return a sentence of the same connectives and quantifiers with atoms drawn anew."""
    return _refilled(sentence, (), _letters(vocabulary, stream), stream)


def _letters(vocabulary: Held, stream: Random) -> Letters:
    every = LETTERS[vocabulary]
    return Letters(
        tuple(stream.sample(every.unary, stream.randint(2, 5))),
        tuple(stream.sample(every.binary, stream.randint(1, 3))),
        tuple(stream.sample(every.constants, 2)),
    )


def _refilled(
    formula: Formula, scope: tuple[str, ...], letters: Letters, stream: Random
) -> Formula:
    if isinstance(formula, ForAll | Exists):
        inner = (*scope, formula.variable)
        return type(formula)(formula.variable, _refilled(formula.body, inner, letters, stream))
    if isinstance(formula, Not):
        return Not(_refilled(formula.body, scope, letters, stream))
    if isinstance(formula, And | Or | Implies | Iff):
        left, right = (_refilled(part, scope, letters, stream) for part in children(formula))
        return type(formula)(left, right)
    return _atom(scope, letters, stream)
