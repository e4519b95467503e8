"""The difficulty knobs of family `deduction`."""

from __future__ import annotations

from attrs import Attribute, field, frozen
from attrs.validators import ge, in_, instance_of, le, lt

from fcpref.core.problems.deduction_words import VOCABULARIES, Use

MAX_DEPTH = 10
MAX_CALLS = 18
_MOST_NAMES = min(len(words.names) for words in VOCABULARIES.values())
# Two words for each of the others; the proof takes one more than a chain has calls.
_MOST_DISTRACTORS = (min(len(v.adjectives) for v in VOCABULARIES.values()) - MAX_CALLS - 1) // 2


def _share(default: float) -> float:
    return field(default=default, validator=[ge(0), le(1)])


@frozen(kw_only=True)
class DeductionSpec:
    """The difficulty knobs.

    Attributes:
        min_depth: shallowest proof, from 1: rules applied one after the other.
        max_depth: deepest proof, at most 10; depths are used in turn.
        distractors: rules that the proof does not need, up to 14; each has a word of its own, so
            that there is an end to them.
        others: individuals other than the claim's, up to 11.
        negation: probability that a literal is negated. A claim is with probability 1/2.
        tollens: probability that a step of the proof uses its rule backwards.
        conjunction: probability that a rule has two conditions, that the second of them has to be
            derived itself, and that two facts are told in one sentence.
        relations: probability that a step, a distractor or a fact is about two people.
        cycles: probability that a rule leads from a later step of the proof back to an earlier
            one; from depth 2.
        templates: ``common`` phrasings of rules, or the ``held_out`` ones.
        vocabulary: ``common`` words and names, or the ``held_out`` ones.
        formal: show formulas and not English.
    """

    min_depth: int = field(default=1, validator=[ge(1), le(MAX_DEPTH)])
    max_depth: int = field(default=5, validator=[ge(1), le(MAX_DEPTH)])
    distractors: int = field(default=3, validator=[ge(0), le(_MOST_DISTRACTORS)])
    others: int = field(default=1, validator=[ge(0), lt(_MOST_NAMES)])
    negation: float = _share(0.2)
    tollens: float = _share(0.15)
    conjunction: float = _share(0.15)
    relations: float = _share(0.15)
    cycles: float = _share(0.15)
    templates: Use = field(default="common", validator=in_(("common", "held_out")))
    vocabulary: Use = field(default="common", validator=in_(("common", "held_out")))
    formal: bool = field(default=False, validator=instance_of(bool))

    @max_depth.validator
    def _not_under_min_depth(self, _: Attribute[int], value: int) -> None:
        if value < self.min_depth:
            raise ValueError(f"'max_depth' must be >= 'min_depth', {self.min_depth}: {value}")
