"""What is wrong with pairs as tokens: each rule finds its fault, and only that."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Encoded
from fcpref.core.pairs import EncodedPair, lint_tokens

PROMPT = (1, 2, 3)


def encoded(*replies: tuple[int, ...], result: int = 90) -> Encoded:
    """Encode replies, each followed by its end mark (9) and an untrained result."""
    completion: tuple[int, ...] = ()
    mask: tuple[bool, ...] = ()
    for reply in replies:
        completion += (*reply, 9, result)
        mask += (*(True for _ in reply), True, False)
    return Encoded(prompt=PROMPT, completion=completion[:-1], mask=mask[:-1])


def pair_of(chosen: Encoded, rejected: Encoded) -> EncodedPair:
    return EncodedPair(
        pair="sha256:1",
        chosen=chosen,
        rejected=rejected,
        chosen_text=chosen.ids,
        rejected_text=rejected.ids,
    )


SOUND = pair_of(encoded((10, 11), (12,)), encoded((10, 11), (13,)))


def rules(pairs, max_tokens=100):
    return [(one.severity, one.rule) for one in lint_tokens(pairs, max_tokens)]


def test_what_differs_fits_and_begins_with_its_prompt_is_sound():
    assert rules([SOUND], SOUND.chosen.length) == []
    assert rules([]) == []


def test_an_encoded_chain_knows_what_is_trained():
    assert encoded((10, 11), (12,)).trained == (10, 11, 9, 12, 9)
    assert encoded((10,)).ids == (1, 2, 3, 10, 9)
    assert encoded((10,)).length == 5


def test_two_chains_of_the_same_tokens_are_an_error():
    assert rules([pair_of(SOUND.chosen, SOUND.chosen)]) == [("error", "same_tokens")]


def test_results_alone_make_no_difference_to_learn_from():
    other = pair_of(encoded((10,), (12,), result=90), encoded((10,), (12,), result=91))

    assert other.chosen.ids != other.rejected.ids
    assert rules([other]) == [("error", "same_tokens")]


def test_a_difference_beyond_the_limit_is_told_with_its_place():
    found = lint_tokens([SOUND, pair_of(encoded((20,)), encoded((21,)))], 7)

    assert [(one.rule, one.pair) for one in found] == [
        ("same_when_cut", "sha256:1"),
        ("too_long", "sha256:1"),
    ]
    assert "first differ at token 8" in found[0].message
    assert "9 tokens and not 7" in found[1].message


def test_a_chain_that_goes_on_where_the_other_ends_differs_there():
    longer = pair_of(encoded((10,)), encoded((10,), (12,)))

    assert "first differ at token 6" in lint_tokens([longer], 5)[0].message
    assert ("warning", "same_when_cut") not in rules([longer], 6)


def test_no_pair_that_fits_is_an_error_of_the_set():
    short = pair_of(encoded((20,)), encoded((21,)))

    assert rules([SOUND, short], 5) == [("warning", "same_when_cut"), ("warning", "too_long")]
    assert rules([short], 4)[-1] == ("error", "none_fits")


@pytest.mark.parametrize("side", ["chosen", "rejected"])
@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ((1, 2, 77, 9, 90, 12, 9), "token 3 of the prompt's 3"),
        ((1, 55), "token 2 of the prompt's 3"),
        ((1, 2), "token 3 of the prompt's 3"),
        ((), "token 1 of the prompt's 3"),
    ],
)
def test_a_prompt_that_is_no_prefix_of_the_whole_text_is_found(side, whole, said):
    (found,) = lint_tokens([evolve(SOUND, **{f"{side}_text": whole})], 100)

    assert (found.severity, found.rule) == ("warning", "prompt_prefix")
    assert said in found.message
    assert f"the {side} chain" in found.message


sequences = st.lists(
    st.lists(st.integers(10, 12), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3
)


@given(chosen=sequences, rejected=sequences, limit=st.integers(1, 20))
def test_any_pair_gets_the_findings_that_its_tokens_call_for(chosen, rejected, limit):
    pair = pair_of(encoded(*chosen), encoded(*rejected))
    found = {one.rule for one in lint_tokens([pair], limit)}
    longest = max(pair.chosen.length, pair.rejected.length)

    assert ("same_tokens" in found) == (chosen == rejected)
    assert ("too_long" in found) == ("none_fits" in found) == (longest > limit)
    cut = pair.chosen.ids[:limit] == pair.rejected.ids[:limit]
    assert ("same_when_cut" in found) == (cut and chosen != rejected)
    assert "same_when_cut" not in found or "too_long" in found
    assert "prompt_prefix" not in found
