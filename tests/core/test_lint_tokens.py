"""What is wrong with pairs as tokens: each rule finds its fault, and only that."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Encoded
from fcpref.core.pairs import EncodedPair, lint_tokens, token_report

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


def test_a_side_without_trained_tokens_is_an_error():
    silent = evolve(SOUND.rejected, mask=(False,) * len(SOUND.rejected.mask))
    (found,) = lint_tokens([evolve(SOUND, rejected=silent)], 100)[:1]

    assert (found.severity, found.rule, found.pair) == ("error", "untrained", "sha256:1")
    assert "of the rejected chain" in found.message


def long_prompt(pair, tokens):
    sides = {side: evolve(getattr(pair, side), prompt=(1,) * tokens) for side in SIDES}
    return evolve(pair, **sides, **{f"{side}_text": one.ids for side, one in sides.items()})


SIDES = ("chosen", "rejected")


def test_a_pair_and_a_set_of_which_next_to_nothing_is_trained_are_warnings():
    # 10 of 2 * (244 + 6) tokens are 2%, one token more of prompt makes it less.
    fair, poor = long_prompt(SOUND, 244), long_prompt(SOUND, 245)

    assert token_report([fair], 500).trained.least == 0.02
    assert rules([fair], 500) == []
    assert [(one.rule, one.pair) for one in lint_tokens([poor], 500)] == [
        ("few_trained", "sha256:1"),
        ("few_trained", ""),
    ]
    assert rules([poor, SOUND], 500) == [("warning", "few_trained")]


def test_a_special_token_spelled_out_is_a_warning_that_names_it():
    (found,) = lint_tokens([evolve(SOUND, marks=("<|im_end|>",))], 100)

    assert (found.severity, found.rule, found.pair) == ("warning", "special_tokens", "sha256:1")
    assert "<|im_end|>" in found.message


def test_what_is_trained_is_counted():
    report = token_report([SOUND, pair_of(encoded((20,)), encoded((21, 22)))], 100)

    assert report.trained.tokens == sum((9, 9, 5, 6))
    assert report.trained.trained == sum((5, 5, 2, 3))
    assert (report.trained.least, report.trained.greatest) == (5 / 11, 10 / 18)
    assert report.trained.longest == 9
    assert (report.lengths.unit, report.lengths.pairs) == ("trained tokens", 2)
    assert (report.lengths.chosen, report.lengths.rejected) == (3.5, 4)


def test_length_that_tells_the_label_is_found_in_tokens():
    pairs = [pair_of(encoded((10, 11, 12)), encoded((n,))) for n in range(20)]

    assert rules(pairs) == [("warning", "length_bias")]
    assert rules(pairs[:19]) == []


def test_pairs_are_read_one_after_the_other():
    report = token_report(iter([SOUND, SOUND]), 100)

    assert report.lengths.pairs == 2
    assert token_report(iter([]), 100).trained is None
