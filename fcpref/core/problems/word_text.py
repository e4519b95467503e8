"""How a word problem of family `word` is written down: in English, or as formulas."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fcpref.core.numbers import show_number
from fcpref.core.problems.word_names import ASIDES, PEOPLE
from fcpref.core.problems.word_numbers import Number, pick, say_number
from fcpref.core.problems.word_units import ask_unit, say_unit

if TYPE_CHECKING:
    from fcpref.core.problems.operations_form import Step
    from fcpref.core.problems.word_moves import Situation
    from fcpref.core.problems.word_names import Person, Vocabulary
    from fcpref.core.problems.word_situations import Templates
    from fcpref.core.problems.word_story import Plan, Said, Story
    from fcpref.core.seeds import Random

# None that is an English word by itself or looks like a digit.
LETTERS = "bcdefghkmnpqrstuvwxyz"
_STRIDES = (1, 3, 7, 9, 11, 13, 17, 19)  # prime to the number of people
_ASIDE_NUMBERS = range(2, 61)
_OLD_RESULT = 0.5
# A slash would give the quotient itself as a fraction of the text.
_SIGNS = {"+": "+", "-": "-", "*": "\u00d7", "/": "\u00f7", "%": "% of"}


class Style(NamedTuple):
    """How English is written.

    Attributes:
        spelled: probability that a number from 2 to 12 is a word.
        distractors: number of sentences or formulas that do not matter.
        templates: whose sentences fit any situation.
        vocabulary: whose names and things are used.
    """

    spelled: float
    distractors: int
    templates: Templates
    vocabulary: Vocabulary


def english(plan: Plan, story: Story, situation: Situation, style: Style, stream: Random) -> str:
    """Return a story as sentences and a question."""
    people = PEOPLE[style.vocabulary]
    # Everyone comes once: what was said of someone is never said anew of another.
    start, stride = int(stream.random() * len(people)), pick(_STRIDES, stream)
    subject, other = people[start], people[(start + stride) % len(people)]
    common = style.vocabulary == "common"
    things = pick(situation.things if common else situation.other_things, stream)
    words = _words(subject, other, things)
    sentences: list[str] = []
    place = start + stride
    for (move, _), said in zip(plan.moves, story.said, strict=True):
        for key, one in zip("bc", said, strict=False):
            words[key] = _say(one, style.spelled, stream)
        sentences.append(_sentence(pick(move.texts, stream), words))
        if move.switch:
            place += stride
            subject, other = other, people[place % len(people)]
            words = _words(subject, other, things)
    unit = plan.unit if plan.asked is None else plan.asked.unit
    words["unit"] = ask_unit(unit, things) if unit else things
    question = pick(plan.moves[-1].move.questions, stream).format_map(words)
    if style.distractors:
        # Only people who play no part: a number about the subject could matter.
        name, other = (people[(place + far * stride) % len(people)] for far in (1, 2))
        outside = _words(name, other, things)
        for aside in _sample(_asides(situation, style.templates), style.distractors, stream):
            outside["n"] = str(_other_than(story.value, stream))
            at = int(stream.random() * (len(sentences) + 1))
            sentences.insert(at, _sentence(aside, outside))
    sentences.append(question)
    return " ".join(sentences)


@lru_cache(maxsize=64)
def _asides(situation: Situation, templates: Templates) -> tuple[str, ...]:
    return (*situation.asides, *ASIDES[templates])


def formal(story: Story, distractors: int, stream: Random) -> str:
    """Return a story as assignments, one a line, and a question.

    Lines are ``q = 3 + 12``, ``r = 25% of q``; a line that does not matter has the same look.
    """
    letters = stream.sample(LETTERS, len(story.steps) + distractors)
    named: dict[Number, str] = {}
    lines: list[str] = []
    for (a, sign, b, result), letter in zip(story.steps, letters, strict=False):
        left, right = named.get(a) or show_value(a), named.get(b) or show_value(b)
        joint = "" if sign == "%" else " "
        lines.append(f"{letter} = {left}{joint}{_SIGNS[sign]} {right}")
        named[result] = letter
    for letter in letters[len(story.steps) :]:
        place = int(stream.random() * (len(lines) + 1))
        left = str(_other_than(story.value, stream))
        if place and stream.random() < _OLD_RESULT:
            left = lines[int(stream.random() * place)][0]
        sign = _SIGNS[pick("+-*", stream)]
        lines.insert(place, f"{letter} = {left} {sign} {_other_than(story.value, stream)}")
    lines.append(f"{letters[len(story.steps) - 1]} = ?")
    return "\n".join(lines)


def _sample(asides: tuple[str, ...], count: int, stream: Random) -> list[str]:
    return [pick(asides, stream)] if count == 1 else stream.sample(asides, count)


def solution(steps: tuple[Step, ...], gold: str) -> str:
    """Return the reference solution in GSM8K's annotation style, so that one oracle serves both."""
    lines = []
    for step in steps:
        written = (
            f"{show_value(step.a)}{'%*' if step.sign == '%' else step.sign}{show_value(step.b)}"
        )
        result = show_value(step.result)
        lines.append(f"{written} = <<{written}={result}>>{result}")
    lines.append(f"#### {gold}")
    return "\n".join(lines)


def show_value(number: Number) -> str:
    """Return a number as a solution shows it."""
    return str(number) if type(number) is int else show_number(Fraction(number))


def _words(subject: Person, other: Person, things: str) -> dict[str, str]:
    return {
        "name": subject.name, "they": subject.they, "their": subject.their, "other": other.name,
        "things": things,
    }  # fmt: skip


def _say(one: Said, spelled: float, stream: Random) -> str:
    draw, number, unit = one
    if draw == "percent" or unit == "dollars":
        spelled = 0
    text = say_number(draw, number, spelled, stream)
    return say_unit(text, unit) if unit else text


def _sentence(template: str, words: dict[str, str]) -> str:
    text = template.format_map(words)
    return text[0].upper() + text[1:]


def _other_than(value: Number, stream: Random) -> int:
    """Return a number for what is beside the point; it must not give the answer."""
    number = pick(_ASIDE_NUMBERS, stream)
    return number if number != value else number + 1
