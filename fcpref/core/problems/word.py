"""Family `word`: multi-step word problems with sentences that are beside the point.

A running quantity goes through moves of one situation; each move is a sentence and the operations
that it stands for, so the gold answer is known from construction. Numbers may be said in another
unit: turning them into the unit that the problem counts in is an operation of its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, get_args

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, le

from fcpref.core.problems.operations_form import form_of_steps
from fcpref.core.problems.problem import Problem, Split
from fcpref.core.problems.split import split_of
from fcpref.core.problems.word_form import form_of
from fcpref.core.problems.word_moves import MAX_STEPS
from fcpref.core.problems.word_names import Vocabulary
from fcpref.core.problems.word_numbers import pick
from fcpref.core.problems.word_situations import SITUATIONS, Templates
from fcpref.core.problems.word_story import plan_story, tell_story
from fcpref.core.problems.word_text import Style, english, formal, show_value, solution
from fcpref.core.seeds import derive
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from fcpref.core.problems.word_moves import Situation
    from fcpref.core.problems.word_story import Plan, Story
    from fcpref.core.seeds import Random

__all__ = ["MAX_DISTRACTORS", "MAX_STEPS", "NAMES", "TASK", "WordSpec", "form_of", "generate"]

TASK = "math.word"
MAX_DISTRACTORS = 6
NAMES = {kind: tuple(one.name for one in found) for kind, found in SITUATIONS.items()}
_TRIES = 2_000
_REDRAWS = 4

_steps = and_(instance_of(int), ge(1), le(MAX_STEPS))
_share = and_(instance_of(float), ge(0.0), le(1.0))


@frozen(kw_only=True)
class WordSpec:
    """The difficulty knobs; a value out of range is a ValueError.

    Attributes:
        min_steps: fewest operations, from 1.
        max_steps: most operations, at most 8; numbers of steps are used in turn.
        distractors: sentences or formulas with numbers that do not matter, at most 6.
        units: probability that a measured number is said, or the answer asked for, in another unit
            than the one that the problem counts in; each is an operation more.
        spelled: probability that a number from 2 to 12 is a word.
        formal: show assignments such as ``q = 3 + 12`` and not English.
        templates: ``common``, or ``held_out`` for situations and sentences of the test set.
        vocabulary: ``common``, or ``held_out`` for names and things of the test set.
        situations: names of the situations to use; empty for all of `templates`.
    """

    min_steps: int = field(default=1, validator=_steps)
    max_steps: int = field(default=5, validator=_steps)
    distractors: int = field(
        default=1, validator=and_(instance_of(int), ge(0), le(MAX_DISTRACTORS))
    )
    units: float = field(default=0.25, validator=_share)
    spelled: float = field(default=0.25, validator=_share)
    formal: bool = field(default=False, validator=instance_of(bool))
    templates: Templates = field(default="common", validator=in_(get_args(Templates)))
    vocabulary: Vocabulary = field(default="common", validator=in_(get_args(Vocabulary)))
    situations: tuple[str, ...] = field(
        default=(), validator=deep_iterable(instance_of(str), instance_of(tuple))
    )

    def __attrs_post_init__(self) -> None:
        """Refuse an empty range of steps, and situations that are not of these templates."""
        if self.min_steps > self.max_steps:
            message = f"min_steps={self.min_steps} is above max_steps={self.max_steps}"
            raise ValueError(message)
        known = NAMES[self.templates]
        if unknown := [name for name in self.situations if name not in known]:
            raise ValueError(
                f"{self.templates} situations have no {unknown[0]!r}; there are {', '.join(known)}"
            )


def generate(spec: WordSpec, *, seed: int, split: Split, index: int) -> Problem:
    """Return problem number `index` of a split's stream; its difficulty is its number of steps.

    Raises:
        ProblemError: the knobs leave no problem to be found.
    """
    steps = spec.min_steps + index % (spec.max_steps - spec.min_steps + 1)
    stream = derive(seed, TASK, split, index, "problem")
    situations = _situations(spec.templates, spec.situations)
    for _ in range(_TRIES):
        situation = pick(situations, stream)
        plan = plan_story(situation, steps, spec.units, stream)
        if plan is None:
            continue
        for _ in range(_REDRAWS):
            story = tell_story(plan, stream)
            if story and split_of(f"{TASK} {form_of_steps(story.steps)}") == split:
                return _problem(plan, story, situation, spec, stream, split, index)
    message = f"no problem of {steps} steps found with {spec}"
    raise ProblemError(message)


@lru_cache(maxsize=256)
def _situations(templates: Templates, names: tuple[str, ...]) -> tuple[Situation, ...]:
    return tuple(one for one in SITUATIONS[templates] if not names or one.name in names)


def _problem(
    plan: Plan,
    story: Story,
    situation: Situation,
    spec: WordSpec,
    stream: Random,
    split: Split,
    index: int,
) -> Problem:
    if spec.formal:
        text = formal(story, spec.distractors, stream)
    else:
        style = Style(spec.spelled, spec.distractors, spec.templates, spec.vocabulary)
        text = english(plan, story, situation, style, stream)
    gold = show_value(story.value)
    return Problem(
        task=TASK,
        split=split,
        index=index,
        difficulty=len(story.steps),
        text=text,
        gold=gold,
        solution=solution(story.steps, gold),
        tags=(f"situation:{situation.name}", *(("formal",) if spec.formal else ())),
    )
