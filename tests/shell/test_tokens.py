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
    PromptSpec,
    Reply,
    advance,
    begin,
    finish,
    messages,
    render,
    schemas,
    template_rows,
)
from fcpref.core.functions import Call, FailureCode, Outcome, parse_tool_call, translate
from fcpref.core.functions.tool_calls import arguments_text
from fcpref.core.tasks import find_task
from fcpref.core.training import trained_replies
from fcpref.errors import TrainingError
from fcpref.shell.engines import schedule
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.tokens import encode_chain
from tests.printed_numbers import in_one_way
from tests.strategies import chains, tool_replies
from tests.tiny_model import CHATML, COUNTING, LLAMA, QWEN, byte_tokenizer, tiny_llama

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
    fed = fed_by_engine(tokenizer, opening, chain, state.toolbox, problem, monkeypatch)
    # The last token is the mark that ends the chain: generated, never fed.
    assert fed == [*encoded.prompt, *encoded.completion][:-1]


def fed_by_engine(tokenizer, opening, chain, toolbox, problem, monkeypatch, tools=()) -> list[int]:
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
    monkeypatch.setattr(schedule, "choose", lambda *_: [next(script)])
    fed: list[int] = []
    forward = model.forward

    def watched(input_ids=None, **inputs):
        fed.extend(input_ids[0].tolist())
        return forward(input_ids=input_ids, **inputs)

    monkeypatch.setattr(model, "forward", watched)
    states = {"x/0": begin(toolbox, problem, opening, Limits(), chain.grammar)}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        state = states[request.job] = advance(states[request.job], reply)
        if state.stop is not None:
            return None
        return evolve(request, step=request.step + 1, messages=messages(state))

    engine.run([Request(job="x/0", step=0, messages=opening, tools=tools)], on_reply)
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


# --- the `tools` grammar


TOOLS = PromptSpec(detail="signatures", shots=1, grammar="tools")
SCHEMAS = schemas(TOOLS, TASK.toolbox)
PRINTED = {
    "qwen": (QWEN, '<tool_call>\n{{"name": "{}", "arguments": {}}}\n</tool_call>'),
    "llama": (LLAMA, '{{"name": "{}", "parameters": {}}}'),
}


@pytest.fixture(scope="module", params=PRINTED)
def knowing(request):
    """Return a tokenizer whose template knows tools, and how it prints a reply."""
    template, form = PRINTED[request.param]
    made = byte_tokenizer([template], template)
    # As Qwen2.5 has them: tokens of their own that are no special ones.
    made.add_tokens(["<tool_call>", "</tool_call>"])

    def printed(reply: str) -> str:
        call = parse_tool_call(reply)
        if not isinstance(call, Call):
            return reply
        return form.format(call.function, arguments_text(call))

    return made, printed


def tools_chain(problem, replies):
    opening = render(TOOLS, TASK.toolbox, problem, TASK.exemplars)
    state = begin(TASK.toolbox, problem, opening, Limits(failures=9), "tools")
    for text in replies:
        state = advance(state, Reply(text=text))
    return opening, finish(state, "test", 0)


def tool_calls_of(problem) -> list[str]:
    return [translate(reply, "tools") for reply in TASK.oracle(problem)]


@pytest.mark.parametrize("index", range(4))
def test_the_trained_tokens_are_the_calls_as_the_template_prints_them(knowing, index) -> None:
    tokenizer, printed = knowing
    problem = word_problem(index)
    opening, chain = tools_chain(problem, tool_calls_of(problem))
    encoded = encode_chain(tokenizer, opening, chain, [True] * len(chain.turns), SCHEMAS)
    expected = [printed(turn.reply) + MARK for turn in chain.turns]
    assert trained_text(tokenizer, encoded) == "".join(expected)
    # No result is among them, but all that was told is read.
    untrained = [i for i, own in zip(encoded.completion, encoded.mask, strict=True) if not own]
    assert all(turn.outcome.text in tokenizer.decode(untrained) for turn in chain.turns[:-1])
    assert TASK.score(chain, problem).correct


@given(replies=st.lists(tool_replies(), max_size=4), data=st.data())
def test_any_tool_replies_are_masked_turn_by_turn(knowing, replies, data) -> None:
    tokenizer, printed = knowing
    said = [reply for reply in replies if _encodable(reply)]
    opening, chain = tools_chain(word_problem(0), said)
    trained = [data.draw(st.booleans()) for _ in chain.turns]
    encoded = encode_chain(tokenizer, opening, chain, trained, SCHEMAS)
    expected = [
        printed(turn.reply) + MARK
        for turn, carries in zip(chain.turns, trained, strict=True)
        if carries
    ]
    assert in_one_way(trained_text(tokenizer, encoded)) == in_one_way("".join(expected))
    assert tokenizer.decode(encoded.prompt) == tokenizer.apply_chat_template(
        template_rows(opening), tools=list(SCHEMAS), tokenize=False, add_generation_prompt=True
    )


def _encodable(reply: str) -> bool:
    try:
        reply.encode()
    except UnicodeEncodeError:
        return False
    return bool(reply)


@given(whole=st.integers(), zeros=st.integers(0, 9))
def test_numbers_are_the_same_however_they_are_printed(whole, zeros) -> None:
    other = f"{whole}.{'0' * zeros}" if zeros else f"{whole}"
    assert in_one_way(f"x {other} y") == in_one_way(f"x {whole * 10**zeros}e-{zeros} y")
    assert in_one_way(other) != in_one_way(f"{whole + 1}")
    assert in_one_way("1e99999999999999999999") == in_one_way("10e99999999999999999998")
    assert in_one_way("1e-05") == in_one_way("0.00001") != in_one_way("1e-06")


def test_a_row_of_tool_calls_is_what_the_engine_feeds(knowing, monkeypatch) -> None:
    tokenizer, printed = knowing
    problem = word_problem(3)
    opening, chain = tools_chain(problem, [printed(reply) for reply in tool_calls_of(problem)])
    encoded = encode_chain(tokenizer, opening, chain, [True] * len(chain.turns), SCHEMAS)
    fed = fed_by_engine(tokenizer, opening, chain, TASK.toolbox, problem, monkeypatch, SCHEMAS)
    assert fed == [*encoded.prompt, *encoded.completion][:-1]


@pytest.mark.parametrize("index", range(3))
def test_a_call_written_otherwise_is_trained_as_it_is_read_later(knowing, index) -> None:
    tokenizer, printed = knowing
    problem = word_problem(index)
    calls = tool_calls_of(problem)
    opening, chain = tools_chain(problem, [f"```json\n{call}\n```" for call in calls])
    encoded = encode_chain(tokenizer, opening, chain, [True] * len(calls), SCHEMAS)
    assert trained_text(tokenizer, encoded) == "".join(printed(call) + MARK for call in calls)


def test_failed_tool_calls_are_masked_in_supervised_training_and_kept_in_pairs(knowing) -> None:
    tokenizer, printed = knowing
    problem = word_problem(0)
    calls = tool_calls_of(problem)
    slips = ['{"name": "Fly", "arguments": {}}', "I would add."]
    opening, chain = tools_chain(problem, [*slips, *calls])
    sft, dpo = (
        encode_chain(tokenizer, opening, chain, trained_replies(chain, failed=failed), SCHEMAS)
        for failed in (False, True)
    )
    assert trained_text(tokenizer, sft) == "".join(printed(call) + MARK for call in calls)
    assert trained_text(tokenizer, dpo) == "".join(printed(c) + MARK for c in (*slips, *calls))
    assert sft.completion == dpo.completion


def test_an_end_of_turn_mark_within_a_text_ends_nothing(knowing) -> None:
    tokenizer, printed = knowing
    thought = f'{{"name": "Reasoning", "arguments": {{"thought": "a {MARK} b"}}}}'
    opening, chain = tools_chain(word_problem(0), [thought])
    encoded = encode_chain(tokenizer, opening, chain, [True], SCHEMAS)
    assert trained_text(tokenizer, encoded) == printed(thought) + MARK


def refused(tokenizer, said: str) -> None:
    problem = word_problem(0)
    opening, chain = tools_chain(problem, tool_calls_of(problem))
    with pytest.raises(TrainingError, match=said):
        encode_chain(tokenizer, opening, chain, [True] * len(chain.turns), SCHEMAS)


def test_a_tools_template_that_rewrites_earlier_turns_is_refused() -> None:
    template = QWEN.replace("{%- for message", "{{ messages | length }}{%- for message")
    refused(byte_tokenizer((), template), "not prefix-preserving")


@pytest.mark.parametrize("special", [False, True])
def test_the_tag_that_ends_a_call_ends_no_turn(special) -> None:
    tokenizer = byte_tokenizer((), QWEN.replace("        {{- '<|im_end|>\\n' }}\n", "", 1))
    tokenizer.add_tokens(["<tool_call>", "</tool_call>"], special_tokens=special)
    tokenizer.add_tokens(['"arguments"'])
    refused(tokenizer, "ends no turn with a special token")
