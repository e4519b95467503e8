"""Exactly the model's own calls carry loss, in the tokens that the engine feeds."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import (
    STUDENT,
    Limits,
    Message,
    Reply,
    advance,
    begin,
    finish,
    messages,
    render,
)
from fcpref.core.functions import FailureCode, Outcome
from fcpref.core.tasks import find_task
from fcpref.core.training import trained_replies
from fcpref.errors import TrainingError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.tokens import encode_chain
from tests.strategies import chains
from tests.tiny_model import CHATML, COUNTING, byte_tokenizer, tiny_llama

TASK = find_task("math.word")
OPENING = (
    Message(role="system", content="Add(a, b)"),
    Message(role="user", content="Zo\u00eb has 2 apples and gets 3 more."),
)
MARK = "<|im_end|>"


@pytest.fixture(scope="module")
def tokenizer():
    text = " ".join(call for index in range(30) for call in TASK.oracle(word_problem(index)))
    return byte_tokenizer([text, CHATML])


def word_problem(index: int):
    assert TASK.generate is not None
    return TASK.generate({}, 11, "train", index)


def chain_of(problem, replies, limits: Limits | None = None):
    opening = render(STUDENT, TASK.toolbox, problem)
    state = begin(TASK.toolbox, problem, opening, limits or Limits())
    for text in replies:
        state = advance(state, Reply(text=text))
    return opening, finish(state, "test", 0), state


def trained_text(tokenizer, encoded) -> str:
    return tokenizer.decode(
        [i for i, carries in zip(encoded.completion, encoded.mask, strict=True) if carries]
    )


def rendered(tokenizer, chat) -> str:
    return tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in chat],
        tokenize=False,
        add_generation_prompt=True,
    )


@pytest.mark.parametrize("index", range(8))
def test_the_trained_tokens_are_the_calls_and_their_marks(tokenizer, index) -> None:
    problem = word_problem(index)
    opening, chain, _ = chain_of(problem, TASK.oracle(problem))
    encoded = encode_chain(tokenizer, opening, chain, [True] * len(chain.turns))
    assert trained_text(tokenizer, encoded) == "".join(t.reply + MARK for t in chain.turns)


@given(chain=chains(), data=st.data())
def test_any_texts_are_masked_turn_by_turn(tokenizer, chain, data) -> None:
    trained = [data.draw(st.booleans()) for _ in chain.turns]
    encoded = encode_chain(tokenizer, OPENING, chain, trained)
    expected = [t.reply + MARK for t, carries in zip(chain.turns, trained, strict=True) if carries]
    assert trained_text(tokenizer, encoded) == "".join(expected)
    assert len(encoded.mask) == len(encoded.completion)
    assert encoded.length == len(encoded.prompt) + len(encoded.completion)
    assert not encoded.mask or encoded.mask[-1]


@given(chain=chains())
def test_prompt_and_completion_together_are_the_rendered_chat(tokenizer, chain) -> None:
    encoded = encode_chain(tokenizer, OPENING, chain, [True] * len(chain.turns))
    chat = list(OPENING)
    for turn in chain.turns:
        chat.append(Message(role="assistant", content=turn.reply))
        chat.append(Message(role="user", content=turn.outcome.text))
    whole = rendered(tokenizer, chat)
    text = tokenizer.decode([*encoded.prompt, *encoded.completion])
    assert whole.startswith(text)
    assert tokenizer.decode(encoded.prompt) == rendered(tokenizer, OPENING)
    assert not chain.turns or text.endswith(chain.turns[-1].reply + MARK)


def test_a_row_is_what_the_engine_feeds(tokenizer, monkeypatch) -> None:
    problem = word_problem(3)
    opening, chain, state = chain_of(problem, TASK.oracle(problem))
    encoded = encode_chain(tokenizer, opening, chain, [True] * len(chain.turns))
    fed = _fed(tokenizer, opening, chain, state.toolbox, problem, monkeypatch)
    # The last token is the mark that ends the chain: generated, never fed.
    assert fed == [*encoded.prompt, *encoded.completion][:-1]


def _fed(tokenizer, opening, chain, toolbox, problem, monkeypatch) -> list[int]:
    """Return the tokens of an engine whose model says the chain's replies."""
    model = tiny_llama(tokenizer)
    engine = TransformersEngine(
        model, tokenizer, name="m", revision="1", sampling=Sampling(reply_tokens=99), rows=1
    )
    said = [
        token
        for turn in chain.turns
        for token in (*tokenizer(turn.reply)["input_ids"], tokenizer.eos_token_id)
    ]
    script = iter(said)
    monkeypatch.setattr(engine, "_choose", lambda rows, _: [0 if rows[0].waiting else next(script)])
    fed: list[int] = []
    forward = model.forward

    def watched(input_ids=None, **inputs):
        fed.extend(input_ids[0].tolist())
        return forward(input_ids=input_ids, **inputs)

    monkeypatch.setattr(model, "forward", watched)
    states = {"x/0": begin(toolbox, problem, opening, Limits())}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        state = states[request.job] = advance(states[request.job], reply)
        if state.stop is not None:
            return None
        return Request(job="x/0", step=request.step + 1, messages=messages(state))

    engine.run([Request(job="x/0", step=0, messages=opening)], on_reply)
    return fed


def test_failed_calls_are_masked_in_supervised_training_and_kept_in_pairs(tokenizer) -> None:
    problem = word_problem(0)
    replies = TASK.oracle(problem)
    opening, chain, _ = chain_of(problem, ("Fly()", *replies))
    assert chain.turns[0].outcome.code is FailureCode.UNKNOWN_FUNCTION
    sft = encode_chain(tokenizer, opening, chain, trained_replies(chain, failed=False))
    dpo = encode_chain(tokenizer, opening, chain, trained_replies(chain, failed=True))
    assert trained_text(tokenizer, sft) == "".join(reply + MARK for reply in replies)
    assert trained_text(tokenizer, dpo) == "".join(r + MARK for r in ("Fly()", *replies))
    assert sft.completion == dpo.completion


def test_a_result_changes_no_trained_token(tokenizer) -> None:
    problem = word_problem(1)
    opening, chain, _ = chain_of(problem, TASK.oracle(problem))
    other = evolve(
        chain,
        turns=tuple(evolve(turn, outcome=Outcome(text="something else")) for turn in chain.turns),
    )
    rows = [encode_chain(tokenizer, opening, c, [True] * len(c.turns)) for c in (chain, other)]
    assert rows[0].completion != rows[1].completion
    assert trained_text(tokenizer, rows[0]) == trained_text(tokenizer, rows[1])


def test_nothing_after_the_last_trained_token_is_encoded(tokenizer) -> None:
    problem = word_problem(0)
    opening, chain, _ = chain_of(problem, (*TASK.oracle(problem)[:-1], "Fly()"))
    encoded = encode_chain(tokenizer, opening, chain, trained_replies(chain, failed=False))
    assert tokenizer.decode(encoded.completion).endswith(chain.turns[-2].reply + MARK)


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    problem = word_problem(0)
    opening, chain, _ = chain_of(problem, TASK.oracle(problem))
    with pytest.raises(TrainingError, match="not prefix-preserving"):
        encode_chain(byte_tokenizer((), COUNTING), opening, chain, [True] * len(chain.turns))


def test_a_template_without_an_end_of_turn_token_is_refused() -> None:
    problem = word_problem(0)
    opening, chain, _ = chain_of(problem, TASK.oracle(problem))
    plain = byte_tokenizer((), CHATML.replace("'<|im_end|>' + ", ""))
    with pytest.raises(TrainingError, match="ends no turn with a special token"):
        encode_chain(plain, opening, chain, [True] * len(chain.turns))
