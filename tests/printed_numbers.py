"""Numbers in printed JSON: the same ones, however they are written."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?")


def in_one_way(text: str) -> str:
    """Return a text whose numbers stand as digits and an exponent.

    A template prints floats as Python does (1e-05), our printer digit by digit. The exponent may be
    too large to work the number out.
    """
    return _NUMBER.sub(_digits, text)


def _digits(number: re.Match[str]) -> str:
    sign, whole, fraction, exponent = number.groups(default="")
    digits = (whole + fraction).lstrip("0")
    short = digits.rstrip("0")
    if not short:
        return "0"
    return f"{sign}{short}e{int(exponent or 0) - len(fraction) + len(digits) - len(short)}"
