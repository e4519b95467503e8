"""Family `algebra`: equations, systems, fractions, percentages and sequences, exactly.

Kinds take turns, then levels, so any prefix of a stream is balanced. A problem is shown in words,
with its unknowns named, or as formulas. The gold answer is known from construction: unknowns are
drawn first and equations made to fit them; everything else is worked out step by step.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, get_args

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, le, min_len

from fcpref.core.numbers import show_number
from fcpref.core.problems.algebra_draft import Draft, Size, nonzero, show_linear
from fcpref.core.problems.algebra_form import form_of
from fcpref.core.problems.algebra_fraction import draft_fraction
from fcpref.core.problems.algebra_linear import draft_linear
from fcpref.core.problems.algebra_percent import draft_percent
from fcpref.core.problems.algebra_sequence import draft_sequence
from fcpref.core.problems.algebra_system import draft_system
from fcpref.core.problems.algebra_words import WORDS, Templates, Vocabulary
from fcpref.core.problems.problem import Problem, Split, Statement
from fcpref.core.problems.quantities import quantities
from fcpref.core.problems.split import split_of
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attrs import Attribute

    from fcpref.core.seeds import Random

__all__ = ["KINDS", "MAX_DISTRACTORS", "MAX_LEVEL", "TASK", "AlgebraSpec", "form_of", "generate"]

TASK = "math.algebra"
MAX_LEVEL = 5
MAX_DISTRACTORS = 4
_TRIES = 4_000
_DRAFTS: Mapping[str, Callable[[Size, Random], Draft | None]] = MappingProxyType(
    {
        "linear": draft_linear,
        "system": draft_system,
        "fraction": draft_fraction,
        "percent": draft_percent,
        "sequence": draft_sequence,
    }
)
KINDS = tuple(_DRAFTS)
# Constants of the support rule: an answer among them could come from no number of the problem.
_PLAIN = frozenset({1, 2, 100})
ASIDES: Mapping[Templates, tuple[str, ...]] = MappingProxyType(
    {
        "common": (
            "It is {n} degrees outside.", "The bus number is {n}.",
            "This is page {n} of the book.", "The lesson takes {n} minutes.",
            "The class has {n} students.", "The house number is {n}.",
            "The film begins in {n} minutes.", "{name} is {n} years old.",
        ),
        "held_out": (
            "Outside there are {n} trees.", "The train leaves from platform {n}.",
            "A poster shows the number {n}.", "{name} wears size {n}.",
            "Our street has {n} lanterns.", "Lunch is served at table {n}.",
        ),
    }
)  # fmt: skip


def _in_order(spec: AlgebraSpec, _: Attribute[int], value: int) -> None:
    if value < spec.min_level:
        message = f"max_level={value} is below min_level={spec.min_level}"
        raise ValueError(message)


@frozen(kw_only=True)
class AlgebraSpec:
    """The difficulty knobs; a value out of range is a ValueError.

    Attributes:
        kinds: which kinds of problems, used in turn: linear, system, fraction, percent, sequence.
        min_level: easiest level, from 1.
        max_level: hardest level, at most 5; levels are used in turn. What a level is made of
            (brackets, unknowns, operations, changes) is said by each kind's `draft_...`. Above 3,
            fractions have more operations and percentages more changes; the others are as at 3.
        unknowns: most unknowns of a system, 2 or 3; three are asked for from level 3.
        coefficients: largest coefficient, from 3 to 99; other numbers grow with it.
        distractors: sentences or equations that do not matter, at most 4.
        formal: show formulas and not English.
        templates: ``common``, or ``held_out`` for sentences of the test set.
        vocabulary: ``common``, or ``held_out`` for letters, names and things of the test set.
    """

    kinds: tuple[str, ...] = field(
        default=KINDS, validator=and_(min_len(1), deep_iterable(in_(KINDS)))
    )
    min_level: int = field(default=1, validator=and_(instance_of(int), ge(1), le(MAX_LEVEL)))
    max_level: int = field(
        default=3, validator=and_(instance_of(int), ge(1), le(MAX_LEVEL), _in_order)
    )
    unknowns: int = field(default=2, validator=in_((2, 3)))
    coefficients: int = field(default=9, validator=and_(instance_of(int), ge(3), le(99)))
    distractors: int = field(
        default=0, validator=and_(instance_of(int), ge(0), le(MAX_DISTRACTORS))
    )
    formal: bool = field(default=False, validator=instance_of(bool))
    templates: Templates = field(default="common", validator=in_(get_args(Templates)))
    vocabulary: Vocabulary = field(default="common", validator=in_(get_args(Vocabulary)))


def generate(spec: AlgebraSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream; its difficulty is its level.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    kind = spec.kinds[index % len(spec.kinds)]
    levels = spec.max_level - spec.min_level + 1
    level = spec.min_level + (index // len(spec.kinds)) % levels
    size = Size(
        level=level,
        unknowns=spec.unknowns,
        coefficients=spec.coefficients,
        templates=spec.templates,
        words=WORDS[spec.vocabulary],
    )
    stream = derive(seed, TASK, split, index, "problem")
    for _ in range(_TRIES):
        draft = _DRAFTS[kind](size, stream)
        if draft is None or split_of(f"{TASK} {draft.form}") != split:
            continue
        problem = _problem(draft, spec, kind, level, stream, split, index)
        if problem is not None:
            return problem
    message = f"no {kind} problem of level {level} found with {spec}"
    raise ProblemError(message)


def _problem(
    draft: Draft,
    spec: AlgebraSpec,
    kind: str,
    level: int,
    stream: Random,
    split: Split,
    index: int,
) -> Problem | None:
    """Write a draft down; None when its answer stands in the text, where it could be copied."""
    equations = list(draft.equations)
    lines = list(draft.formal if spec.formal else draft.sentences)
    told: list[str] = []
    for _ in range(spec.distractors):
        at = stream.randint(0, len(lines))
        if spec.formal:
            extra = _beside(draft, lines, spec, stream)
            equations.append(extra)
            lines.insert(at, extra)
        else:
            asides = [text for text in ASIDES[spec.templates] if text not in told]
            told.append(stream.choice(asides))
            name = stream.choice(WORDS[spec.vocabulary].names)
            lines.insert(at, told[-1].format(n=stream.randint(3, 90), name=name))
    text = ("\n" if spec.formal else " ").join(
        (*lines, (draft.formal_question or draft.question) if spec.formal else draft.question)
    )
    given = quantities(text)
    hidden = {abs(value) for value in (draft.gold, *draft.values)}
    repeated = draft.gold in draft.values and len(draft.asked) > 1
    if hidden & given or draft.gold in _PLAIN or repeated:
        return None
    gold = show_number(draft.gold)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=level,
        text=text,
        givens=tuple(
            Statement(text=equation if spec.formal else "", formula=equation)
            for equation in equations
        ),
        claim=Statement(text=draft.asked, formula=draft.asked) if draft.asked else None,
        gold=gold,
        solution="\n".join((*draft.lines, f"#### {gold}")),
        tags=(
            f"kind:{kind}",
            f"level:{level}",
            *(("formal",) if spec.formal else (f"phrasing:{draft.phrasing}",)),
        ),
    )


def _beside(draft: Draft, lines: list[str], spec: AlgebraSpec, stream: Random) -> str:
    """Return an equation of an unknown that is not asked for."""
    used = set("".join(lines)) | set("n")  # a sequence's n is no unknown
    letter = stream.choice([one for one in WORDS[spec.vocabulary].letters if one not in used])
    most = spec.coefficients
    a, b = stream.randint(2, most), nonzero(3 * most, stream)
    taken = {draft.gold, *draft.values}
    value = stream.choice([n for n in range(2, 40) if n not in taken])
    return f"{show_linear([a], [letter], b)} = {a * value + b}"
