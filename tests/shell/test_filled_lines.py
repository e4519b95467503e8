"""Supervised rows, one behind the other in a line, are what they are in rows of their own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from fcpref.core.chains import Encoded
from fcpref.shell.packed_pairs import score_trained_only
from fcpref.shell.packed_sft import RowCollator, collate_filled, collate_rows, fill, seen

VOCABULARY = 50
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.4,
}
TOKENS = st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=12).map(tuple)


@st.composite
def encoded(draw) -> Encoded:
    completion = draw(TOKENS)
    mask = draw(st.tuples(*[st.booleans()] * len(completion)))
    return Encoded(prompt=draw(TOKENS), completion=completion, mask=mask)


def of_length(length: int) -> Encoded:
    return Encoded(prompt=(1,), completion=(2,) * (length - 1), mask=(True,) * (length - 1))


@pytest.fixture(scope="module", params=["llama", "windowed"])
def model(request):
    torch.manual_seed(0)
    if request.param == "llama":
        built = LlamaForCausalLM(LlamaConfig(**SMALL)).eval()
    else:
        config = Qwen2Config(
            **SMALL, use_sliding_window=True, sliding_window=4, max_window_layers=1
        )
        built = Qwen2ForCausalLM(config).eval()
    score_trained_only(built)
    return built


def log_probs(model, batch) -> list[float]:
    told = {}
    if "segments" in batch:
        told = {"position_ids": batch["position_ids"], "attention_mask": seen(batch["segments"])}
    with torch.no_grad():
        found = model(
            input_ids=batch["input_ids"],
            trained=(batch["rows"], batch["columns"], batch["targets"]),
            **told,
        )
    return found.log_probs.tolist()


def separately(model, row: Encoded) -> list[float]:
    """Return the log-probabilities of a row's trained tokens, by the model's own logits."""
    ids = torch.tensor([[*row.prompt, *row.completion]])
    with torch.no_grad():
        log_probs = model(input_ids=ids).logits[0].log_softmax(-1)
    start = len(row.prompt)
    return [
        float(log_probs[start + place - 1, token])
        for place, (token, carries) in enumerate(zip(row.completion, row.mask, strict=True))
        if carries
    ]


@given(st.lists(encoded(), min_size=1, max_size=6))
@settings(max_examples=60)
def test_trained_tokens_have_the_log_probabilities_of_rows_of_their_own(model, rows):
    assume(any(any(row.mask) for row in rows))
    width = max(row.length for row in rows) + 8
    lines = [[rows[at] for at in line] for line in fill([row.length for row in rows], width)]
    found = log_probs(model, collate_filled(lines, 0, width))
    expected = [value for line in lines for row in line for value in separately(model, row)]
    assert found == pytest.approx(expected, abs=2e-4)
    padded = [value for row in rows for value in separately(model, row)]
    assert log_probs(model, collate_rows(rows, 0)) == pytest.approx(padded, abs=2e-4)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(0, 60))
def test_lines_hold_every_row_once_and_leave_no_room_for_a_later_one(lengths, more):
    width = max(lengths) + more
    lines = fill(lengths, width)
    assert sorted(place for line in lines for place in line) == list(range(len(lengths)))
    sums = [sum(lengths[at] for at in line) for line in lines]
    assert max(sums) <= width
    for number, line in enumerate(lines[1:], start=1):
        for earlier in sums[:number]:
            assert earlier + lengths[line[0]] > width


@pytest.mark.parametrize(
    ("lengths", "budget", "shapes"),
    [
        # alike in length: padding costs nothing
        ([16] * 8, 1_000, [(8, 16)]),
        # one long, many short: three lines in place of nine rows
        ([40, *[10] * 8], 1_000, [(3, 40)]),
        # the same within the budget of a pass
        ([40, *[10] * 8], 80, [(2, 40), (1, 40)]),
        # so small a budget groups rows alike in length by itself
        ([40, *[10] * 8], 40, [(1, 40), (4, 10), (4, 10)]),
    ],
)
def test_rows_stand_one_behind_the_other_where_that_saves_enough(lengths, budget, shapes):
    collator = RowCollator([of_length(one) for one in lengths], 0, budget)
    parts = collator([{"row": at} for at in range(len(lengths))])["parts"]
    assert [tuple(part["input_ids"].shape) for part in parts] == shapes
    assert sum(len(part["targets"]) for part in parts) == sum(lengths) - len(lengths)
    filled = len(shapes) < 3 and shapes != [(8, 16)]
    assert all(("segments" in part) == filled for part in parts)


def test_a_token_sees_its_own_row_only():
    assert seen(torch.tensor([[0, 0, 1]])).tolist() == [
        [[[True, False, False], [True, True, False], [False, False, True]]]
    ]


def test_positions_are_counted_in_each_row():
    batch = collate_filled([[of_length(3), of_length(2)], [of_length(4)]], 0, 6)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 0, 1]]
    assert batch["segments"].tolist() == [[0, 0, 0, 1, 1, 2], [0, 0, 0, 0, 1, 1]]
