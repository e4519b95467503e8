"""The lockstep engine says what a plain loop over `model.generate` says, whatever the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from attrs import evolve

from fcpref.core.chains import (
    Limits,
    Message,
    PromptSpec,
    Reply,
    advance,
    begin,
    chat_rows,
    messages,
    render,
    schemas,
    template_rows,
)
from fcpref.core.tasks import find_task
from fcpref.errors import ModelError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.prefill import prefill
from fcpref.shell.engines.transformers import TransformersEngine
from tests.tiny_model import (
    COUNTING,
    LLAMA,
    QWEN,
    REWRITING,
    ascii_tokenizer,
    byte_tokenizer,
    tiny_llama,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fcpref.shell.engines.base import OnReply

STEPS = 4
PROMPTS = (
    "Olga has 5 albums with 36 cards each.",
    "Hi",
    "Felix works 45 hours for $19 an hour. Felix pays $101 for shoes. How many dollars?",
    "Olga has 5 albums with 36 cards each.",
    "Olga has 5 albums",
    "",
    "What now? " * 12,
)
GREEDY = Sampling(reply_tokens=12)
NOISY = Sampling(temperature=1.0, top_p=0.9, reply_tokens=12, seed=3)

Replies = dict[tuple[str, int], Reply]


@pytest.fixture(scope="module")
def tokenizer():
    return ascii_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return tiny_llama(tokenizer)


def openings(count: int = len(PROMPTS), samples: int = 1) -> list[Request]:
    return [
        Request(
            job=f"problem-{index}/{sample}",
            step=0,
            messages=(
                Message(role="system", content="Add(a, b) Answer(value)"),
                Message(role="user", content=PROMPTS[index]),
            ),
        )
        for index in range(count)
        for sample in range(samples)
    ]


def after(request: Request, text: str) -> Request | None:
    """Answer a reply with a result that depends on it; chains end at different steps."""
    if request.step + 1 >= STEPS - len(request.messages[1].content) % 2:
        return None
    result = f"Error: {text[-3:]} is wrong." if request.step % 2 else str(len(text) * 7)
    turn = (Message(role="assistant", content=text), Message(role="user", content=result))
    return Request(job=request.job, step=request.step + 1, messages=(*request.messages, *turn))


def engine_of(model, tokenizer, sampling: Sampling = GREEDY, rows: int = 0) -> TransformersEngine:
    return TransformersEngine(
        model, tokenizer, name="path:tiny", revision="1", sampling=sampling, rows=rows
    )


def run(engine: TransformersEngine, requests: Sequence[Request]) -> Replies:
    replies: Replies = {}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        assert (request.job, request.step) not in replies
        replies[request.job, request.step] = reply
        return after(request, reply.text)

    engine.run(requests, on_reply)
    return replies


def plain_loop(
    model, tokenizer, requests: Sequence[Request], on_reply: OnReply | None = None
) -> Replies:
    """Encode the whole chat again at each step, one chain at a time."""
    replies: Replies = {}
    stops = sorted(tokenizer.all_special_ids)
    for opening in requests:
        request: Request | None = opening
        while request is not None:
            shown = {"tools": list(request.tools)} if request.tools else {}
            rows = template_rows if request.tools else chat_rows
            inputs = tokenizer.apply_chat_template(
                rows(request.messages),
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
                **shown,
            )
            out = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=GREEDY.reply_tokens,
                eos_token_id=stops,
                pad_token_id=tokenizer.pad_token_id,
            )
            said = out[0, inputs["input_ids"].shape[1] :].tolist()
            reply = _reply(tokenizer, said, stops, lines=not request.tools)
            replies[request.job, request.step] = reply
            request = on_reply(request, reply) if on_reply else after(request, reply.text)
    return replies


def _reply(tokenizer, ids: list[int], stops: list[int], *, lines: bool) -> Reply:
    """Cut at the end of the turn, or at the end of the line once there is text."""
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    for index, token in enumerate(ids):
        if token in stops or (lines and token == newline and index):
            return Reply(text=tokenizer.decode(ids[:index]), tokens=index + 1)
    return Reply(text=tokenizer.decode(ids), tokens=len(ids))


@pytest.fixture(scope="module")
def expected(model, tokenizer) -> Replies:
    return plain_loop(model, tokenizer, openings())


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_greedy_replies_are_those_of_the_plain_loop(model, tokenizer, expected, rows) -> None:
    assert run(engine_of(model, tokenizer, rows=rows), openings()) == expected
    assert len({reply.text for reply in expected.values()}) > len(PROMPTS)


@pytest.mark.parametrize("seed", range(1, 5))
def test_greedy_replies_are_those_of_the_plain_loop_for_other_models(tokenizer, seed) -> None:
    other = tiny_llama(tokenizer, seed)
    assert run(engine_of(other, tokenizer), openings()) == plain_loop(other, tokenizer, openings())


@pytest.mark.parametrize("budget", [1, 100, 300])
def test_prompts_may_be_encoded_in_any_number_of_slices(
    model, tokenizer, expected, monkeypatch, budget
) -> None:
    monkeypatch.setattr("fcpref.shell.engines.prefill._CPU_PREFILL", budget)
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


def scripted(ids: Sequence[int]) -> Callable[..., object]:
    """Return a stand-in for the model's choice that follows a script, the same in each row."""
    script = iter(ids)
    return lambda rows, _logits: [next(script)] * len(rows)


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
    monkeypatch.setattr(engine, "_choose", scripted(ids))
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
    monkeypatch.setattr(engine, "_choose", scripted(ids))
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


def test_the_shared_beginning_of_prompts_is_encoded_once(model, tokenizer) -> None:
    seen: list[tuple[int, int]] = []

    def counted(**inputs):
        seen.append(tuple(inputs["input_ids"].shape))
        return model(**inputs)

    counted.device, counted.config = model.device, model.config
    with torch.inference_mode():
        state = prefill(counted, [[3, 4, 5, 6], [3, 4, 7], [3, 4, 7], [3, 4]])
    assert seen == [(1, 1), (3, 3)]
    assert state.position.tolist() == [4, 3, 3, 2]
    assert state.logits.shape == (4, len(tokenizer))


def test_progress_counts_every_generated_token(model, tokenizer) -> None:
    counts: list[int] = []
    engine = TransformersEngine(
        model, tokenizer, name="m", revision="1", sampling=GREEDY, on_token=counts.append
    )
    assert sum(reply.tokens for reply in run(engine, openings()).values()) == sum(counts)


def test_the_identity_names_all_that_a_reply_depends_on(model, tokenizer) -> None:
    identity = engine_of(model, tokenizer, NOISY).identity
    assert identity == {
        "engine": "transformers",
        "model": "path:tiny",
        "revision": "1",
        "template": identity["template"],
        "sampling": "temperature 1, top_p 0.9, reply_tokens 12, seed 3",
    }
    other = engine_of(model, ascii_tokenizer(COUNTING), NOISY).identity
    assert other["template"] != identity["template"]


# --- the `tools` grammar

TASK = find_task("math.word")
SPEC = PromptSpec(detail="signatures", grammar="tools")
SCHEMAS = schemas(SPEC, TASK.toolbox)
ADD = '<tool_call>\n{"name": "Add", "arguments": {"a": 1, "b": 2.5}}\n</tool_call>'


def tool_openings(count: int = 3) -> list[Request]:
    problems = [one.problem for one in TASK.exemplars[:count]]
    return [
        Request(
            job=f"{index}/0",
            step=0,
            messages=render(SPEC, TASK.toolbox, problem),
            tools=SCHEMAS,
        )
        for index, problem in enumerate(problems)
    ]


def loop(limits: Limits):
    """Return an `on_reply` that drives the real loop, and the replies by job and step."""
    states = {
        f"{index}/0": begin(
            TASK.toolbox, one.problem, render(SPEC, TASK.toolbox, one.problem), limits, "tools"
        )
        for index, one in enumerate(TASK.exemplars)
    }
    replies: Replies = {}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        replies[request.job, request.step] = reply
        state = states[request.job] = advance(states[request.job], reply)
        if state.stop is not None:
            return None
        return evolve(request, step=request.step + 1, messages=messages(state))

    return on_reply, replies, states


def scripted_calls(monkeypatch, template: str, said: Sequence[str], *, special: bool = False):
    """Let an engine say these texts in one chain; return the final state, and how often it began.

    Args:
        monkeypatch: pytest's.
        template: chat template.
        said: one text a reply.
        special: the tags around a call are special tokens.
    """
    tokenizer = byte_tokenizer([template], template)
    tags = ["<tool_call>", "</tool_call>"]
    if special:
        tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>", *tags]})
        assert {*tokenizer.convert_tokens_to_ids(tags)} <= {*tokenizer.all_special_ids}
    else:
        tokenizer.add_tokens(tags)
    engine = TransformersEngine(
        tiny_llama(tokenizer), tokenizer, name="m", revision="1", sampling=Sampling(reply_tokens=99)
    )
    script = iter(
        token for text in said for token in (*tokenizer(text)["input_ids"], tokenizer.eos_token_id)
    )
    monkeypatch.setattr(engine, "_choose", lambda rows, _: [0 if rows[0].waiting else next(script)])
    waves: list[int] = []
    wave = engine._wave
    monkeypatch.setattr(engine, "_wave", lambda *of: waves.append(1) or wave(*of))
    on_reply, replies, states = loop(Limits(calls=len(said), failures=9))
    engine.run(tool_openings(1), on_reply)
    return states["0/0"], replies, len(waves)


@pytest.mark.parametrize("template", [QWEN, LLAMA])
def test_tools_replies_are_those_of_the_plain_loop(model, template) -> None:
    tokenizer = ascii_tokenizer(template)
    got = {}
    for rows in (0, 2):
        on_reply, got[rows], _ = loop(Limits(calls=3, failures=9))
        engine_of(model, tokenizer, rows=rows).run(tool_openings(), on_reply)
    on_reply, _, _ = loop(Limits(calls=3, failures=9))
    assert got[0] == got[2] == plain_loop(model, tokenizer, tool_openings(), on_reply)
    assert len(got[0]) == 9


@pytest.mark.parametrize("special", [False, True])
def test_a_call_goes_over_lines_and_keeps_its_tags(monkeypatch, special) -> None:
    state, replies, waves = scripted_calls(
        monkeypatch, QWEN, [ADD, ADD, "Hm.\nWell."], special=special
    )
    assert [turn.outcome.text for turn in state.turns] == [
        "3.5",
        "Error: this call was made before",
        "Error: reply with one function call and nothing else",
    ]
    assert [reply.text for reply in replies.values()] == [ADD, ADD, "Hm.\nWell."]
    # What the template prints of a call is what was said, so nothing is encoded again.
    assert waves == 1


def test_a_call_that_the_template_prints_otherwise_is_encoded_again(monkeypatch) -> None:
    other = ADD.replace(": 1,", ":1,")
    state, _, waves = scripted_calls(monkeypatch, QWEN, [other, ADD])
    assert [turn.outcome.text for turn in state.turns] == [
        "3.5",
        "Error: this call was made before",
    ]
    assert waves == 2


def test_a_template_without_tools_is_refused_before_anything_is_generated(model, tokenizer) -> None:
    engine = engine_of(model, tokenizer)
    with pytest.raises(ModelError, match="path:tiny: its chat template shows no tools"):
        engine.run([*openings(1), *tool_openings(1)], lambda *_: pytest.fail("replied"))
