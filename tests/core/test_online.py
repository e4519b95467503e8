"""What sampled chains are worth, which tokens of theirs carry loss, and the order of problems."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Spoken, encode_sampled
from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.functions import FailureCode
from fcpref.core.scores import Score, Verdict
from fcpref.core.training import GrpoSpec, Reward, drawing_order, reward
from fcpref.errors import CodecError

CODES = st.lists(st.none() | st.sampled_from(FailureCode), max_size=9).map(tuple)
REWARDS = st.builds(
    Reward,
    unsupported=st.floats(0, 1, exclude_max=True),
    failed_call=st.floats(0, 1),
)
OTHERS = tuple(verdict for verdict in Verdict if verdict is not Verdict.CORRECT)
IDS = st.lists(st.integers(0, 5), max_size=4).map(tuple)


def score(verdict: Verdict, codes=()) -> Score:
    return Score(verdict=verdict, evidence=(), codes=tuple(codes))


@given(codes=CODES, verdict=st.sampled_from(Verdict))
def test_by_default_only_a_supported_right_answer_is_worth_anything(codes, verdict) -> None:
    assert reward(score(verdict, codes), Reward()) == float(verdict is Verdict.CORRECT)


@given(spec=REWARDS, codes=CODES, others=CODES, verdict=st.sampled_from(OTHERS))
def test_a_correct_chain_is_worth_more_than_any_other(spec, codes, others, verdict) -> None:
    correct = reward(score(Verdict.CORRECT, codes), spec)
    assert -0.5 <= reward(score(verdict, others), spec) < correct <= 1


@given(
    spec=REWARDS,
    codes=CODES,
    verdict=st.sampled_from(Verdict),
    code=st.sampled_from(list(FailureCode)),
)
def test_a_failed_call_takes_off_what_is_said_until_half_the_difference(
    spec, codes, verdict, code
) -> None:
    before, after = (reward(score(verdict, some), spec) for some in (codes, (*codes, code)))
    failed = len(codes) - codes.count(None)
    most = (1 - spec.unsupported) / 2
    taken = min((failed + 1) * spec.failed_call, most) - min(failed * spec.failed_call, most)
    assert before - after == pytest.approx(taken)
    assert reward(score(verdict, (*codes, None)), spec) == before


def test_a_right_answer_without_support_is_worth_what_is_said() -> None:
    spec = Reward(unsupported=0.25, failed_call=0.125)
    slip = FailureCode.UNPARSEABLE
    assert reward(score(Verdict.UNSUPPORTED), spec) == 0.25
    assert reward(score(Verdict.WRONG_ANSWER), spec) == 0
    assert reward(score(Verdict.CORRECT, (slip, None, slip)), spec) == 0.75
    assert reward(score(Verdict.MALFORMED, (slip,) * 9), spec) == -0.375


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Reward, {"unsupported": 1.0}),
        (Reward, {"unsupported": -0.1}),
        (Reward, {"failed_call": -0.1}),
        (Reward, {"failed_call": float("inf")}),
        (Reward, {"failed_call": float("nan")}),
        (GrpoSpec, {"learning_rate": 0.0}),
        (GrpoSpec, {"samples": 1}),
        (GrpoSpec, {"batch": 0}),
        (GrpoSpec, {"batch": 12}),
        (GrpoSpec, {"iterations": 0}),
        (GrpoSpec, {"temperature": 0.0}),
        (GrpoSpec, {"beta": -1.0}),
        (GrpoSpec, {"epsilon": 1.0}),
        (GrpoSpec, {"epsilon_high": 0.0}),
        (GrpoSpec, {"epsilon_high": None, "loss": "cispo"}),
        (GrpoSpec, {"beta": 0.1, "method": "full"}),
        (GrpoSpec, {"max_tokens": 0}),
    ],
)
def test_what_is_out_of_range_is_refused(kind, wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)


def test_a_specification_comes_back_from_plain_data() -> None:
    spec = GrpoSpec(epsilon_high=0.28, reward=Reward(unsupported=0.5), loss="dr_grpo")
    plain = unstructure(spec)
    assert structure(plain, GrpoSpec) == spec
    with pytest.raises(CodecError, match="dapo"):
        structure({**plain, "loss": "no_such_loss"}, GrpoSpec)


def test_a_specifications_id_does_not_change_between_versions() -> None:
    assert value_id(GrpoSpec())[:20] == "sha256:6afaf03add70e"


NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=12, unique=True)


@given(names=NAMES, data=st.data(), epochs=st.integers(1, 3), seed=st.integers(0, 9))
def test_each_pass_takes_every_problem_that_fills_a_step_once(names, data, epochs, seed) -> None:
    each = data.draw(st.integers(1, len(names)))
    spec = GrpoSpec(batch=8 * each, epochs=epochs, seed=seed)
    order = drawing_order(names, spec)
    whole = len(names) // each * each
    assert len(order) == whole * epochs
    for start in range(0, len(order), whole):
        drawn = order[start : start + whole]
        assert len({*drawn}) == whole
        assert {*drawn} <= {*names}
    assert drawing_order(names[::-1], spec) == order


@given(names=NAMES, data=st.data(), steps=st.integers(1, 9), iterations=st.integers(1, 4))
def test_steps_take_as_many_problems_as_they_need(names, data, steps, iterations) -> None:
    each = data.draw(st.integers(1, len(names)))
    spec = GrpoSpec(batch=8 * each, steps=steps, iterations=iterations, epochs=7)
    order = drawing_order(names, spec)
    assert len(order) == -(-steps // iterations) * each
    for start in range(0, len(order), each):
        assert max(Counter(order[start : start + each]).values()) == 1
    longer = drawing_order(names, evolve(spec, steps=steps + 5))
    assert longer[: len(order)] == order


def test_passes_and_seeds_have_orders_of_their_own() -> None:
    names = [str(number) for number in range(20)]
    first, second = (drawing_order(names, GrpoSpec(epochs=2, seed=seed)) for seed in (1, 2))
    assert len({first[:20], first[20:], second[:20], second[20:]}) == 4


@st.composite
def conversations(draw):
    """Replies each read as they were said, and what is fed between them."""
    read = draw(IDS)
    replies = []
    for _ in range(draw(st.integers(1, 4))):
        said, ending = draw(IDS), draw(st.integers(10, 11))
        replies.append(Spoken(before=read, said=said, ending=ending))
        read = (*read, *said, ending, *draw(IDS))
    return replies


@given(replies=conversations())
def test_all_that_the_model_said_carries_loss_and_nothing_else(replies) -> None:
    encoded = encode_sampled(replies)
    assert encoded.prompt == replies[0].before
    assert encoded.ids == (*replies[-1].before, *replies[-1].said, replies[-1].ending)
    said = tuple(one for reply in replies for one in (*reply.said, reply.ending))
    assert encoded.trained == said
    assert len(encoded.mask) == len(encoded.completion)
    assert encoded.mask[-1]


def test_an_ending_that_is_read_as_another_token_carries_no_loss() -> None:
    replies = [
        Spoken(before=(1,), said=(2, 3), ending=99),
        Spoken(before=(1, 2, 3, 10, 4), said=(5,), ending=None),
    ]
    encoded = encode_sampled(replies)
    assert encoded.ids == (1, 2, 3, 10, 4, 5)
    assert encoded.mask == (True, True, False, False, True)


def test_a_reply_that_is_printed_otherwise_carries_no_loss() -> None:
    replies = [
        Spoken(before=(1,), said=(2, 3), ending=10),
        Spoken(before=(1, 2, 3, 3, 10, 4), said=(5,), ending=10),
        Spoken(before=(1, 2, 3, 3, 10, 4, 6, 10, 4), said=(7,), ending=11),
    ]
    assert encode_sampled(replies[:2]).trained == (2, 3, 5, 10)
    encoded = encode_sampled(replies)
    assert encoded.ids == (1, 2, 3, 3, 10, 4, 6, 10, 4, 7, 11)
    # Of the first reply what was said stands there, and more; in place of the second another one.
    assert encoded.trained == (2, 3, 7, 11)


def test_where_the_opening_changed_only_the_last_reply_is_the_completion() -> None:
    replies = [
        Spoken(before=(1, 8), said=(2,), ending=10),
        Spoken(before=(1, 9, 2, 10, 4), said=(5,), ending=10),
    ]
    encoded = encode_sampled(replies)
    assert encoded.prompt == (1, 9, 2, 10, 4)
    assert encoded.completion == (5, 10)
    assert encoded.mask == (True, True)
