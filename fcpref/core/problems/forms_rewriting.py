"""Rewrites of normal-form problems: other words, operands in another order, another wording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.logic import And, Formula, Iff, Or, free_names, show
from fcpref.core.logic.formulas import Atom, children, subformulas, with_children
from fcpref.core.logic.steps import steps_to
from fcpref.core.problems.forms import form_of, sentence_of, target_of
from fcpref.core.problems.forms_wording import (
    ASKED,
    ASKS,
    FORMAL,
    LETTERS,
    PHRASINGS,
    phrasing_in,
    say,
    short_in_english,
)
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.renaming import other_words, renamed, retagged, uses_of
from fcpref.core.problems.world_words import HELD, WORDS, Held

if TYPE_CHECKING:
    from fcpref.core.seeds import Random

_HALF = 0.5


@frozen(kw_only=True)
class _Parts:
    """A problem taken apart.

    Attributes:
        sentence: what it is about.
        phrasing: how that is said.
        ask: the template of the text.
        held: whose templates these are.
    """

    sentence: Formula
    phrasing: str
    ask: str
    held: Held


def rename(problem: Problem, stream: Random) -> Problem | None:
    """Give other names and predicates, of the same vocabulary."""
    parts = _parts(problem)
    if parts is None:
        return None
    uses = uses_of(problem)
    places = {
        one.predicate: len(one.terms)
        for one in subformulas(parts.sentence)
        if isinstance(one, Atom)
    }
    unary = [name for name, count in places.items() if count == 1]
    binary = [name for name, count in places.items() if count > 1]
    constants = sorted(free_names(parts.sentence))
    if parts.phrasing == FORMAL:
        letters = [LETTERS[use] for use in uses]
        vocabularies = [[one.unary, one.binary, one.constants] for one in letters]
    else:
        words = [WORDS[use] for use in uses]
        vocabularies = [[one.adjectives, one.verbs, one.people] for one in words]
    names: dict[str, str] = {}
    for place, used in enumerate((unary, binary, constants)):
        drawn = other_words(used, [one[place] for one in vocabularies], stream)
        if drawn is None:
            return None
        names |= drawn
    return _told(problem, evolve(parts, sentence=renamed(parts.sentence, names)))


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Swap operands of some of the ands, ors and equivalences."""
    parts = _parts(problem)
    if parts is None:
        return None
    return _told(problem, evolve(parts, sentence=_swapped(parts.sentence, stream)))


def paraphrase(problem: Problem, stream: Random) -> Problem | None:
    """Ask in another way and, where that is English, say the sentence in another way."""
    parts = _parts(problem)
    if parts is None:
        return None
    formal = parts.phrasing == FORMAL
    ways = [
        (phrasing, ask)
        for phrasing in ((FORMAL,) if formal else PHRASINGS[parts.held])
        for ask in ASKS[parts.held]
        if (phrasing, ask) != (parts.phrasing, parts.ask)
    ]
    phrasing, ask = stream.choice(ways)
    return _told(problem, evolve(parts, phrasing=phrasing, ask=ask))


def certified(problem: Problem, _: Problem) -> bool:
    """Tell whether as many rewrites lead to the form as before, and a chain of them is short."""
    sentence, phrasing = sentence_of(problem), phrasing_in(problem.tags)
    steps = steps_to(target_of(problem), sentence, most=problem.difficulty)
    if not steps or len(steps) != problem.difficulty:
        return False
    return phrasing == FORMAL or short_in_english(steps, {}, phrasing)


def form(problem: Problem) -> tuple[str, ...]:
    """Return the canonical form, which decides the split."""
    return form_of(sentence_of(problem))


def _parts(problem: Problem) -> _Parts | None:
    """Return what a problem is made of; None where the family words its problems otherwise."""
    if problem.claim is None:
        return None
    phrasing, sentence = phrasing_in(problem.tags), sentence_of(problem)
    for held in HELD if problem.split != "train" else HELD[:1]:
        if phrasing not in (FORMAL, *PHRASINGS[held]):
            continue
        for ask in ASKS[held]:
            parts = _Parts(sentence=sentence, phrasing=phrasing, ask=ask, held=held)
            if _told(problem, parts) == problem:
                return parts
    return None


def _told(problem: Problem, parts: _Parts) -> Problem:
    """Return a problem made of other parts, everything else as it was."""
    target, text = target_of(problem), say(parts.sentence, parts.phrasing)
    formal = parts.phrasing == FORMAL
    return evolve(
        problem,
        text=parts.ask.format(target, ASKED[target], text),
        claim=Statement(text=text, formula=show(parts.sentence)),
        tags=problem.tags if formal else retagged(problem.tags, "phrasing", (parts.phrasing,)),
    )


def _swapped(formula: Formula, stream: Random) -> Formula:
    parts = tuple(_swapped(part, stream) for part in children(formula))
    if isinstance(formula, And | Or | Iff) and stream.random() < _HALF:
        parts = parts[::-1]
    return with_children(formula, parts)
