"""Rows, one behind the other in a line, are what they are in rows of their own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from fcpref.core.chains import Encoded
from fcpref.shell.layouts import fill, lay_out
from fcpref.shell.packed_rows import PackedRow, alone, collate, pack, seen, table
from fcpref.shell.packed_sft import RowCollator
from fcpref.shell.packed_trainer import PackedCollator
from fcpref.shell.trained_forward import added, score_trained_only

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
PROMPT = tuple(range(1, 9))


@st.composite
def encoded(draw, prompt: tuple[int, ...] | None = None) -> Encoded:
    completion = draw(TOKENS)
    mask = draw(st.tuples(*[st.booleans()] * len(completion)))
    return Encoded(prompt=prompt or draw(TOKENS), completion=completion, mask=mask)


def of_length(length: int) -> Encoded:
    return Encoded(prompt=(1,), completion=(2,) * (length - 1), mask=(True,) * (length - 1))


def pair_of_length(length: int) -> PackedRow:
    """A prompt, its last token twice, and a token more in one of the branches."""
    prompt = (1,) * (length - 2)
    return pack(
        Encoded(prompt=prompt, completion=(2,), mask=(True,)),
        Encoded(prompt=prompt, completion=(), mask=()),
    )


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


def log_probs(model, batch) -> torch.Tensor:
    told = {name: batch[name] for name in ("position_ids", "segments") if name in batch}
    with torch.no_grad():
        return model(
            input_ids=batch["input_ids"],
            trained=(batch["rows"], batch["columns"], batch["targets"]),
            **told,
        ).log_probs


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
def test_trained_tokens_have_the_log_probabilities_of_rows_of_their_own(model, chains):
    assume(any(any(chain.mask) for chain in chains))
    width = max(chain.length for chain in chains) + 8
    lines = [[chains[at] for at in line] for line in fill([one.length for one in chains], width)]
    found = log_probs(model, collate([[alone(one) for one in line] for line in lines], 0, width))
    expected = [value for line in lines for one in line for value in separately(model, one)]
    assert found.tolist() == pytest.approx(expected, abs=2e-4)
    padded = [value for one in chains for value in separately(model, one)]
    batch = collate([[alone(one)] for one in chains], 0)
    assert "segments" not in batch
    assert log_probs(model, batch).tolist() == pytest.approx(padded, abs=2e-4)


@given(st.lists(st.tuples(encoded(PROMPT), encoded(PROMPT)), min_size=1, max_size=5))
@settings(max_examples=60)
def test_pairs_in_lines_have_the_log_probabilities_of_rows_of_their_own(model, pairs):
    assume(any(any(chain.mask) for both in pairs for chain in both))
    packed = [pack(*both) for both in pairs]
    width = max(row.length for row in packed) * 2 + 3
    lines = fill([row.length for row in packed], width)
    batch = collate([[packed[at] for at in line] for line in lines], 0, width)
    found = table(log_probs(model, batch), batch, 12)
    order = [at for line in lines for at in line]
    expected = [separately(model, pairs[at][side]) for side in (0, 1) for at in order]
    assert batch["counts"].tolist() == [len(one) for one in expected]
    for row, values in zip(found.tolist(), expected, strict=True):
        assert row == pytest.approx([*values, *[0.0] * (12 - len(values))], abs=2e-4)


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


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 300))
def test_passes_hold_every_row_once_within_the_budget(lengths, budget):
    parts = lay_out(lengths, budget)
    assert sorted(at for part in parts for line in part.lines for at in line) == [
        *range(len(lengths))
    ]
    for part in parts:
        assert all(sum(lengths[at] for at in line) <= part.width for line in part.lines)
        assert len(part.lines) == 1 or len(part.lines) * part.width <= budget
    if any(len(line) > 1 for part in parts for line in part.lines):
        sizes = [len(part.lines) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", ["row", "pair"])
@pytest.mark.parametrize(
    ("lengths", "budget", "shapes"),
    [
        # alike in length: padding costs nothing
        ([16] * 8, 1_000, [(8, 16)]),
        # one long, many short: three lines in place of nine rows
        ([40, *[10] * 8], 1_000, [(3, 40)]),
        # the same within the budget of a pass
        ([40, *[10] * 8], 80, [(2, 40), (1, 40)]),
        # passes alike in size
        ([40, *[10] * 20], 200, [(3, 40), (3, 40)]),
        # so small a budget groups rows alike in length by itself
        ([40, *[10] * 8], 40, [(1, 40), (4, 10), (4, 10)]),
    ],
)
def test_rows_stand_one_behind_the_other_where_that_saves_enough(kind, lengths, budget, shapes):
    if kind == "row":
        collator = RowCollator([of_length(one) for one in lengths], 0, budget)
    else:
        collator = PackedCollator([pair_of_length(one) for one in lengths], 0, budget)
        # Of a pair, twice the place among all.
        collator.references = torch.arange(2 * len(lengths)).reshape(-1, 2).T * 1.0
    parts = collator([{kind: at} for at in range(len(lengths))])["parts"]
    assert [tuple(part["input_ids"].shape) for part in parts] == shapes
    filled = shapes[0] != (8, 16) and len(shapes) < 3
    if kind == "row":
        assert sum(len(part["targets"]) for part in parts) == sum(lengths) - len(lengths)
        assert all(("segments" in part) == filled for part in parts)
        return
    chosen = torch.cat([part["ref_chosen_logps"] for part in parts])
    assert chosen.sort().values.tolist() == [2.0 * at for at in range(len(lengths))]
    for part in parts:
        assert torch.equal(part["ref_rejected_logps"], part["ref_chosen_logps"] + 1)
        count = len(part["ref_chosen_logps"])
        assert part["counts"].tolist() == [1] * count + [0] * count


def test_references_go_with_their_pairs():
    lengths = [12, 30, 12, 8, 20]
    collator = PackedCollator([pair_of_length(one) for one in lengths], 0, 1_000)
    collator.references = torch.tensor([lengths, lengths]) * 1.0
    places = [4, 1, 3, 0]
    (part,) = collator([{"pair": at} for at in places])["parts"]
    read_off = part["position_ids"][part["rows"], part["columns"]]
    # The last token of the prompt, which is all of a pair but three tokens.
    assert torch.equal(part["ref_chosen_logps"].long(), read_off + 3)
    assert sorted(read_off.tolist()) == [5, 9, 17, 27]


def test_a_token_sees_its_own_row_up_to_itself():
    assert seen(torch.tensor([[0, 0, 3]])).tolist() == [
        [[[True, False, False], [True, True, False], [False, False, True]]]
    ]


def test_branches_see_what_both_begin_with_and_not_each_other():
    # A pair, another one, padding.
    (found,) = seen(torch.tensor([[0, 1, 2, 3, 4, 5, -3]]))[0]
    assert found.int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("width", [5, 8])
def test_what_a_mask_adds_is_the_mask_with_rows_at_aligned_places(width):
    torch.manual_seed(0)
    mask = seen(torch.tensor([[0, 1, 2, 3, 3, 3, -3, -3][:width]] * 2))
    query, key, value = torch.randn(3, 2, 4, width, 16)
    sums = added(mask, torch.float32)
    attend = torch.nn.functional.scaled_dot_product_attention
    assert sums.shape == mask.shape
    assert torch.equal(
        attend(query, key, value, attn_mask=sums), attend(query, key, value, attn_mask=mask)
    )
    assert all(one % 8 == 0 for one in sums.stride()[:-1])


def test_positions_are_counted_in_each_row():
    lines = [[of_length(3), of_length(2)], [of_length(4)]]
    batch = collate([[alone(one) for one in line] for line in lines], 0, 6)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 0, 0]]
    assert batch["segments"].tolist() == [[0, 0, 0, 3, 3, -3], [0, 0, 0, 0, -3, -3]]
