"""Exact numbers and their text."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_BITS = 2_048
_NUMBER = re.compile(r"([+-]?)(?:(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?|(\.\d+))(?:/(\d+))?", re.ASCII)
MAX_DIGITS = 60


def read_number(text: str) -> Fraction | None:
    """Read "12", "-3.5", "1,200", ".5" or "10/3" exactly; None for anything else."""
    if len(text) > MAX_DIGITS:
        return None
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    sign, whole, decimals, bare, denominator = found.groups()
    value = Fraction((whole or "0").replace(",", "") + (decimals or bare or ""))
    if denominator is not None:
        if int(denominator) == 0:
            return None
        value /= int(denominator)
    return -value if sign == "-" else value


def show_number(value: Fraction) -> str:
    """Print a number exactly: as a decimal where it ends within 6 places, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**6
    if scaled.denominator == 1:
        digits = f"{abs(scaled.numerator):07d}"
        sign = "-" if value < 0 else ""
        return f"{sign}{digits[:-6]}.{digits[-6:]}".rstrip("0")
    return f"{value.numerator}/{value.denominator}"


def too_large(value: Fraction) -> bool:
    """Tell whether a number takes more memory than any real problem needs."""
    return value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS
