"""The numbers that an English text gives: numerals, number words, fractions, percents, money."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from attrs import frozen

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CARDINALS = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
}
_SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 10**9,
}  # fmt: skip
_PARTS = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6,
    "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "sixteenth": 16,
    "twentieth": 20, "hundredth": 100,
}  # fmt: skip
_MULTIPLES = {
    "once": 1, "single": 1, "twice": 2, "double": 2, "couple": 2, "pair": 2, "both": 2, "twin": 2,
    "thrice": 3, "triple": 3, "triplet": 3, "quadruple": 4, "quintuple": 5, "fortnight": 14,
    "decade": 10, "century": 100,
}  # fmt: skip
_COINS = {"penny": 1, "pennie": 1, "nickel": 5, "dime": 10, "quarter": 25}
_MAX_TEXT = 20_000
_TOKEN = re.compile(
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|[a-z]+|[%/:$]|[.,;?!]|\S", re.ASCII
)
_MIXED = re.compile(r"\b(\d{1,6})[ -](?:and )?(\d{1,6})/(\d{1,6})")
_RATIO = re.compile(r"\b(\d{1,6})\s?/\s?(\d{1,6})")
_CLOCK = re.compile(r"\b(\d{1,3})[ -]hours?,?(?: and)? (\d{1,2})[ -]minutes?")
_MAX_DIGITS = 40
_LONGEST_WORD = 16
_LARGEST = 10**15


@frozen
class Form:
    """What a number is of another one that the text words: ``factor * base + offset``.

    "25%" gives 1/4, which is 25 * 1/100 + 0.
    """

    base: Fraction
    factor: Fraction
    offset: Fraction

    @property
    def value(self) -> Fraction:
        """Return the number."""
        return self.factor * self.base + self.offset


def quantities(text: str) -> frozenset[Fraction]:
    """Return every number that a text gives; never raises.

    - numerals (``1,200``, ``.5``), fractions (``3/4``), mixed numbers (``2 1/2``, ``one and a
      half``) with their parts;
    - number words, hyphenated or not (``twenty-five``, ``two hundred``, ``$1.5 million``, ``half a
      dozen``), parts (``a third``, ``two-thirds``) and multiples (``twice``, ``pair``);
    - a percentage p also as p/100, 1 - p/100, 1 + p/100, 100 - p and 100 + p;
    - cents and coins also in dollars; ``1 hour 30 minutes`` also in hours.
    """
    return frozenset(worded(text))


def worded(text: str) -> dict[Fraction, Form | None]:
    """Return the `quantities` of a text, each with its form where it only stands for another."""
    lowered = text[:_MAX_TEXT].lower().replace("\u2019", "'")
    found = _ratios(lowered)
    forms: dict[Fraction, Form | None] = {}
    tokens = _TOKEN.findall(lowered)
    at = 0
    while at < len(tokens):
        found |= _of_word(tokens, at)
        value, after = _number(tokens, at)
        if value is None:
            at += 1
            continue
        found |= {value, *_read_with_next(value, tokens, after)}
        forms |= {form.value: form for form in _forms(value, tokens, after)}
        # Parts of a longer number are numbers of the text too: "two hundred" gives 2 and 100.
        found |= {plain for token in tokens[at:after] if (plain := _plain(token)) is not None}
        at = max(after, at + 1)
    return forms | dict.fromkeys(found)


def _ratios(text: str) -> set[Fraction]:
    found: set[Fraction] = set()
    for top, bottom in _RATIO.findall(text):
        if int(bottom):
            found.add(Fraction(int(top), int(bottom)))
    for whole, top, bottom in _MIXED.findall(text):
        if int(bottom):
            found.add(int(whole) + Fraction(int(top), int(bottom)))
    found |= {int(hours) + Fraction(int(minutes), 60) for hours, minutes in _CLOCK.findall(text)}
    return found


def _number(tokens: list[str], at: int) -> tuple[Fraction | None, int]:
    """Read a cardinal from tokens: "two hundred and five", "1.5 million"; and where it ends."""
    group = _plain(tokens[at])
    if group is None:
        return None, at
    total = Fraction(0)
    # "20 five-dollar bills" is no 25: only words go on with words.
    spelled = tokens[at].isalpha()
    at += 1
    while at < len(tokens):
        joint = tokens[at] if tokens[at] in {"-", "and"} and at + 1 < len(tokens) else ""
        step = 2 if joint else 1
        word = tokens[at + step - 1]
        if word in _SCALES and joint != "and" and total + group <= _LARGEST:
            group *= _SCALES[word]
            if _SCALES[word] >= 1_000:  # noqa: PLR2004 - from here on groups are added up
                total, group = total + group, Fraction(0)
        elif spelled and word in _CARDINALS and _goes_on(total + group, _CARDINALS[word], joint):
            group += _CARDINALS[word]
        else:
            break
        at += step
    return total + group, at


def _goes_on(value: Fraction, unit: int, joint: str) -> bool:
    """Tell whether a number goes on: "twenty" with "five", "hundred" with "and five"."""
    if value == 0 or unit == 0 or value.denominator != 1:
        return False
    if value % 100 == 0:
        return True
    tens = value % 100
    return joint != "and" and tens % 10 == 0 and tens > 10 and unit < 10  # noqa: PLR2004


@lru_cache(maxsize=1_024)
def _plain(token: str) -> Fraction | None:
    if token[-1] in "0123456789":
        return Fraction(token.replace(",", "")) if len(token) <= _MAX_DIGITS else None
    if token in _CARDINALS:
        return Fraction(_CARDINALS[token])
    scale = _SCALES.get(token.removesuffix("s"))
    return None if scale is None else Fraction(scale)


def _of_word(tokens: list[str], at: int) -> frozenset[Fraction]:
    """Return what a word that is no cardinal gives."""
    word = tokens[at]
    found = _alone(word) if len(word) <= _LONGEST_WORD else frozenset()
    if word in _PARTS or word == "halves":
        after = [near for near in tokens[at + 1 : at + 4] if near not in {"-", "a", "of"}]
        if after and after[0] in _SCALES:
            part = _PARTS[word.replace("halves", "half")]
            return found | {Fraction(_SCALES[after[0]], part)}
    return found


@lru_cache(maxsize=1_024)
def _alone(word: str) -> frozenset[Fraction]:
    word = word.replace("halves", "half")
    stems = {word, word.removesuffix("s"), word.removesuffix("d")}
    found = {Fraction(1, _PARTS[stem]) for stem in stems if stem in _PARTS}
    found |= {Fraction(_MULTIPLES[stem]) for stem in stems if stem in _MULTIPLES}
    for coin in (_COINS[stem] for stem in stems if stem in _COINS):
        found |= {Fraction(coin), Fraction(coin, 100)}
    return frozenset(found)


def _read_with_next(value: Fraction, tokens: list[str], at: int) -> set[Fraction]:
    """Return the other readings of a number, given the words after it."""
    match [near for near in tokens[at : at + 4] if near != "-"]:
        case ["and", "a" | "one", ("half" | "quarter" | "third") as part, *_]:
            return {value + Fraction(1, _PARTS[part])}
        case [part, *_] if part.removesuffix("s") in _PARTS:
            return {value / _PARTS[part.removesuffix("s")]}
        case ["halves", *_]:
            return {value / 2}
    return set()


def _forms(value: Fraction, tokens: list[str], at: int) -> tuple[Form, ...]:
    """Return what a number also gives as a percentage or a number of cents."""
    share = Fraction(1, 100)
    made: tuple[tuple[Fraction | int, int], ...] = ()
    match [near for near in tokens[at : at + 4] if near != "-"]:
        case ["%" | "percent", *_]:
            made = ((share, 0), (-share, 1), (share, 1), (-1, 100), (1, 100))
        case ["cent" | "cents" | "\u00a2", *_]:
            made = ((share, 0),)
    return tuple(Form(value, Fraction(factor), Fraction(offset)) for factor, offset in made)
