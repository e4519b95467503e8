"""The way to a normal form as a list of named rewrites, each of one part of the sentence."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.clauses import is_clausal, skolem_step
from fcpref.core.logic.forms import (
    has_quantifier,
    is_negation_normal,
    is_prenex,
    split_prefix,
)
from fcpref.core.logic.formulas import Exists, Formula, Iff, subformulas
from fcpref.core.logic.rewriting import REWRITES, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NEGATION_NORMAL = "negation normal form"
PRENEX = "prenex form"
CLAUSAL = "clausal form"
FORMS: Mapping[str, Callable[[Formula], bool]] = MappingProxyType(
    {NEGATION_NORMAL: is_negation_normal, PRENEX: is_prenex, CLAUSAL: is_clausal}
)
SKOLEMISE = "skolemise"
_NORMALISING = (
    "biconditional",
    "implication",
    "double_negation",
    "de_morgan",
    "negated_quantifier",
)
_PULLING = ("biconditional", "negated_quantifier", "pull_quantifier")


@frozen
class RewriteStep:
    """One step.

    Attributes:
        name: a key of `REWRITES`, or ``skolemise``.
        part: the part that is rewritten, wherever it stands.
        result: the whole sentence afterwards.
    """

    name: str
    part: Formula
    result: Formula


def apply_step(name: str, sentence: Formula, part: Formula) -> Formula | None:
    """Rewrite a part of a sentence; None where the rewrite does not fit the part.

    The part is replaced wherever it stands. ``skolemise`` takes the first existential quantifier
    of the prefix, with only universal ones before it, and all that follows it.
    """
    if name == SKOLEMISE:
        return skolem_step(sentence) if part == _first_existential(sentence) else None
    new = REWRITES[name](part)
    return None if new is None else replace(sentence, part, new)


def steps_to(form: str, sentence: Formula, *, most: int) -> tuple[RewriteStep, ...] | None:
    """Return steps that bring a sentence to a form, outermost parts first.

    Args:
        form: a key of `FORMS`.
        sentence: any formula.
        most: steps allowed.

    Returns:
        The steps, none when the sentence has the form already; None when `most` do not do.
    """
    found: list[RewriteStep] = []
    while not FORMS[form](sentence):
        if len(found) >= most:
            return None
        name, part = next(_chances(form, sentence))
        result = apply_step(name, sentence, part)
        if result is None:  # pragma: no cover - chances fit
            return None
        found.append(RewriteStep(name, part, result))
        sentence = result
    return tuple(found)


def _chances(form: str, sentence: Formula) -> Iterator[tuple[str, Formula]]:
    """Give the rewrites that lead towards a form."""
    if form != PRENEX:
        yield from _fitting(_NORMALISING, sentence)
    if form == NEGATION_NORMAL:
        return
    for name, part in _fitting(_PULLING, sentence):
        # An equivalence of atoms may stay in a prenex matrix.
        if not isinstance(part, Iff) or has_quantifier(part):
            yield name, part
    if form == CLAUSAL:
        existential = _first_existential(sentence)
        if existential is not None:
            yield SKOLEMISE, existential
        yield from _fitting(("distribute",), sentence)


def _fitting(names: tuple[str, ...], sentence: Formula) -> Iterator[tuple[str, Formula]]:
    for part in subformulas(sentence):
        yield from ((name, part) for name in names if REWRITES[name](part) is not None)


def _first_existential(sentence: Formula) -> Formula | None:
    """Return the outermost existential quantifier of the prefix, with its body."""
    prefix, _ = split_prefix(sentence)
    for kind, _ in prefix:
        if kind is Exists:
            return sentence
        sentence = sentence.body  # type: ignore[union-attr] # the prefix says what it is
    return None
