"""The units of family `word`, and how one is turned into another.

Every factor is among the constants that the support rule allows, so a chain may convert without
being told how.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.problems.word_numbers import Draw


class Conversion(NamedTuple):
    """How a number said in `unit` becomes one in the unit that the problem counts in.

    Attributes:
        unit: what is said.
        sign: times or divided by the factor.
        factor: how many of the smaller unit make one of the larger.
    """

    unit: str
    sign: Literal["*", "/"]
    factor: int


_C = Conversion
CONVERSIONS: Mapping[str, tuple[Conversion, ...]] = MappingProxyType(
    {
        "pieces": (_C("dozen", "*", 12),),
        "seconds": (_C("minutes", "*", 60),),
        "minutes": (_C("hours", "*", 60),),
        "hours": (_C("minutes", "/", 60),),
        "days": (_C("weeks", "*", 7),),
        "weeks": (_C("days", "/", 7),),
        "months": (_C("years", "*", 12),),
        "grams": (_C("kilograms", "*", 1000),),
        "kilograms": (_C("grams", "/", 1000),),
        "centimeters": (_C("meters", "*", 100),),
        "meters": (_C("centimeters", "/", 100), _C("kilometers", "*", 1000)),
        "kilometers": (_C("meters", "/", 1000),),
        "milliliters": (_C("liters", "*", 1000),),
        "liters": (_C("milliliters", "/", 1000),),
        "inches": (_C("feet", "*", 12),),
        "feet": (_C("inches", "/", 12), _C("yards", "*", 3)),
        "ounces": (_C("pounds", "*", 16),),
        "pounds": (_C("ounces", "/", 16),),
        "dollars": (_C("cents", "/", 100),),
    }
)
_SAID = {"pieces": "{}", "dollars": "${}"}
_ASKED = {"pieces": "{things}", "dozen": "dozen {things}"}
# Only whole ones are asked for.
WHOLE = frozenset({"dozen", "days", "weeks", "years"})


def conversions_of(unit: str, draw: Draw) -> tuple[Conversion, ...]:
    """Return the ways to say a number in another unit; sums of money stay in dollars."""
    return () if unit == "dollars" and draw != "price" else CONVERSIONS.get(unit, ())


def say_unit(number: str, unit: str) -> str:
    """Return a number with its unit, such as ``3 hours``, ``$5`` or ``2 dozen``."""
    known = _SAID.get(unit)
    return f"{number} {unit}" if known is None else known.format(number)


def ask_unit(unit: str, things: str) -> str:
    """Return what a question asks for: ``hours``, or ``dozen apples``."""
    return _ASKED[unit].format(things=things) if unit in _ASKED else unit
