"""Which tokens carry loss, as text: all that do are shown, in order, and nothing else is marked."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Chain, Encoded, Turn
from fcpref.core.codec import unstructure
from fcpref.core.functions import Outcome
from fcpref.core.pairs import PreferencePair
from fcpref.core.report import (
    rendered,
    shown_chain,
    shown_lines,
    shown_page,
    shown_pair,
    trained_tokens,
    untrained,
)
from fcpref.core.report.terminal import cells, visible
from tests import strategies
from tests.core.report.documents import Page

LETTERS = st.text("abcdefgh", min_size=1, max_size=6)


def decode(ids):
    return "".join(map(chr, ids))


def codes(text):
    return tuple(map(ord, text))


@st.composite
def rows(draw):
    """Return a chain, its tokens (a letter each) with any mask, and what follows each reply."""
    chain = draw(strategies.chains())
    replies = draw(st.lists(LETTERS, min_size=1, max_size=4))
    turns = tuple(Turn(reply=reply, outcome=Outcome(text="told")) for reply in replies)
    ids, mask, spans = (), (), []
    for reply in replies:
        glue = "." + draw(LETTERS).upper()
        spans.append((len(ids), len(ids) + len(reply), len(ids) + len(reply) + len(glue)))
        ids += codes(reply + glue)
        size = len(reply + glue)
        mask += tuple(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    last = max((at + 1 for at, carries in enumerate(mask) if carries), default=0)
    row = Encoded(prompt=(1, 2), completion=ids[:last], mask=mask[:last], turns=tuple(spans))
    return evolve(chain, turns=turns), row


@given(rows())
def test_what_carries_loss_is_shown_whole_and_in_order(made):
    chain, row = made
    tokens = trained_tokens(chain, row, decode)
    runs = [run for reply in tokens.replies for run in reply]
    assert "".join(run.text for run in runs if run.trained) == decode(row.trained)
    assert tokens.training.trained == len(row.trained)
    assert tokens.training.tokens == row.length
    assert not tokens.training.left_out


@given(rows())
def test_every_reply_is_there_whether_it_carries_loss_or_not(made):
    chain, row = made
    tokens = trained_tokens(chain, row, decode)
    for turn, runs in zip(chain.turns, tokens.replies, strict=True):
        text = "".join(run.text for run in runs)
        # A row may end within a reply here, which no mask of ours does.
        assert text.startswith(turn.reply) or (text and turn.reply.startswith(text))
        # Neighbours differ, or they would be one.
        assert all(a.trained != b.trained for a, b in pairwise(runs))


@given(rows())
def test_of_a_row_that_is_left_out_nothing_carries_loss(made):
    chain, row = made
    tokens = trained_tokens(chain, row, decode, "too long")
    assert not any(run.trained for reply in tokens.replies for run in reply)
    assert (tokens.training.trained, tokens.training.left_out) == (0, "too long")
    assert tokens.training.tokens == row.length
    never = untrained(chain, "wrong")
    assert [run.text for (run,) in never.replies] == [turn.reply for turn in chain.turns]
    assert not any(run.trained for (run,) in never.replies)


# --- as people see it


CALL = "Add(a=2,\nb=3)"
CHAIN = Chain(
    task="math.word",
    problem="sha256:00",
    source="me",
    sample=0,
    turns=tuple(Turn(reply=one, outcome=Outcome(text="told")) for one in ("Fly()", CALL, "late")),
    stop="answered",
)
IDS = codes("Fly().told" + CALL + ".")
ROW = Encoded(
    prompt=(1,) * 30,
    completion=IDS,
    mask=(False,) * 10 + (True,) * (len(CALL) + 1),
    turns=((0, 5, 10), (10, len(IDS) - 1, len(IDS) + 5), (len(IDS) + 5, len(IDS) + 9, 99)),
)


def text_of(one, *, colour=False):
    return rendered(shown_lines(one, 100), colour=colour)


def test_marks_stand_around_what_carries_loss_without_colours():
    text = text_of(shown_chain(CHAIN, None, None, trained_tokens(CHAIN, ROW, decode)))
    assert " 0    Fly()\n" in text
    assert " 1    {+Add(a=2,\\nb=3).+}\n" in text
    assert " 2    late\n" in text
    assert text.endswith("trained: 14 of 54 tokens")
    assert text.count("{+") == text.count("+}") == 1


def test_colours_tell_the_same():
    tokens = trained_tokens(CHAIN, ROW, decode)
    text = text_of(shown_chain(CHAIN, None, None, tokens), colour=True)
    assert "\x1b[1;36m{+Add(a=2,\\nb=3).+}\x1b[0m" in text
    assert "\x1b[2mFly()\x1b[0m" in text


def test_a_page_marks_it_too():
    page = Page(
        shown_page("t", [], [shown_chain(CHAIN, None, None, trained_tokens(CHAIN, ROW, decode))])
    )
    assert page.found("span").count({"class": "trained"}) == 1
    assert page.found("span").count({"class": "dim"}) == 2
    assert "trained: 14 of 54 tokens" in page.words
    assert "Add(a=2,\\nb=3)." in page.words


def test_a_row_that_is_left_out_says_why_and_is_not_marked():
    tokens = trained_tokens(CHAIN, ROW, decode, "54 tokens, over the limit of 9")
    one = shown_chain(CHAIN, None, None, tokens)
    said = "left out of training: 54 tokens, over the limit of 9"
    assert "{+" not in text_of(one)
    assert f"\x1b[31m{said}\x1b[0m" in text_of(one, colour=True)
    page = Page(shown_page("t", [], [one]))
    assert {"class": "bad"} in page.found("p")
    assert {"class": "trained"} not in page.found("span")
    assert said in page.words


def test_each_side_of_a_pair_has_marks_of_its_own():
    pair = PreferencePair(
        kind="chain", chosen=CHAIN, rejected=evolve(CHAIN, sample=1), rejected_verdict="limit"
    )
    chosen = trained_tokens(CHAIN, ROW, decode)
    mask = (True,) * 6 + (False,) * (len(IDS) - 6)
    rejected = trained_tokens(pair.rejected, evolve(ROW, mask=mask), decode)
    one = shown_pair(pair, None, (chosen, rejected))
    assert [call.runs for call in one.chosen.calls] == list(chosen.replies)
    assert [call.runs for call in one.rejected.calls] == list(rejected.replies)
    assert "trained: 14 of 54 tokens" in text_of(one)
    assert "trained: 6 of 54 tokens" in text_of(one)


def test_data_without_it_is_what_it_was():
    plain = unstructure(shown_chain(CHAIN, None, None))
    assert "training" not in plain
    assert all("runs" not in call for call in plain["calls"])
    asked = unstructure(shown_chain(CHAIN, None, None, trained_tokens(CHAIN, ROW, decode)))
    assert asked["training"] == {"tokens": 54, "trained": 14, "left_out": ""}
    assert list(asked["calls"][1]["runs"]) == [{"text": f"{CALL}.", "trained": True}]


HOSTILE = "\x1b[2J\u202e</span><script>alert(1)</script>\r\n漢 <|im_end|>" * 3


@given(rows(), st.integers(1, 120))
def test_whatever_tokens_decode_to_fits_and_is_seen(made, width):
    chain, row = made
    one = shown_chain(chain, None, None, trained_tokens(chain, row, lambda _: HOSTILE))
    for line in shown_lines(one, width):
        assert sum(cells(span.text) for span in line) <= max(width, 40)
        assert all(visible(span.text) == span.text and "\n" not in span.text for span in line)
    page = shown_page("t", [], [one])
    assert not {*"\x1b\u202e\r"} & {*page}
    assert Page(page).found("script") == []
