"""Chains and pairs as lines for a terminal. Whatever they hold, it only shows."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from fcpref.core.canon import short
from fcpref.core.report import chains_words as words
from fcpref.core.report.chains import ShownChain, ShownPair
from fcpref.core.report.terminal import Line, Span, beside, cut, half, visible, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fcpref.core.report.chains import ShownCall, ShownProblem
    from fcpref.core.report.terminal import Style

SIDE_BY_SIDE = 100
"""Columns from which on a pair's chains stand beside each other."""
_NARROWEST = 40
_INDENT = "  "


def shown_lines(shown: ShownChain | ShownPair, width: int) -> list[Line]:
    """Return a chain or a pair as lines of a terminal.

    Args:
        shown: what to show.
        width: columns of the terminal; less than 40 count as 40.
    """
    room = max(width, _NARROWEST)
    made = _pair(shown, room) if isinstance(shown, ShownPair) else _chain(shown, room)
    return list(made)


def _chain(chain: ShownChain, width: int) -> Iterator[Line]:
    yield from _said(f"chain {short(chain.id)}", width, style="strong")
    yield from _said(words.about(chain), width)
    yield from _said(words.by(chain), width)
    yield from _problem(chain.about, width)
    yield from _calls(chain.calls, chain, width)
    yield ()
    style: Style = "good" if chain.verdict == "correct" else "bad"
    yield from _said(
        f"verdict: {words.verdict(chain)}", width, style=style if chain.verdict else ""
    )
    for text in words.measures(chain):
        yield from _said(text, width)
    yield from _trained(chain, width)


def _pair(pair: ShownPair, width: int) -> Iterator[Line]:
    yield from _said(f"pair {short(pair.id)}, {pair.origin}", width, style="strong")
    yield from _said(words.about(pair), width)
    yield from _said(words.judged(pair), width)
    yield from _said(words.reason(pair), width)
    yield from _problem(pair.about, width)
    if pair.shared:
        yield from _said(f"{words.SHARED}:", width, style="dim")
        yield from _calls(pair.chosen.calls[: pair.shared], None, width)
    else:
        yield from _said(words.NOTHING_SHARED, width, style="dim")
    yield ()
    if width < SIDE_BY_SIDE:
        yield from _side("chosen", pair.chosen, pair.shared, width)
        yield ()
        yield from _side("rejected", pair.rejected, pair.shared, width)
        return
    room = half(width)
    sides = [("chosen", pair.chosen), ("rejected", pair.rejected)]
    blocks = [
        [_head(name, chain, room), *_blocks(chain.calls[pair.shared :], chain, room)]
        for name, chain in sides
    ]
    # Call by call, so that the first ones that differ begin in one line.
    for ours, theirs in zip_longest(*blocks, fillvalue=[]):
        yield from beside(ours, theirs, width)


def _side(name: str, chain: ShownChain, start: int, width: int) -> Iterator[Line]:
    yield from _head(name, chain, width)
    yield from _calls(chain.calls[start:], chain, width)


def _head(name: str, chain: ShownChain, width: int) -> list[Line]:
    style: Style = "good" if name == "chosen" else "bad"
    text = f"{name.upper()}: {words.verdict(chain)}"
    return [
        *_said(text, width, style=style),
        *_said(f"{words.by(chain)}, chain {short(chain.id)}", width, style="dim"),
        *_trained(chain, width),
    ]


def _trained(chain: ShownChain, width: int) -> Iterator[Line]:
    style: Style = "bad" if chain.training and chain.training.left_out else "trained"
    for text in words.trained(chain):
        yield from _said(text, width, style=style)


def _problem(problem: ShownProblem | None, width: int) -> Iterator[Line]:
    yield ()
    if problem is None:
        yield from _said(words.NO_PROBLEM, width, style="dim")
    else:
        yield from _said(problem.text, width, indent=_INDENT)
        yield from _said(f"right answer: {problem.gold}", width, indent=_INDENT, style="dim")
    yield ()


def _calls(calls: Sequence[ShownCall], chain: ShownChain | None, width: int) -> Iterator[Line]:
    for block in _blocks(calls, chain, width):
        yield from block


def _blocks(calls: Sequence[ShownCall], chain: ShownChain | None, width: int) -> list[list[Line]]:
    """Return the lines of each call; the last block may say that there are none, or more."""
    blocks = []
    for call in calls[: words.MOST_CALLS]:
        block = []
        note = words.before(call, chain) if chain is not None else ""
        if note:
            block += _said(f"-- {note} --", width, style="dim")
        blocks.append([*block, *_call(call, width)])
    if not calls:
        blocks.append(_said(words.ENDS, width, style="dim"))
    elif len(calls) > words.MOST_CALLS:
        left = len(calls) - words.MOST_CALLS
        blocks.append(_said(f"... ({left:,} more calls)", width, style="dim"))
    return blocks


def _call(call: ShownCall, width: int) -> list[Line]:
    fades = call.place == "shared" or (call.place == "after" and not call.judged)
    plain: Style = "dim" if fades else "differs" if call.place == "first" else ""
    mark = ">" if call.place == "first" else "*" if call.evidence else " "
    marks = f"{mark}{'!' if call.code else ' '}"
    style: Style = "bad" if call.code else "good" if call.evidence else plain
    first = (Span(f"{call.index:>2} ", "dim"), Span(f"{marks} ", "dim" if fades else style))
    rest = " " * 6
    pieces = (Span(_marked(piece), piece.style or plain) for piece in call.pieces)
    result = visible(cut(call.result, words.LONGEST))
    code = f" [{call.code}]" if call.code else ""
    told = Span(f"{result}{code}", "dim" if fades else "bad" if call.code else "")
    return [
        *wrapped(pieces, width, first, rest),
        *wrapped([told], width, (Span(f"{rest}-> ", "dim"),), f"{rest}   "),
    ]


def _marked(piece: Span) -> str:
    text = visible(cut(piece.text, words.LONGEST))
    return f"{words.OPENS}{text}{words.CLOSES}" if piece.style == "trained" else text


def _said(text: str, width: int, *, indent: str = "", style: Style = "") -> list[Line]:
    spans: Iterable[Span] = [Span(visible(cut(text, words.LONGEST)), style)]
    return wrapped(spans, width, (Span(indent),), indent)
