"""Is a formula's symbol drawn from a sentence's words?

A name is cut into parts at capitals, digits and underscores (``WorkAtCorporateJobs`` into work, at,
corporate, jobs). Each part must be, up to inflection, a word of the sentence, several of its words
run together, the initials of neighbouring words, or a preposition or the like, which name parts use
as glue. A constant may be spelt out more than one sentence does (``rafa_nadal`` where the sentence
says Nadal): one part from the sentence, the others from anywhere in the problem; where the sentence
points back by a pronoun, all of them may come from elsewhere.

Inflection, in short: irregular forms are listed; the endings -ies -ied -ing -ed -es -s -e -y are
cut; words that share four letters or more, at least 60% of the longer one, are of one family
(depend, dependent); so is the start of a word, of three letters or more (app). The rule errs
towards yes: it is there to stop symbols that the sentence does not speak of, not to judge style.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.logic.entailment import arities
from fcpref.core.logic.formulas import free_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fcpref.core.logic.formulas import Formula

MAX_NAME = 80
_MAX_WORD = 24
_SHORT = 3
_FAMILY = 4
_SHARED = 0.6
_CLOSED = {
    "glue": (
        "a an the of in on at by for from to with as and or that than into over under about during",
        "between through before after since is are be been being was were has have had do does did",
        "can could will would",
    ),
    "pronouns": (
        "he she it they him her them his its their himself herself itself this these those there",
        "here who which we our you your i my",
    ),
    # Quantity and negation, by which a statement and its opposite differ.
    "turns": (
        "all any each every everyone everybody some someone somebody no none nobody not never",
        "neither nor either both if then only t s",
    ),
    "hedges": ("if either or unless",),
}
_GLUE, _PRONOUNS, _TURNS, _HEDGES = (
    frozenset(word for line in lines for word in line.split()) for lines in _CLOSED.values()
)
# A name cannot begin with a digit, so that a number is led by one of these.
_BEFORE_NUMBER = frozenset({"year", "number", "no"})
_IRREGULAR = (
    "be is am are was were been; have has had; do does did done; go goes went gone; win won; "
    "write wrote written; sell sold; buy bought; bring brought; teach taught; take took taken; "
    "give gave given; make made; know knew known; grow grew grown; speak spoke spoken; get got; "
    "drive drove driven; eat ate eaten; choose chose chosen; leave left; lose lost; lead led; "
    "meet met; hold held; build built; send sent; spend spent; find found; see saw seen; "
    "sing sang sung; swim swam swum; drink drank drunk; begin began begun; become became; "
    "come came; run ran; die died dead death; wear wore worn; tell told; say said; think thought; "
    "feel felt; keep kept; sleep slept; fly flew flown; break broke broken; steal stole stolen; "
    "fall fell fallen; rise rose risen; catch caught; fight fought; pay paid; lie lay lain; "
    "man men; woman women; person people; child children; wolf wolves; foot feet; mouse mice; "
    "0 zero; 1 one first; 2 two second; 3 three third; 4 four fourth; 5 five fifth; 6 six sixth; "
    "7 seven seventh; 8 eight eighth; 9 nine ninth; 10 ten tenth; 11 eleven; 12 twelve twelfth"
)
_BASE = {form: forms.split()[0] for forms in _IRREGULAR.split(";") for form in forms.split()}
_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", re.ASCII)
_PIECE = re.compile(r"[a-z]+|[0-9]+", re.ASCII)
_WHOLE = re.compile(r"[a-z0-9]+", re.ASCII)


def foreign_symbol(formula: Formula, sentence: str, problem: str) -> str | None:
    """Return the first symbol, by name, that is not drawn from a sentence; None if all are.

    Args:
        formula: what stands for the sentence.
        sentence: its text.
        problem: the text of all sentences, for constants.
    """
    for name, counts in arities([formula]).items():
        # A name of glue alone (In, Has) can relate things, but says nothing of one.
        if not _drawn(name, sentence) or (1 in counts and _GLUE.issuperset(_parts(name))):
            return name
    for name in sorted(free_names(formula)):
        if not (_drawn(name, sentence) or _named_elsewhere(name, sentence, problem)):
            return name
    return None


def content_words(sentence: str) -> frozenset[str]:
    """Return the stems of a sentence's words; those that only build sentences are left out."""
    plain = {word for word in _words(sentence) if word not in _GLUE | _PRONOUNS | _TURNS}
    return frozenset(_stem(word) for word in plain)


def leaves_open(sentence: str) -> bool:
    """Tell whether a sentence is a condition or a choice, by its words."""
    return not _HEDGES.isdisjoint(_words(sentence))


@lru_cache(maxsize=65_536)
def _drawn(name: str, sentence: str) -> bool:
    parts = _parts(name)
    words = _words(sentence)
    if len(name) > MAX_NAME or not parts:
        return False
    return all(_is_of(part, words, sentence) for part in parts) or _is_of(
        "".join(parts), words, sentence
    )


@lru_cache(maxsize=65_536)
def _named_elsewhere(name: str, sentence: str, problem: str) -> bool:
    words = _words(sentence)
    points_back = not _PRONOUNS.isdisjoint(words)
    return _drawn(name, problem) and (
        points_back
        or any(_is_of(part, words, sentence) for part in _parts(name) if part not in _GLUE)
    )


def _is_of(part: str, words: Sequence[str], sentence: str) -> bool:
    return part in _GLUE or _cut(part, words) or _initials(part, sentence)


def _cut(run: str, words: Sequence[str]) -> bool:
    """Tell whether a run of letters is words of the sentence one after the other."""
    reached = [True] + [False] * len(run)
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - _MAX_WORD), end):
            piece = run[start:end]
            glue = piece in _GLUE and len(piece) > 1
            if reached[start] and (glue or any(_same(piece, word) for word in words)):
                reached[end] = True
                break
    return reached[-1]


def _initials(part: str, sentence: str) -> bool:
    """Tell whether a part is the initials of neighbouring words (``usa``), glue left out or not."""
    if len(part) < 2:  # noqa: PLR2004 - one letter is no abbreviation
        return False
    words = _WHOLE.findall(_plain(sentence))
    every = "".join(word[0] for word in words)
    return part in every or part in "".join(word[0] for word in words if word not in _GLUE)


@lru_cache(maxsize=65_536)
def _same(part: str, word: str) -> bool:
    if _stem(part) == _stem(word) or (len(part) >= _SHORT and word.startswith(part)):
        return True
    shared = next(
        (at for at, (one, other) in enumerate(zip(part, word, strict=False)) if one != other),
        min(len(part), len(word)),
    )
    return shared >= _FAMILY and shared >= _SHARED * max(len(part), len(word))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    word = _BASE.get(word, word)
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) > 1:
            word = word.removesuffix(ending) + instead
            break
    if len(word) > 3 and word[-1] == word[-2]:  # noqa: PLR2004 - running -> runn -> run
        word = word[:-1]
    return word.removesuffix("e").removesuffix("y") if len(word) > 3 else word  # noqa: PLR2004


@lru_cache(maxsize=16_384)
def _words(sentence: str) -> tuple[str, ...]:
    # U2 and 3D are words as they stand, and in pieces too.
    plain = _plain(sentence)
    return tuple(dict.fromkeys([*_PIECE.findall(plain), *_WHOLE.findall(plain)]))


def _plain(sentence: str) -> str:
    folded = unicodedata.normalize("NFKD", sentence.replace("+", " plus "))
    return "".join(c for c in folded if not unicodedata.combining(c)).lower()


def _parts(name: str) -> Collection[str]:
    parts = [part.lower() for piece in name.split("_") for part in _PART.findall(piece)]
    return [
        part
        for part, after in zip(parts, [*parts[1:], ""], strict=False)
        if not (after.isdigit() and (len(part) == 1 or part in _BEFORE_NUMBER))
    ]
