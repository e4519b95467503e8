"""The words of family `algebra`, ordinary and held out: letters, names and things."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

Vocabulary = Literal["common", "held_out"]
Templates = Literal["common", "held_out"]


@frozen(kw_only=True)
class Words:
    """What the sentences of one vocabulary are about.

    Attributes:
        letters: of unknowns; none that is an English word by itself or looks like a digit.
        items: of a shop, as many as there are unknowns at most.
        colours: of bags, likewise.
        places: to visit.
        priced: what has a price.
        jobs: what has a salary.
        liquids: of a tank.
        weighed: what is weighed.
        names: of people.
    """

    letters: str
    items: tuple[tuple[str, str, str], ...]
    colours: tuple[tuple[str, str, str], ...]
    places: tuple[str, ...]
    priced: tuple[str, ...]
    jobs: tuple[str, ...]
    liquids: tuple[str, ...]
    weighed: tuple[str, ...]
    names: tuple[str, ...]


WORDS: Mapping[Vocabulary, Words] = MappingProxyType(
    {
        "common": Words(
            letters="mnpqrstuvwxyz",
            items=(
                ("pen", "book", "cup"), ("apple", "melon", "lemon"), ("chair", "table", "lamp"),
                ("shirt", "hat", "belt"),
            ),
            colours=(("red", "blue", "green"), ("small", "large", "huge")),
            places=("museum", "zoo", "theater", "pool"),
            priced=("coat", "phone", "bike"),
            jobs=("nurse", "cook", "driver"),
            liquids=("water", "oil", "milk"),
            weighed=("sack", "stone", "statue"),
            names=("Ann", "Ben", "Eva"),
        ),
        "held_out": Words(
            letters="bcdfghjk",
            items=(
                ("spoon", "kettle", "plate"), ("plum", "mango", "peach"), ("desk", "rug", "vase"),
                ("sock", "glove", "cap"),
            ),
            colours=(("pink", "brown", "white"), ("round", "square", "long")),
            places=("castle", "circus", "garden", "tower"),
            priced=("boat", "piano", "sofa"),
            jobs=("pilot", "baker", "guard"),
            liquids=("juice", "paint", "syrup"),
            weighed=("trunk", "bell", "log"),
            names=("Ulf", "Mia", "Tom"),
        ),
    }
)  # fmt: skip
