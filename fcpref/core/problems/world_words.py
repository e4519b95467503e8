"""The words of small worlds: people, adjectives that may hold of one, verbs of one and another.

The held-out words stand in no ordinary problem; only the test set ``held-out-vocabulary`` has them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

Held = Literal["common", "held_out"]
HELD: tuple[Held, ...] = ("common", "held_out")


@frozen
class Words:
    """Names to draw from.

    Attributes:
        people: lower-case names of more than one letter.
        adjectives: predicates of one place; none ends in s.
        verbs: predicates of two places; each is a verb with an s behind it.
    """

    people: tuple[str, ...]
    adjectives: tuple[str, ...]
    verbs: tuple[str, ...]


WORDS: Mapping[Held, Words] = MappingProxyType(
    {
        "common": Words(
            ("ann", "ben", "dan", "eve", "kim", "leo", "max", "mia", "roy", "sam", "tom", "zoe"),
            (
                "Big", "Bold", "Calm", "Clever", "Cold", "Fair", "Fast", "Funny", "Happy", "Kind",
                "Loud", "Neat", "Old", "Poor", "Proud", "Quick", "Quiet", "Rich", "Sad", "Shy",
                "Slow", "Small", "Strong", "Tall", "Tired", "Warm", "Wise", "Young",
            ),
            (
                "Admires", "Answers", "Asks", "Calls", "Fears", "Follows", "Greets", "Helps",
                "Hears", "Knows", "Likes", "Meets", "Needs", "Pays", "Sees", "Thanks", "Trusts",
                "Visits",
            ),
        ),
        "held_out": Words(
            ("amy", "bob", "cal", "dot", "eli", "fay", "gus", "hal", "ida", "jon", "lou", "ned"),
            (
                "Brave", "Busy", "Cheerful", "Eager", "Gentle", "Grumpy", "Honest", "Lazy",
                "Lucky", "Modest", "Noisy", "Polite", "Rude", "Silly", "Smart", "Thin", "Weak",
            ),
            (
                "Avoids", "Blames", "Finds", "Hires", "Ignores", "Invites", "Leads", "Loves",
                "Obeys", "Praises", "Saves", "Warns",
            ),
        ),
    }
)  # fmt: skip


def is_verb(predicate: str) -> bool:
    """Tell whether a predicate has two places: verbs end in s, adjectives do not."""
    return predicate.endswith("s")
