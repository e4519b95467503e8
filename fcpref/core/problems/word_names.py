"""The people of family `word`, ordinary and held out, and sentences that fit any situation."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Vocabulary = Literal["common", "held_out"]


class Person(NamedTuple):
    """A name and its pronouns."""

    name: str
    they: str
    their: str


def _people(women: str, men: str) -> tuple[Person, ...]:
    """Return women and men in turn."""
    pairs = zip(women.split(), men.split(), strict=True)
    return tuple(
        person
        for woman, man in pairs
        for person in (Person(woman, "she", "her"), Person(man, "he", "his"))
    )


PEOPLE: Mapping[Vocabulary, tuple[Person, ...]] = MappingProxyType(
    {
        "common": _people(
            "Ana Carla Emma Grace Iris Kira Maya Olga Rosa Tina",
            "Ben Dan Felix Hugo Jack Leo Noah Paul Sam Victor",
        ),
        "held_out": _people(
            "Aisha Bella Dora Freya Hana Julia Lena Nina Petra Zoe",
            "Adam Carlos Erik George Ivan Kenji Mateo Oscar Rafael Tariq",
        ),
    }
)
ASIDES: Mapping[Vocabulary, tuple[str, ...]] = MappingProxyType(
    {  # of templates: the same two kinds
        "common": (
            "{other} is {n} years old.", "It is {n} degrees outside.", "The bus number is {n}.",
            "{other} lives on floor {n}.", "{name} wakes up {n} minutes late.",
        ),
        "held_out": (
            "{name} turned {n} last spring.", "The clock on the wall is {n} years old.",
            "{other} has read {n} books about this.", "There are {n} cars on the street.",
            "{name} has a phone number that ends in {n}.",
        ),
    }
)  # fmt: skip
