"""Text for a terminal: seen, wrapped, side by side."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.report import rendered
from fcpref.core.report.terminal import Span, beside, cells, cut, half, visible, wrapped
from tests import strategies

STYLES = ("", "dim", "strong", "good", "bad", "differs")
ANSI = re.compile(r"\x1b\[[\d;]*m")
anything = strategies.hostile_texts() | st.text(max_size=60)
spans = st.lists(st.builds(Span, anything.map(visible), st.sampled_from(STYLES)), max_size=5)


def letters(lines):
    """Return every letter that is seen, with its style."""
    every = ((letter, span.style) for line in lines for span in line for letter in span.text)
    return [(letter, style) for letter, style in every if letter not in " \n"]


def columns(line):
    return sum(cells(span.text) for span in line)


@given(anything)
def test_every_character_of_a_visible_text_is_seen(text):
    seen = visible(text)
    assert visible(seen) == seen
    for letter in seen:
        assert letter == "\n" or unicodedata.category(letter)[0] != "C"
    assert len(f"{seen}.".splitlines()) == seen.count("\n") + 1
    seen.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Max is kind.\nSo?", "Max is kind.\nSo?"),
        ("\x1b[2J\x1b]0;t\x07", r"\x1b[2J\x1b]0;t\x07"),
        ("a\r\nb\rc\td", "a\nb\\x0dc\\x09d"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\x9b31m\u2028\ud800", r"\x9b31m\u2028\ud800"),
        ("\U000e0041 漢字 é", r"\U000e0041 漢字 é"),
    ],
)
def test_what_could_move_or_hide_is_written_out(text, expected):
    assert visible(text) == expected


@given(spans, st.integers(8, 60))
def test_wrapping_keeps_every_letter_and_its_style_within_the_width(some, width):
    lines = wrapped(some, width, (Span("12 "),), "   ")
    assert all(columns(line) <= width for line in lines)
    assert lines[0][0] == Span("12 ")
    assert all(line[0] == Span("   ") for line in lines[1:])
    assert letters(line[1:] for line in lines) == letters([some])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", ["one two", "three"]),
        ("one twothree", ["one", "twothree"]),
        ("abcdefghij", ["abcdefgh", "ij"]),
        ("a\n\nb", ["a", "", "b"]),
        ("eightlet so", ["eightlet", "so"]),
        ("漢字漢字漢", ["漢字漢字", "漢"]),
        ("", [""]),
    ],
)
def test_lines_are_broken_at_spaces_where_there_are_any(text, expected):
    assert rendered(wrapped([Span(text)], 8), colour=False).split("\n") == expected


@given(spans, spans, st.integers(20, 80))
def test_sides_stand_beside_each_other(ours, theirs, width):
    room = half(width)
    left, right = wrapped(ours, room), wrapped(theirs, room)
    lines = beside(left, right, width)
    assert len(lines) == max(len(left), len(right))
    for line in lines:
        at = next(i for i, span in enumerate(line) if span == Span(" | ", "dim"))
        assert columns(line[:at]) == room
        assert columns(line) <= width


@given(spans, st.integers(8, 60))
def test_colours_change_no_text(some, width):
    lines = wrapped(some, width)
    plain, coloured = (rendered(lines, colour=colour) for colour in (False, True))
    assert "\x1b" not in plain
    stripped = ANSI.sub("", coloured)
    assert "\x1b" not in stripped
    assert [line.rstrip() for line in stripped.split("\n")] == plain.split("\n")


@given(st.text(max_size=30), st.integers(0, 40))
def test_a_text_is_cut_with_the_number_of_what_is_missing(text, longest):
    short = cut(text, longest)
    if len(text) <= longest:
        assert short == text
    else:
        assert short == f"{text[:longest]} ... ({len(text) - longest} more characters)"
