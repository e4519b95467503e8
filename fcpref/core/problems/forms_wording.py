"""What a problem of family `forms` is said in: letters or words, and how it is asked."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic import Formula, parse, show
from fcpref.core.logic.steps import CLAUSAL, NEGATION_NORMAL, PRENEX, RewriteStep
from fcpref.core.problems.sentence_english import say_sentence
from fcpref.core.problems.world_words import WORDS, Held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.seeds import Random

FORMAL = "formal"
# So that a reply that quotes a sentence, and a chain of all of them, stay below the default bounds
# of 96 and 800 tokens in English, as `MAX_RESULT` and `MAX_QUOTED` of `forms` hold it for formulas.
MAX_SAID = 270
MAX_QUOTED_SAID = 2_700
_NAME = re.compile(r"\w+")


@frozen
class Letters:
    """Names of a formula: predicates of one and of two places, and constants."""

    unary: tuple[str, ...]
    binary: tuple[str, ...]
    constants: tuple[str, ...]


LETTERS: Mapping[Held, Letters] = MappingProxyType(
    {
        "common": Letters(
            ("P", "Q", "S", "T", "U", "V", "W"), ("R", "K", "L", "M", "N"), ("a", "b", "c", "d")
        ),
        "held_out": Letters(
            ("A", "B", "C", "D", "E", "F", "G"), ("H", "I", "J", "O"), ("j", "k", "m", "n")
        ),
    }
)
PHRASINGS: Mapping[Held, tuple[str, ...]] = MappingProxyType(
    {"common": ("plain", "spoken"), "held_out": ("each", "case")}
)
ASKS: Mapping[Held, tuple[str, ...]] = MappingProxyType(
    {
        "common": (
            "Bring the sentence to {}: {}.\nSentence: {}",
            "Rewrite the sentence in {}: {}.\nSentence: {}",
        ),
        "held_out": (
            "{2}\nWhat is this in {0}? It has {1}.",
            "Wanted is the {} of what follows, which has {}.\n>> {}",
        ),
    }
)
ASKED = {
    NEGATION_NORMAL: "nothing but and, or, quantifiers, and not right before an atom",
    PRENEX: "all quantifiers in front",
    CLAUSAL: "forall in front, then ands of ors of atoms and negated atoms, no exists",
}


def say(sentence: Formula, phrasing: str) -> str:
    """Return a sentence as a problem of this phrasing shows it, without a full stop."""
    return show(sentence) if phrasing == FORMAL else say_sentence(sentence, phrasing)


def phrasing_in(tags: tuple[str, ...]) -> str:
    """Return the phrasing that a problem's tags name; ``formal`` where they name none."""
    named = (tag.removeprefix("phrasing:") for tag in tags if tag.startswith("phrasing:"))
    return next(named, FORMAL)


def short_in_english(
    steps: tuple[RewriteStep, ...], named: Mapping[str, str], phrasing: str
) -> bool:
    """Tell whether a chain of these steps is short in English too."""
    parts = [say(reworded(step.part, named), phrasing) for step in steps]
    results = [say(reworded(step.result, named), phrasing) for step in steps]
    quoted = sum(map(len, parts)) + len(results[-1])
    return max(map(len, (*parts, *results))) <= MAX_SAID and quoted <= MAX_QUOTED_SAID


def draw_wording(
    *, formal: bool, templates: Held, vocabulary: Held, stream: Random
) -> tuple[Mapping[str, str], str]:
    """Draw a word for each letter and a phrasing; none for the formal text."""
    if formal:
        return {}, FORMAL
    letters, words = LETTERS[vocabulary], WORDS[vocabulary]
    named: dict[str, str] = {}
    for few, many in (
        (letters.unary, words.adjectives),
        (letters.binary, words.verbs),
        (letters.constants, words.people),
    ):
        named.update(zip(few, stream.sample(many, len(few)), strict=True))
    return named, stream.choice(PHRASINGS[templates])


def reworded(formula: Formula, named: Mapping[str, str]) -> Formula:
    """Return a formula with other names; a name that is not mapped stays."""
    return parse(_NAME.sub(lambda found: named.get(found[0], found[0]), show(formula)))
