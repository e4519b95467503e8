"""Packed pairs: one row a pair, the same log-probabilities as two rows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Qwen2Config, Qwen2ForCausalLM

from fcpref.core.chains import Encoded
from fcpref.errors import TrainingError
from fcpref.shell.layouts import by_budget
from fcpref.shell.packed_rows import collate, pack, table
from fcpref.shell.trained_forward import score_trained_only
from tests.tiny_model import byte_tokenizer, tiny_llama

VOCABULARY = 300


@pytest.fixture(scope="module")
def model():
    made = tiny_llama(byte_tokenizer(size=VOCABULARY)).eval()
    score_trained_only(made)
    return made


def encoded(prompt: tuple[int, ...]) -> st.SearchStrategy[Encoded]:
    # Few tokens, so that chains share more than the prompt.
    token = st.tuples(st.integers(5, 7), st.booleans())
    return st.lists(token, max_size=8).map(
        lambda made: Encoded(
            prompt=prompt,
            completion=tuple(one for one, _ in made),
            mask=tuple(carries for _, carries in made),
        )
    )


def pairs() -> st.SearchStrategy[tuple[Encoded, Encoded]]:
    prompts = st.lists(st.integers(10, 40), min_size=1, max_size=6).map(tuple)
    return prompts.flatmap(lambda prompt: st.tuples(encoded(prompt), encoded(prompt)))


def separately(model, chain: Encoded) -> float:
    """Sum a chain's trained log-probabilities from a row of its own, token by token."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([chain.ids])).logits[0].float()
    logps = logits.log_softmax(-1)
    start = len(chain.prompt)
    return sum(
        logps[start + place - 1, token].item()
        for place, (token, carries) in enumerate(zip(chain.completion, chain.mask, strict=True))
        if carries
    )


def scores(model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            segments=batch["segments"],
            trained=(batch["rows"], batch["columns"], batch["targets"]),
        ).log_probs


@given(st.lists(pairs(), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_packed_chains_have_the_log_probabilities_of_rows_of_their_own(model, some):
    batch = collate([[pack(*both)] for both in some], pad=0)
    sums = table(scores(model, batch), batch, 9).sum(1)
    expected = [separately(model, both[side]) for side in (0, 1) for both in some]
    assert sums.tolist() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("from_layer", [0, 1, 2])
def test_layers_with_a_window_see_what_they_see_in_a_row_of_its_own(from_layer):
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.4,
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=from_layer,
    )
    torch.manual_seed(0)
    windowed = Qwen2ForCausalLM(config).eval()
    score_trained_only(windowed)
    prompt = tuple(range(10, 30))
    chosen, rejected = (
        Encoded(prompt=prompt, completion=tokens, mask=(True,) * len(tokens))
        for tokens in ((5, 6, 7, 5, 6), (5, 7, 7))
    )
    batch = collate([[pack(chosen, rejected)]], pad=0)
    sums = table(scores(windowed, batch), batch, 9).sum(1)
    expected = [separately(windowed, one) for one in (chosen, rejected)]
    assert sums.tolist() == pytest.approx(expected, abs=2e-4)


@given(pairs())
def test_what_both_chains_begin_with_is_encoded_once(both):
    packed = pack(*both)
    chosen, rejected = (
        [*zip([*one.prompt, *one.completion], [*[False] * len(one.prompt), *one.mask], strict=True)]
        for one in both
    )
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    # The last shared token is there twice, once for each branch, in place of once.
    assert packed.length == len(chosen) + len(rejected) - shared + 1
    assert packed.targets == tuple(
        tuple(token for token, carries in chain if carries) for chain in (chosen, rejected)
    )


def test_chains_of_two_prompts_make_no_pair():
    one, other = (Encoded(prompt=(n,), completion=(5,), mask=(True,)) for n in (1, 2))
    with pytest.raises(TrainingError, match="do not share their prompt"):
        pack(one, other)


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 120))
def test_batches_hold_every_row_once_within_the_budget(lengths, budget):
    groups = by_budget(lengths, budget)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[one] for one in group) <= budget
