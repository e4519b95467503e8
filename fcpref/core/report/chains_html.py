"""Chains and pairs as one HTML page: styles inline, nothing fetched, no scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.canon import short
from fcpref.core.report import chains_words as words
from fcpref.core.report.chains import ShownChain, ShownPair
from fcpref.core.report.html import page
from fcpref.core.report.markup import Markup, element, join, text
from fcpref.core.report.style import CHAINS
from fcpref.core.report.terminal import cut, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fcpref.core.report.chains import ShownCall, ShownProblem


def shown_page(title: str, notes: Iterable[str], shown: Iterable[ShownChain | ShownPair]) -> str:
    """Return chains or pairs as a page; whatever they hold, it only shows.

    Args:
        title: of the page.
        notes: paragraphs before them.
        shown: what to show, in order.
    """
    return page(
        visible(title),
        *(element("p", {}, _text(note)) for note in notes),
        *(_pair(one) if isinstance(one, ShownPair) else _chain(one) for one in shown),
        style=CHAINS,
    )


def _chain(chain: ShownChain) -> Markup:
    known = "good" if chain.verdict == "correct" else "bad"
    style = known if chain.verdict else "badge"
    verdict = element("strong", {"class": style}, _text(words.verdict(chain)))
    return element(
        "article",
        {},
        join(
            element("h2", {}, text(f"chain {short(chain.id)}")),
            _facts(words.about(chain), words.by(chain)),
            *_problem(chain.about),
            _calls(chain.calls, chain),
            element("p", {}, verdict),
            _facts(*words.measures(chain)),
            *_trained(chain),
        ),
    )


def _pair(pair: ShownPair) -> Markup:
    shared: tuple[Markup, ...] = (element("p", {"class": "note"}, text(words.NOTHING_SHARED)),)
    if pair.shared:
        shared = (
            element("h3", {"class": "faded"}, text(words.SHARED)),
            _calls(pair.chosen.calls[: pair.shared], None),
        )
    return element(
        "article",
        {},
        join(
            element("h2", {}, text(f"pair {short(pair.id)}, {pair.origin}")),
            _facts(words.about(pair), words.judged(pair), words.reason(pair)),
            *_problem(pair.about),
            *shared,
            element(
                "div",
                {"class": "sides"},
                _side("chosen", pair.chosen, pair.shared),
                _side("rejected", pair.rejected, pair.shared),
            ),
        ),
    )


def _side(name: str, chain: ShownChain, start: int) -> Markup:
    style = "good" if name == "chosen" else "bad"
    return element(
        "section",
        {},
        join(
            element("h3", {"class": style}, _text(f"{name}: {words.verdict(chain)}")),
            _facts(f"{words.by(chain)}, chain {short(chain.id)}"),
            *_trained(chain),
            _calls(chain.calls[start:], chain),
        ),
    )


def _trained(chain: ShownChain) -> Iterator[Markup]:
    style = "bad" if chain.training and chain.training.left_out else "note"
    for fact in words.trained(chain):
        yield element("p", {"class": style}, _text(fact))


def _facts(*facts: str) -> Markup:
    return element("ul", {"class": "facts"}, *(element("li", {}, _text(fact)) for fact in facts))


def _problem(problem: ShownProblem | None) -> Iterator[Markup]:
    if problem is None:
        yield element("p", {"class": "note"}, text(words.NO_PROBLEM))
    else:
        yield element("div", {"class": "problem"}, _text(problem.text))
        yield _facts(f"right answer: {problem.gold}")


def _calls(calls: Sequence[ShownCall], chain: ShownChain | None) -> Markup:
    items = []
    for call in calls[: words.MOST_CALLS]:
        note = words.before(call, chain) if chain is not None else ""
        if note:
            items.append(_break(note))
        items.append(_call(call))
    if not calls:
        items.append(_break(words.ENDS))
    elif len(calls) > words.MOST_CALLS:
        items.append(_break(f"... ({len(calls) - words.MOST_CALLS:,} more calls)"))
    return element("ol", {"class": "calls"}, join(*items))


def _break(note: str) -> Markup:
    return element("li", {"class": "break"}, text(note))


def _call(call: ShownCall) -> Markup:
    first = call.place == "first"
    faded = call.place == "shared" or (call.place == "after" and not call.judged)
    marks = {"evidence": call.evidence, "failed": call.code, "first": first, "faded": faded}
    badges = {
        "first that differs": first,
        "judged": first and call.judged,
        "evidence": call.evidence,
        call.code: call.code,
    }
    reply = (
        element("span", {"class": piece.style}, _text(piece.text))
        if piece.style
        else _text(piece.text)
        for piece in call.pieces
    )
    return element(
        "li",
        {"class": " ".join(["call", *(name for name, holds in marks.items() if holds)])},
        element("span", {"class": "badge"}, text(str(call.index))),
        *(
            element("span", {"class": "badge"}, text(name))
            for name, holds in badges.items()
            if holds
        ),
        element("span", {"class": "reply"}, *reply),
        element("span", {"class": "result"}, _text(call.result)),
    )


def _text(content: str) -> Markup:
    # Bidirectional marks would turn around what stands beside them, escaped or not.
    return text(visible(cut(content, words.LONGEST)))
