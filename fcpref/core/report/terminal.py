"""Text for a terminal, from spans of a style: wrapped, side by side, harmless whatever it holds."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Style = Literal["", "dim", "strong", "good", "bad", "differs", "trained"]

_GUTTER = " | "
# Controls, format characters (bidirectional ones, joiners, tags), lone surrogates, what has no
# meaning of its own, and separators that break a line where nobody sees it.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_CODES: Mapping[Style, str] = MappingProxyType(
    {"dim": "2", "strong": "1", "good": "32", "bad": "31", "differs": "1;33", "trained": "1;36"}
)


@frozen
class Span:
    """Text of one style."""

    text: str
    style: Style = ""


Line: TypeAlias = tuple[Span, ...]
_Letters: TypeAlias = "list[tuple[str, Style]]"


def visible(text: str) -> str:
    r"""Return a text whose every character is seen; only line ends stay as they are.

    A control, format or unassigned character is written as an escape ("\\x1b", "\\u202e"), so that
    nothing in it moves the cursor, hides or turns around what stands beside it.
    """
    lines = text.replace("\r\n", "\n")
    if lines.isascii() and lines.replace("\n", "").isprintable():
        return lines
    return "".join(_seen(character) for character in lines)


def cut(text: str, longest: int) -> str:
    """Return at most `longest` characters of a text, and how many are left out."""
    left = len(text) - longest
    return text if left <= 0 else f"{text[:longest]} ... ({left:,} more characters)"


def cells(text: str) -> int:
    """Return how many columns a visible text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def wrapped(spans: Iterable[Span], width: int, first: Line = (), rest: str = "") -> list[Line]:
    """Break spans into lines, at spaces where there are any.

    Args:
        spans: visible text; its line ends are kept.
        width: columns of a line.
        first: begins the first line.
        rest: begins the others.
    """
    paragraphs: list[_Letters] = [[]]
    for span in spans:
        for letter in span.text:
            if letter == "\n":
                paragraphs.append([])
            else:
                paragraphs[-1].append((letter, span.style))
    begin: Line = first
    lines = []
    for paragraph in paragraphs:
        left = paragraph
        while True:
            room = max(1, width - sum(cells(span.text) for span in begin))
            now, left = _broken(left, room)
            lines.append((*begin, *_joined(now)))
            begin = (Span(rest),)
            if not left:
                break
    return lines


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Put lines of `half` the width beside each other."""
    room = half(width)
    lines = []
    for at in range(max(len(left), len(right))):
        ours = left[at] if at < len(left) else ()
        theirs = right[at] if at < len(right) else ()
        gap = " " * (room - sum(cells(span.text) for span in ours))
        lines.append((*ours, Span(gap), Span(_GUTTER, "dim"), *theirs))
    return lines


def half(width: int) -> int:
    """Return the columns of each side where two stand beside each other."""
    return (width - len(_GUTTER)) // 2


def rendered(lines: Iterable[Line], *, colour: bool) -> str:
    """Return lines as text, styled by ANSI sequences or plain."""
    return "\n".join(_line(line, colour=colour) for line in lines)


def _line(line: Line, *, colour: bool) -> str:
    if not colour:
        return "".join(span.text for span in line).rstrip()
    return "".join(
        f"\x1b[{_CODES[span.style]}m{span.text}\x1b[0m" if span.style and span.text else span.text
        for span in line
    )


def _broken(letters: _Letters, room: int) -> tuple[_Letters, _Letters]:
    """Split what fits into a room off; the space at which it is split goes."""
    used, space = 0, 0
    for at, (letter, _) in enumerate(letters):
        used += _cells(letter)
        if letter == " ":
            space = at
        if used > room:
            end = space or max(at, 1)
            after = end + 1 if letters[end][0] == " " else end
            return letters[:end], letters[after:]
    return letters, []


def _joined(letters: _Letters) -> Iterator[Span]:
    start = 0
    for at in range(1, len(letters) + 1):
        if at == len(letters) or letters[at][1] != letters[start][1]:
            yield Span("".join(letter for letter, _ in letters[start:at]), letters[start][1])
            start = at


@lru_cache(maxsize=4_096)
def _cells(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


@lru_cache(maxsize=4_096)
def _seen(letter: str) -> str:
    if letter == "\n" or unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if code < 0x100:  # noqa: PLR2004 - as Python writes them
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004
