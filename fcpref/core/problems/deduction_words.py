"""The vocabulary of family `deduction`: adjectives, verbs and names, ordinary and held out."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

Use = Literal["common", "held_out"]
"""What training problems are made of, and what is kept for test sets."""


@frozen(kw_only=True)
class Vocabulary:
    """Words to draw from: adjectives are predicates of one place, verbs of two."""

    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    verbs: tuple[str, ...]


_COMMON = Vocabulary(
    names=("Max", "Sam", "Tom", "Ben", "Kim", "Ann", "Bob", "Jim", "Dan", "Ken", "Ray", "Roy"),
    adjectives=(
        "kind", "calm", "tall", "rich", "loud", "wise", "brave", "proud", "happy", "young", "quick",
        "quiet", "smart", "strong", "clean", "sweet", "warm", "cold", "deep", "bright", "sharp",
        "rough", "fresh", "fair", "bold", "mad", "sad", "shy", "slow", "small", "big", "neat",
        "free", "light", "soft", "ready", "poor", "old", "weak", "honest", "nice", "safe", "fast",
        "busy", "funny", "clever", "gentle", "careful",
    ),
    verbs=(
        "likes", "helps", "knows", "sees", "trusts", "visits", "calls", "thanks", "needs", "meets",
        "hears", "asks", "fears", "feeds", "finds", "leads", "loves", "serves", "tells",
        "moves", "avoids", "beats", "seeks",
    ),
)  # fmt: skip
_HELD_OUT = Vocabulary(
    names=("Eve", "Leo", "Mia", "Zoe", "Ivy", "Hal", "Joy", "Lee", "Pam", "Ted", "Una", "Vic"),
    adjectives=(
        "polite", "lazy", "eager", "tired", "hungry", "angry", "modest", "noisy", "tidy", "witty",
        "lucky", "humble", "stern", "merry", "fierce", "patient", "silent", "nervous", "cheerful",
        "loyal", "cruel", "frank", "grumpy", "jolly", "keen", "lively", "mild", "moody", "naive",
        "obedient", "playful", "rude", "sincere", "sleepy", "stubborn", "tender", "vain", "vivid",
        "wild", "zealous", "bitter", "blunt", "civil", "crafty", "decent", "dull", "elegant",
        "famous",
    ),
    verbs=(
        "admires", "follows", "greets", "joins", "pays", "praises", "teaches", "warns", "envies",
        "forgives", "guides", "invites", "amuses", "blames", "chases", "drives", "hugs", "mocks",
        "pleases", "scolds", "spots", "stops", "tricks",
    ),
)  # fmt: skip
VOCABULARIES: Mapping[Use, Vocabulary] = MappingProxyType(
    {"common": _COMMON, "held_out": _HELD_OUT}
)
