"""The lockstep engine says what a plain loop over `model.generate` says, whatever the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from fcpref.core.chains import Reply
from fcpref.errors import ModelError
from fcpref.shell.engines import drawing, rows, schedule
from fcpref.shell.engines.base import Sampling
from tests.lockstep import NOISY, PROMPTS, engine_of, openings, plain_loop, run
from tests.tiny_model import COUNTING, REWRITING, ascii_tokenizer, byte_tokenizer, tiny_llama

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_greedy_replies_are_those_of_the_plain_loop(model, tokenizer, expected, rows) -> None:
    assert run(engine_of(model, tokenizer, rows=rows), openings()) == expected
    assert len({reply.text for reply in expected.values()}) > len(PROMPTS)


@pytest.mark.parametrize("seed", range(1, 5))
def test_greedy_replies_are_those_of_the_plain_loop_for_other_models(tokenizer, seed) -> None:
    other = tiny_llama(tokenizer, seed)
    assert run(engine_of(other, tokenizer), openings()) == plain_loop(other, tokenizer, openings())


@pytest.mark.parametrize("budget", [1, 100, 300])
def test_prompts_may_be_encoded_in_any_number_of_passes(
    model, tokenizer, expected, monkeypatch, budget
) -> None:
    monkeypatch.setattr(rows, "_PASS_TOKENS", budget)
    assert run(engine_of(model, tokenizer), openings()) == expected


def test_sampled_replies_depend_on_neither_batch_size_nor_order(model, tokenizer) -> None:
    requests = openings(samples=3)
    alone = run(engine_of(model, tokenizer, NOISY, rows=1), requests)
    assert run(engine_of(model, tokenizer, NOISY, rows=8), requests) == alone
    assert run(engine_of(model, tokenizer, NOISY), requests[::-1]) == alone


def test_samples_of_one_prompt_differ_and_so_do_seeds(model, tokenizer) -> None:
    first = run(engine_of(model, tokenizer, NOISY), openings(1, samples=8))
    texts = {reply.text for (_, step), reply in first.items() if step == 0}
    assert len(texts) > 4
    other = Sampling(temperature=1.0, top_p=0.9, reply_tokens=12, seed=4)
    assert run(engine_of(model, tokenizer, other), openings(1, samples=8)) != first


def test_a_tiny_nucleus_is_greedy(model, tokenizer, expected) -> None:
    narrow = Sampling(temperature=1.0, top_p=1e-6, reply_tokens=12)
    assert run(engine_of(model, tokenizer, narrow), openings()) == expected


@pytest.mark.parametrize("likely", [1, 2, 7, 1_000])
def test_a_wide_nucleus_does_not_depend_on_how_many_tokens_are_looked_at(
    monkeypatch, likely
) -> None:
    logits = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    noise = [place / 40 for place in range(40)]
    expected = drawing.choose(logits, [1.0] * 40, 0.95, noise)
    monkeypatch.setattr(drawing, "_LIKELY", likely)
    assert drawing.choose(logits, [1.0] * 40, 0.95, noise) == expected
    assert len({*expected}) > 10


def scripted(ids: Sequence[int]) -> Callable[..., object]:
    """Return a stand-in for the model's choice that follows a script, the same in each row."""
    script = iter(ids)
    return lambda logits, *_: [next(script)] * len(logits)


@pytest.mark.parametrize(
    ("script", "text", "tokens"),
    [
        (("A", "b", "<|im_end|>"), "Ab", 3),
        (("A", "b", "\u010a"), "Ab", 3),
        (("\u010a", "A", "\u010a"), "\nA", 3),
        (("<|im_end|>",), "", 1),
        (("A", "<|im_start|>"), "A", 2),
        (("A",) * 12, "A" * 12, 12),
    ],
)
def test_a_reply_ends_at_its_turn_its_line_or_its_limit(
    model, tokenizer, monkeypatch, script, text, tokens
) -> None:
    engine = engine_of(model, tokenizer)
    ids = tokenizer.convert_tokens_to_ids(list(script))
    monkeypatch.setattr(schedule, "choose", scripted(ids))
    got: list[Reply] = []
    engine.run(openings(1), lambda _, reply: got.append(reply))
    assert got == [Reply(text=text, tokens=tokens)]


def test_text_before_a_line_end_in_one_token_is_kept(monkeypatch) -> None:
    tokenizer = byte_tokenizer([")\n"] * 50, size=260)
    tokenizer.backend_tokenizer.pre_tokenizer = None
    tokenizer.add_tokens([")\n"])
    model = tiny_llama(tokenizer)
    engine = engine_of(model, tokenizer)
    ids = [*tokenizer.convert_tokens_to_ids(["f", "("]), len(tokenizer) - 1]
    monkeypatch.setattr(schedule, "choose", scripted(ids))
    got: list[Reply] = []
    engine.run(openings(1), lambda _, reply: got.append(reply))
    assert got == [Reply(text="f()", tokens=3)]


@pytest.mark.parametrize("template", [REWRITING, COUNTING])
def test_a_template_that_rewrites_earlier_turns_works(model, template) -> None:
    tokenizer = ascii_tokenizer(template)
    expected = plain_loop(model, tokenizer, openings())
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert run(engine_of(model, tokenizer, rows=2), openings()) == expected


def test_a_tokenizer_without_chat_template_is_refused(model) -> None:
    with pytest.raises(ModelError, match="path:tiny: its tokenizer has no chat template"):
        engine_of(model, ascii_tokenizer(None))


def test_the_identity_names_all_that_a_reply_depends_on(model, tokenizer) -> None:
    identity = engine_of(model, tokenizer, NOISY).identity
    assert identity == {
        "engine": "transformers",
        "model": "path:tiny",
        "revision": "1",
        "dtype": "float32",
        "template": identity["template"],
        "sampling": "temperature 1, top_p 0.9, reply_tokens 12, seed 3",
    }
    other = engine_of(model, ascii_tokenizer(COUNTING), NOISY).identity
    assert other["template"] != identity["template"]
