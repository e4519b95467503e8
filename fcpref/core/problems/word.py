"""Family `word`: multi-step word problems with sentences that are beside the point.

A running quantity goes through moves of one situation; each move is a sentence and the operations
that it stands for, so the gold answer is known from construction. The reference solution is in
GSM8K's annotation style, and one oracle serves both.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.numbers import show_number
from fcpref.core.problems.problem import Problem, Split
from fcpref.core.problems.quantities import quantities
from fcpref.core.problems.split import split_of
from fcpref.core.problems.word_moves import START, Move, Situation
from fcpref.core.problems.word_numbers import draw_number, say_number
from fcpref.core.problems.word_situations import SITUATIONS
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.seeds import Random

TASK = "math.word"
MAX_STEPS = 8
MAX_DISTRACTORS = 6
PEOPLE = (
    ("Ana", "her"), ("Ben", "his"), ("Carla", "her"), ("Dan", "his"), ("Emma", "her"),
    ("Felix", "his"), ("Grace", "her"), ("Hugo", "his"), ("Iris", "her"), ("Jack", "his"),
    ("Kira", "her"), ("Leo", "his"), ("Maya", "her"), ("Noah", "his"), ("Olga", "her"),
    ("Paul", "his"), ("Rosa", "her"), ("Sam", "his"), ("Tina", "her"), ("Victor", "his"),
)  # fmt: skip
_ASIDES = (
    "{other} is {n} years old.", "It is {n} degrees outside.", "The bus number is {n}.",
    "{other} lives on floor {n}.", "{name} wakes up {n} minutes late.",
)  # fmt: skip
_ROLES = 4  # more than the changes of subject that a situation has
_MOST = 20_000
_TRIES = 4_000

_BY_NAME = {situation.name: situation for situation in SITUATIONS}

Form = tuple[object, ...] | str


@frozen(kw_only=True)
class WordSpec:
    """The difficulty knobs.

    Attributes:
        min_steps: fewest operations, from 1.
        max_steps: most operations, at most 8; numbers of steps are used in turn.
        distractors: sentences with numbers that do not matter.
        spelled: probability that a number from 2 to 12 is a word.
        situations: names of the situations to use; empty for all.
    """

    min_steps: int = 1
    max_steps: int = 5
    distractors: int = 1
    spelled: float = 0.25
    situations: tuple[str, ...] = ()


def generate(spec: WordSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream.

    Raises:
        ProblemError: the knobs are out of range, or leave no problem to be found.
    """
    _check(spec)
    steps = spec.min_steps + index % (spec.max_steps - spec.min_steps + 1)
    stream = derive(seed, TASK, split, index, "problem")
    for _ in range(_TRIES):
        situation = _BY_NAME[stream.choice(spec.situations or tuple(_BY_NAME))]
        story = _story(situation, steps, spec, stream)
        if story is None or split_of([TASK, form_of(story)]) != split:
            continue
        # An answer that stands in the text could be copied instead of computed.
        if story.value not in quantities(" ".join(story.sentences)):
            return _problem(story, situation, spec, stream, split, index)
    message = f"no problem of {steps} steps found with {spec}"
    raise ProblemError(message)


def _check(spec: WordSpec) -> None:
    if not 1 <= spec.min_steps <= spec.max_steps <= MAX_STEPS:
        message = f"steps {spec.min_steps}..{spec.max_steps} are not within 1..{MAX_STEPS}"
        raise ProblemError(message)
    if not 0 <= spec.distractors <= MAX_DISTRACTORS:
        message = f"distractors={spec.distractors} is not within 0..{MAX_DISTRACTORS}"
        raise ProblemError(message)
    if unknown := sorted(set(spec.situations) - {situation.name for situation in SITUATIONS}):
        message = f"unknown situation {unknown[0]!r}; there are {', '.join(_BY_NAME)}"
        raise ProblemError(message)


def _problem(
    story: Story, situation: Situation, spec: WordSpec, stream: Random, split: Split, index: int
) -> Problem:
    sentences = list(story.sentences)
    # Only people who play no part: a number about the subject could matter.
    words = _words(story.people[_ROLES:], story.things)
    asides = list(dict.fromkeys((*situation.asides, *_ASIDES)))
    for aside in stream.sample(asides, spec.distractors):
        number = stream.choice([n for n in range(2, 61) if n != story.value])
        told = _sentence(aside, words | {"n": str(number)})
        sentences.insert(stream.randint(0, len(sentences)), told)
    gold = show_number(story.value)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=len(story.lines),
        text=" ".join((*sentences, story.question)),
        gold=gold,
        solution="\n".join((*story.lines, f"#### {gold}")),
        tags=(f"situation:{situation.name}",),
    )


@frozen(kw_only=True)
class Story:
    """A problem before its distractors.

    Attributes:
        sentences: in order, without the question.
        lines: the reference solution's lines.
        value: the running quantity.
        form: the tree of operations over numbers: the canonical form. It has no words and no
            distractors, and the operands of a sum or product are in a fixed order.
        people: the subject, the others who may play a part, two who do not.
    """

    sentences: tuple[str, ...]
    lines: tuple[str, ...]
    value: Fraction
    form: Form
    question: str
    people: tuple[tuple[str, str], ...]
    things: str


def form_of(story: Story) -> Form:
    """Return the canonical form, which decides the split."""
    return story.form


def _story(situation: Situation, steps: int, spec: WordSpec, stream: Random) -> Story | None:
    """Walk from an opening through moves that have `steps` operations in all."""
    people = tuple(stream.sample(PEOPLE, _ROLES + 2))
    story = Story(
        sentences=(), lines=(), value=Fraction(0), form="", question="", people=people,
        things=stream.choice(situation.things),
    )  # fmt: skip
    kind, used = START, set[str]()
    while len(story.lines) < steps or not story.sentences:
        left = steps - len(story.lines)
        moves = [
            move
            for move in situation.moves
            if move.source == kind and move.text not in used and len(move.operations) <= left
        ]
        if not moves:
            return None
        move = stream.choice(moves)
        used.add(move.text)
        told = _tell(story, move, spec, stream)
        if told is None:
            return None
        story, kind = told, move.target
    return story


def _tell(story: Story, move: Move, spec: WordSpec, stream: Random) -> Story | None:
    """Add a move to a story; None when no numbers fit."""
    x = story.value
    numbers = {"x": x}
    forms: dict[str, Form] = {"x": story.form}
    shown: dict[str, str] = {}
    for key, draw in (("b", move.b), ("c", move.c)):
        if draw is not None:
            value = draw_number(draw, x, stream)
            if value is None:
                return None
            numbers[key], forms[key] = value, str(value)
            numeral = f"${{{key}}}" in move.text or draw == "percent"
            shown[key] = say_number(draw, value, 0 if numeral else spec.spelled, stream)
    result, last = numbers["b"], "b"
    lines: list[str] = []
    for operation in move.operations:
        left, sign, right = operation.split()
        a, b = numbers[left], numbers[right]
        result, last = _apply(sign, a, b), "y"
        # Equal operands would leave it open which of two earlier results is meant.
        ambiguous = a == b and "y" in operation
        if ambiguous or not 0 < result <= _MOST or (result * 100).denominator != 1:
            return None
        written = f"{show_number(a)}{'%*' if sign == '%' else sign}{show_number(b)}"
        lines.append(f"{written} = <<{written}={show_number(result)}>>{show_number(result)}")
        forms["y"] = _form(sign, forms[left], forms[right])
        numbers["y"] = result
    people = story.people
    words = _words(people, story.things) | shown
    if move.switch:
        # The old subject goes last: what was said of someone is never said anew.
        people = (*people[1:_ROLES], people[0], *people[_ROLES:])
    return Story(
        sentences=(*story.sentences, _sentence(move.text, words)),
        lines=(*story.lines, *lines),
        value=result,
        form=forms[last],
        question=move.question.format(**_words(people, story.things)),
        people=people,
        things=story.things,
    )


def _sentence(template: str, words: Mapping[str, str]) -> str:
    text = template.format(**words)
    return text[0].upper() + text[1:]


def _words(people: tuple[tuple[str, str], ...], things: str) -> dict[str, str]:
    name, their = people[0]
    return {"name": name, "their": their, "other": people[1][0], "things": things}


def _apply(sign: str, a: Fraction, b: Fraction) -> Fraction:
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
    return a * b / 100


def _form(sign: str, left: Form, right: Form) -> Form:
    if sign in "+*" and repr(right) < repr(left):
        left, right = right, left
    return (sign, left, right)
