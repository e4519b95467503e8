"""The situations of family `word`: the ordinary ones, and those that are held out."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from fcpref.core.problems.word_amounts import PARCELS, PARTY, WATER
from fcpref.core.problems.word_held_out import HELD_OUT
from fcpref.core.problems.word_measures import READING, SEWING, WORKSHOP
from fcpref.core.problems.word_places import FARM, SCHOOL, TRAINING, TRIP
from fcpref.core.problems.word_trade import COLLECTION, KITCHEN, SAVINGS, SHOP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems.word_moves import Situation

Templates = Literal["common", "held_out"]

SITUATIONS: Mapping[Templates, tuple[Situation, ...]] = MappingProxyType(
    {
        "common": (
            SHOP, KITCHEN, TRIP, FARM, SCHOOL, SAVINGS, COLLECTION, TRAINING, WORKSHOP, WATER,
            READING, SEWING, PARCELS, PARTY,
        ),
        "held_out": HELD_OUT,
    }
)  # fmt: skip
