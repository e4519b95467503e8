"""Chains and pairs shown to people: in a terminal and on a page, whatever they hold."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import canonical_bytes, short
from fcpref.core.chains import Limits, Reply, Turn, advance, begin, chain_id, finish
from fcpref.core.codec import unstructure, value_id
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.pairs import ORIGINS, PreferencePair
from fcpref.core.report import rendered, shown_chain, shown_lines, shown_page, shown_pair
from fcpref.core.report.chains import ShownCall
from fcpref.core.report.chains_words import LONGEST, MOST_CALLS
from fcpref.core.report.terminal import Span, cells, visible
from fcpref.core.scores import Grounded
from fcpref.core.tasks import find_task
from fcpref.core.training import judged_replies
from tests import strategies
from tests.core.report.documents import Page

WORD = find_task("math.word")
PROBLEM = WORD.generate({}, 0, "train", 0)
HOSTILE = (
    "\x1b[2J\x1b[31m",
    "</span></li><script>alert(1)</script>",
    "<!--",
    "\u202egnp.exe\u2066",
    "\x9b1A\r",
    "漢" * 50,
    "x" * 150,
    'a" onload="b',
    "&amp;&#27;",
)
turns = st.builds(
    Turn,
    reply=st.sampled_from(HOSTILE) | strategies.texts(),
    outcome=st.builds(
        Outcome,
        text=st.sampled_from(HOSTILE) | strategies.texts(),
        code=st.none() | st.sampled_from(FailureCode),
    ),
)


@st.composite
def pairs(draw):
    """Return a pair of any kind, whose chains begin with some of the same turns."""
    both = draw(st.lists(turns, max_size=2))
    sides = [
        evolve(
            draw(strategies.chains()),
            problem="p",
            turns=(*both, *draw(st.lists(turns, max_size=2))),
        )
        for _ in range(2)
    ]
    return PreferencePair(
        kind=draw(st.sampled_from(("chain", "step"))),
        chosen=sides[0],
        rejected=sides[1],
        rejected_verdict=draw(st.sampled_from(HOSTILE) | st.just("malformed")),
        origin=draw(st.sampled_from(ORIGINS)),
        values=draw(st.none() | st.just((Fraction(3, 4), Fraction(1, 3)))),
    )


chains = st.builds(
    lambda chain, some: evolve(chain, turns=tuple(some)),
    strategies.chains(),
    st.lists(turns, max_size=3),
)
abouts = st.none() | strategies.problems()
shown = st.builds(shown_chain, chains, abouts, st.none() | strategies.scores()) | st.builds(
    shown_pair, pairs(), abouts
)


def played(*replies, problem=PROBLEM, **changes):
    state = begin(WORD.toolbox, problem, (), Limits(failures=50))
    for text in replies:
        state = advance(state, Reply(text=text))
    return evolve(finish(state, "me", 3), **changes)


def text_of(one, width=80):
    return rendered(shown_lines(one, width), colour=False)


def squeezed(text):
    return "".join(text.split())


# --- whatever they hold -------------------------------------------------------------------------


@given(shown, st.integers(1, 200))
def test_anything_fits_the_width_and_is_seen(one, width):
    lines = shown_lines(one, width)
    for line in lines:
        assert sum(cells(span.text) for span in line) <= max(width, 40)
        assert all(visible(span.text) == span.text and "\n" not in span.text for span in line)
    assert "\x1b" not in rendered(lines, colour=False)


@given(st.lists(shown, max_size=2), st.sampled_from(HOSTILE))
def test_anything_is_a_page_that_runs_and_fetches_nothing(some, note):
    source = shown_page(note, [note], some)
    page = Page(source)
    tags = {tag for tag, _ in page.elements}
    assert tags <= {
        *("html", "head", "meta", "link", "title", "style", "body", "main", "h1", "h2", "h3"),
        *("p", "article", "section", "div", "span", "strong", "ul", "ol", "li"),
    }
    assert {name for _, attributes in page.elements for name in attributes} <= {
        *("lang", "charset", "name", "content", "http-equiv", "rel", "href", "class"),
    }
    assert len(page.found("article")) == len(some)
    assert visible(page.joined) == page.joined
    assert "default-src 'none'" in source
    source.encode()


@given(shown)
def test_all_of_it_is_plain_data(one):
    assert canonical_bytes(unstructure(one))


@given(turns)
def test_a_reply_and_its_result_are_there_in_both(turn):
    chain = evolve(played(), turns=(turn,))
    one = shown_chain(chain, None, None)
    words = Page(shown_page("t", [], [one])).joined
    for text in (turn.reply[:LONGEST], turn.outcome.text[:LONGEST]):
        assert visible(text) in words
        assert squeezed(visible(text)) in squeezed(text_of(one))


# --- a chain ------------------------------------------------------------------------------------


def test_a_chain_says_what_it_is_about_and_what_came_of_it():
    right = WORD.oracle(PROBLEM)
    chain = played("no", "Reasoning(thought='so 987654')", *right)
    score = WORD.measured(chain, PROBLEM)
    text = text_of(shown_chain(chain, PROBLEM, score))
    lines = text.split("\n")
    assert lines[0] == f"chain {short(chain_id(chain))}"
    assert lines[1] == (
        f"math.word, difficulty {PROBLEM.difficulty}, train, problem {short(chain.problem)}"
    )
    assert lines[2] == "sample 3 of me"
    assert squeezed(PROBLEM.text) in squeezed(text)
    assert f"  right answer: {PROBLEM.gold}" in lines
    assert " 0  ! no" in lines
    assert "      -> Error: reply with one function call and nothing else [not_a_call]" in lines
    assert f" 2 *  {right[0]}" in lines
    assert f" {len(right) + 1}    {right[-1]}" in lines
    calls = len(right) + 2
    assert "verdict: correct (stopped: answered)" in lines
    assert f"calls: {calls}, 1 of them failed" in lines
    assert f"evidence: call{'s' * (len(right) > 2)} " in text
    assert f"oracle's calls: {len(right)}, efficiency {len(right) / calls:.2f}" in lines
    assert "grounded numbers in Reasoning: 0 of 1" in lines


def test_without_a_problem_or_a_score_a_chain_says_so():
    chain = played("no", grammar="tools", without=("Check", "Round"))
    text = text_of(shown_chain(chain, None, None))
    assert "(the problem is not here)" in text
    assert "no verdict (stopped: silent)" in text
    assert "tools grammar, without Check, Round" in text
    assert "evidence" not in text
    assert "oracle" not in text


def test_a_chain_that_the_oracle_completed_says_where():
    chain = played("no", *WORD.oracle(PROBLEM), completed_from=1)
    one = shown_chain(chain, PROBLEM, None)
    lines = text_of(one).split("\n")
    assert lines[lines.index("-- the oracle's from here on --") + 1].startswith(" 1 ")
    assert "the oracle's from here on" in Page(shown_page("t", [], [one])).words


def test_very_long_chains_and_replies_are_cut_and_say_how_much():
    turn = Turn(reply="y" * (LONGEST + 1_234), outcome=Outcome(text="z"))
    one = shown_chain(evolve(played(), turns=(turn,) * (MOST_CALLS + 7)), None, None)
    page = Page(shown_page("t", [], [one])).joined
    for text in (text_of(one, 200), page):
        assert "(1,234 more characters)" in text
        assert "... (7 more calls)" in text
    assert len(one.calls) == MOST_CALLS + 7


def test_the_pieces_of_a_reply_may_have_styles_of_their_own(monkeypatch):
    pieces = (Span("Add(", "dim"), Span("a=2", "good"), Span(", b=3)"))
    monkeypatch.setattr(ShownCall, "pieces", property(lambda _: pieces))
    one = shown_chain(played("no"), None, None)
    assert " 0  ! Add(a=2, b=3)" in text_of(one)
    assert "\x1b[32ma=2\x1b[0m" in rendered(shown_lines(one, 80), colour=True)
    assert {"class": "good"} in Page(shown_page("t", [], [one])).found("span")


# --- a pair -------------------------------------------------------------------------------------

FIRST = "Reasoning(thought='first')"


def pair_of(chosen, rejected, kind="step", **more):
    return PreferencePair(
        kind=kind,
        chosen=played(*chosen),
        rejected=played(*rejected),
        rejected_verdict="no_answer",
        **more,
    )


@given(pairs())
def test_calls_of_a_pair_are_shared_first_or_after_and_judged_as_they_are_trained(pair):
    one = shown_pair(pair, None)
    for side, judged in zip((one.chosen, one.rejected), judged_replies(pair), strict=True):
        assert tuple(call.judged for call in side.calls) == judged
        places = [call.place for call in side.calls]
        rest = len(places) - one.shared
        assert places == ["shared"] * one.shared + (["first"] + ["after"] * (rest - 1)) * (rest > 0)
    assert one.id == value_id(pair)
    assert (one.rejected_code or None) == pair.rejected_code


def test_a_step_pair_stands_side_by_side_where_there_is_room():
    right = WORD.oracle(PROBLEM)
    pair = pair_of(
        (FIRST, *right),
        (FIRST, "no", "no again"),
        origin="step",
        values=(Fraction(3, 4), Fraction(0)),
    )
    one = shown_pair(pair, PROBLEM)
    lines = text_of(one, 120).split("\n")
    assert lines[0] == f"pair {short(value_id(pair))}, step"
    assert "judged: call 1 only, after the beginning that both share" in lines
    assert (
        "rejected: no_answer (not_a_call); share of correct ends: chosen 3/4, rejected 0" in lines
    )
    at = lines.index("both begin with:")
    assert lines[at + 1 : at + 3] == [f" 0    {FIRST}", "      -> Go on."]
    row = next(line for line in lines if line.startswith(" 1 >"))
    left, right_side = row.split(" | ")
    assert left.rstrip() == f" 1 >  {right[0]}"
    assert right_side == " 1 >! no"
    assert re.search(r"^-- not judged -- +\| -- not judged --$", "\n".join(lines), re.MULTILINE)
    assert " | " in text_of(one, 100)
    stacked = text_of(one, 99).split("\n")
    assert not any(" | " in line for line in stacked)
    assert stacked.index("CHOSEN: correct (stopped: answered)") < stacked.index(
        "REJECTED: no_answer (stopped: silent)"
    )


def test_of_a_chain_pair_everything_is_judged():
    pair = pair_of(WORD.oracle(PROBLEM), ("no", "no again"), kind="chain")
    text = text_of(shown_pair(pair, PROBLEM), 120)
    assert "judged: both chains as a whole" in text
    assert "they differ from the first call on" in text
    assert "not judged" not in text
    assert "share of correct ends" not in text


def test_a_chain_that_ends_where_the_other_goes_on_says_so():
    one = shown_pair(pair_of((FIRST, "no"), (FIRST,)), PROBLEM)
    assert "(ends here)" in text_of(one)
    assert "(ends here)" in Page(shown_page("t", [], [one])).words


def test_a_page_marks_the_first_call_that_differs():
    one = shown_pair(pair_of((FIRST, "no", "yes"), (FIRST, "yes")), PROBLEM)
    items = [
        attributes.get("class", "").split()
        for attributes in Page(shown_page("t", [], [one])).found("li")
    ]
    calls = [classes for classes in items if "call" in classes]
    assert calls == [
        ["call", "faded"],
        ["call", "failed", "first"],
        ["call", "failed", "faded"],
        ["call", "failed", "first"],
    ]
    words = Page(shown_page("t", [], [one])).words
    assert words.count("first that differs") == words.count("judged") == 2


def test_shared_and_unjudged_calls_are_dim_and_the_first_that_differs_is_not():
    one = shown_pair(pair_of((FIRST, "no"), (FIRST, "Reasoning('x')", "no")), PROBLEM)
    styles = {
        span.text: span.style for line in shown_lines(one, 80) for span in line if span.text.strip()
    }
    assert styles[FIRST] == "dim"
    assert styles["Reasoning('x')"] == "differs"
    assert styles["CHOSEN: correct (stopped: silent)"] == "good"


@pytest.mark.parametrize("reasoned", [None, Grounded(numbers=0, grounded=0)])
def test_nothing_is_said_of_numbers_where_there_are_none(reasoned):
    chain = played("no")
    score = evolve(WORD.score(chain, PROBLEM), reasoned=reasoned)
    assert "Reasoning" not in text_of(shown_chain(chain, None, score))
