"""The numbers that an English text gives: numerals, number words, fractions, percent forms."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS: dict[str, Fraction] = {
    **{word: Fraction(value) for value, word in enumerate(_UNITS)},
    **{word: Fraction(10 * value) for value, word in enumerate(_TENS, start=2)},
    **{
        f"{tens}-{unit}": Fraction(10 * t + u)
        for t, tens in enumerate(_TENS, start=2)
        for u, unit in enumerate(_UNITS[1:10], start=1)
    },
    "hundred": Fraction(100), "thousand": Fraction(1_000), "million": Fraction(1_000_000),
    "dozen": Fraction(12), "dozens": Fraction(12), "half": Fraction(1, 2), "halves": Fraction(1, 2),
    "halved": Fraction(1, 2), "third": Fraction(1, 3), "thirds": Fraction(1, 3),
    "quarter": Fraction(1, 4), "quarters": Fraction(1, 4), "fourth": Fraction(1, 4),
    "fourths": Fraction(1, 4), "fifth": Fraction(1, 5), "fifths": Fraction(1, 5),
    "sixth": Fraction(1, 6), "sixths": Fraction(1, 6), "seventh": Fraction(1, 7),
    "sevenths": Fraction(1, 7), "eighth": Fraction(1, 8), "eighths": Fraction(1, 8),
    "ninth": Fraction(1, 9), "tenth": Fraction(1, 10), "tenths": Fraction(1, 10),
    "twice": Fraction(2), "double": Fraction(2), "doubled": Fraction(2), "doubles": Fraction(2),
    "couple": Fraction(2), "pair": Fraction(2), "pairs": Fraction(2), "both": Fraction(2),
    "thrice": Fraction(3), "triple": Fraction(3), "tripled": Fraction(3), "triples": Fraction(3),
    "quadruple": Fraction(4), "quadrupled": Fraction(4), "once": Fraction(1), "single": Fraction(1),
}  # fmt: skip
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?", re.ASCII)
_FRACTION_WORDS = re.compile(r"\b([a-z]+)[- ]([a-z]+)\b", re.ASCII)
_MAX_TEXT = 20_000


def quantities(text: str) -> frozenset[Fraction]:
    """Return every number that a text gives.

    A percentage p also gives p/100, 1 - p/100, 1 + p/100, 100 - p and 100 + p; a mixed number its
    parts too; "two-thirds" also 2/3.
    """
    found: set[Fraction] = set()
    lowered = text[:_MAX_TEXT].lower()
    for match in re.finditer(r"\d[\d,]*(?:\.\d+)?|\.\d+", lowered):
        digits = match[0].replace(",", "")
        if len(digits) <= 40:  # noqa: PLR2004 - no real quantity is longer
            found.add(Fraction(digits))
    for top, bottom in re.findall(r"(\d{1,6})\s?/\s?(\d{1,6})", lowered):
        if int(bottom):
            found.add(Fraction(int(top), int(bottom)))
    for whole, top, bottom in re.findall(r"(\d{1,6})[ -](\d{1,6})/(\d{1,6})", lowered):
        if int(bottom):
            found.add(int(whole) + Fraction(int(top), int(bottom)))
    for digits in re.findall(r"(\d{1,9}(?:\.\d{1,6})?)\s?(?:%|percent)", lowered):
        found |= _percent_forms(Fraction(digits))
    for word in _WORD.findall(lowered):
        found |= {_WORDS[part] for part in (word, *word.split("-")) if part in _WORDS}
    for first, second in _FRACTION_WORDS.findall(lowered):
        if first in _WORDS and second in _WORDS:
            found.add(_WORDS[first] * _WORDS[second])
    return frozenset(found)


def _percent_forms(p: Fraction) -> set[Fraction]:
    share = p / 100
    return {p, share, 1 - share, 1 + share, 100 - p, 100 + p}
