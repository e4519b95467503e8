"""The scalar DPO loss, and which replies are trained."""

from __future__ import annotations

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import Encoded
from fcpref.core.codec import structure, unstructure, value_id
from fcpref.core.training import (
    DpoSpec,
    LoraSpec,
    RunRecord,
    SftSpec,
    dpo_loss,
    left_out,
    reward_margin,
    trained_replies,
)
from tests.strategies import chains

LOGPS = st.floats(-500, 0)
BETAS = st.floats(0.01, 2)


@given(chosen=LOGPS, rejected=LOGPS, beta=BETAS)
def test_at_the_reference_the_loss_is_the_logarithm_of_two(chosen, rejected, beta) -> None:
    assert dpo_loss(chosen, rejected, chosen, rejected, beta) == pytest.approx(math.log(2))
    assert reward_margin(chosen, rejected, chosen, rejected, beta) == 0


@given(st.tuples(LOGPS, LOGPS, LOGPS, LOGPS), BETAS)
def test_the_loss_is_the_negative_log_sigmoid_of_the_margin(logps, beta) -> None:
    margin = reward_margin(*logps, beta)
    sigmoid = 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0
    if 0 < sigmoid < 1:
        assert dpo_loss(*logps, beta) == pytest.approx(-math.log(sigmoid), abs=1e-9)


@given(logps=st.tuples(LOGPS, LOGPS, LOGPS, LOGPS), step=st.floats(0.01, 100), beta=BETAS)
def test_the_loss_falls_with_the_chosen_and_rises_with_the_rejected(logps, step, beta) -> None:
    chosen, rejected, *reference = logps
    before = dpo_loss(chosen, rejected, *reference, beta)
    assert dpo_loss(chosen + step, rejected, *reference, beta) <= before
    assert dpo_loss(chosen, rejected + step, *reference, beta) >= before


@given(logps=st.tuples(LOGPS, LOGPS, LOGPS, LOGPS), beta=BETAS)
def test_swapping_the_chains_turns_the_margin_around(logps, beta) -> None:
    chosen, rejected, old_chosen, old_rejected = logps
    margin = reward_margin(*logps, beta)
    assert reward_margin(rejected, chosen, old_rejected, old_chosen, beta) == -margin
    gap = dpo_loss(rejected, chosen, old_rejected, old_chosen, beta) - dpo_loss(*logps, beta)
    assert gap == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e300])
def test_no_margin_overflows(far) -> None:
    assert dpo_loss(-far, 0.0, 0.0, 0.0, 1.0) == far
    assert dpo_loss(0.0, -far, 0.0, 0.0, 1.0) == 0.0


@given(chain=chains())
def test_failed_replies_are_trained_only_where_asked(chain) -> None:
    failed = [turn.outcome.code is not None for turn in chain.turns]
    assert trained_replies(chain, failed=True) == (True,) * len(chain.turns)
    assert trained_replies(chain, failed=False) == tuple(not slip for slip in failed)
    alone = evolve(chain, completed_from=None)
    assert trained_replies(alone, failed=False, onward=True) == tuple(not slip for slip in failed)
    for place in range(len(failed) + 1):
        gone_on = evolve(chain, completed_from=place)
        assert trained_replies(gone_on, failed=False) == trained_replies(chain, failed=False)
        assert trained_replies(gone_on, failed=False, onward=True) == tuple(
            not slip and at >= place for at, slip in enumerate(failed)
        )


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        (SftSpec, {"learning_rate": 0.0}),
        (SftSpec, {"batch": 0}),
        (SftSpec, {"warmup": 1.0}),
        (DpoSpec, {"beta": 0.0}),
        (DpoSpec, {"loss": "no_such_loss"}),
        (DpoSpec, {"sft_weight": -1.0}),
        (DpoSpec, {"stop_below": 0.0}),
        (DpoSpec, {"label_smoothing": 0.5, "loss": "robust"}),
        (DpoSpec, {"label_smoothing": 0.1}),
        (DpoSpec, {"discopop_tau": 0.1}),
        (DpoSpec, {"divergence": "forward_kl", "loss": "nca_pair"}),
        (DpoSpec, {"divergence_alpha": 0.1}),
        (SftSpec, {"lora": LoraSpec(rank=2), "method": "full"}),
    ],
)
def test_a_specification_out_of_range_is_refused(spec, wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        spec(**wrong)


def test_exo_needs_some_smoothing() -> None:
    with pytest.raises(ValueError, match="exo_pair needs a 'label_smoothing'"):
        DpoSpec(loss="exo_pair")
    assert DpoSpec(loss="exo_pair", label_smoothing=1e-3).label_smoothing == 1e-3


def test_a_specifications_id_does_not_change_between_versions() -> None:
    assert [value_id(spec)[:20] for spec in (SftSpec(), DpoSpec())] == [
        "sha256:dd1127c9f0e39",
        "sha256:40c0b131a21b9",
    ]


@pytest.mark.parametrize("spec", [SftSpec(), DpoSpec(loss="ipo")])
def test_specifications_and_records_come_back_from_plain_data(spec) -> None:
    record = RunRecord(
        kind="sft",
        base="path:base",
        student_revision="1",
        start="",
        data=("sha256:1",),
        spec=unstructure(spec),
        rows=1,
        left_out=0,
        tokens=9,
        trained_tokens=3,
        steps=1,
        metrics={"loss": (1.0, 0.5)},
        adapter="ab",
    )
    assert structure(unstructure(spec), type(spec)) == spec
    assert structure(unstructure(record), RunRecord) == record


def row_of(size: int, trained: int) -> Encoded:
    mask = (True,) * trained + (False,) * (size - trained)
    return Encoded(prompt=(1,) * 3, completion=(2,) * size, mask=mask)


def test_rows_are_left_out_by_their_longest_chain_and_say_so() -> None:
    assert left_out((row_of(7, 1),), 10) == ""
    assert left_out((row_of(8, 1),), 10) == "11 tokens, over the limit of 10"
    assert left_out((row_of(2, 1), row_of(9, 1)), 10) == "12 tokens, over the limit of 10"
    assert left_out((row_of(2, 1), row_of(7, 1)), 10) == ""


@pytest.mark.parametrize("trained", [(0,), (0, 2), (2, 0)])
def test_a_row_of_which_a_chain_trains_nothing_is_left_out(trained) -> None:
    rows = [row_of(4, count) for count in trained]
    assert left_out(rows, 100) == "no token of it would carry loss"
