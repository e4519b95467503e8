"""The lockstep engine says what a plain loop over `model.generate` says, whatever the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import torch
from attrs import evolve
from transformers import AutoConfig, AutoModelForCausalLM

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
from fcpref.shell.engines import drawing, memory, schedule, slots, transformers
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.memory import Shape, plan_memory, shape_of, token_bytes
from fcpref.shell.engines.passes import Passes
from fcpref.shell.engines.slots import Slots
from fcpref.shell.engines.transformers import TransformersEngine
from fcpref.shell.engines.turns import Turns
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
def test_prompts_may_be_encoded_in_any_number_of_passes(
    model, tokenizer, expected, monkeypatch, budget
) -> None:
    monkeypatch.setattr(schedule, "_PASS_TOKENS", budget)
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


# --- the schedule: what a GPU does, on a CPU

FIXED = {"rows": 3, "length": 128, "tokens": 4_096, "fixed": True, "batch": 2, "chunk": 5}


def shaped(monkeypatch, **changes) -> None:
    """Let every run have slots of this shape."""
    shape = Shape(**{**FIXED, **changes})
    monkeypatch.setattr(transformers, "plan_memory", lambda *_, **__: shape)


@pytest.mark.parametrize("rows", [1, 2, 3, 8])
@pytest.mark.parametrize("chunk", [1, 5, 64])
def test_passes_of_fixed_shape_say_the_same(
    model, tokenizer, expected, monkeypatch, rows, chunk
) -> None:
    shaped(monkeypatch, rows=rows, chunk=chunk, batch=max(1, rows // 2))
    assert run(engine_of(model, tokenizer), openings()) == expected


@pytest.mark.parametrize("fixed", [False, True])
def test_slots_grow_with_their_chains(model, tokenizer, expected, monkeypatch, fixed) -> None:
    monkeypatch.setattr(memory, "_GPU_ROOM", 1)
    monkeypatch.setattr(memory, "_CPU_ROOM", 1)
    monkeypatch.setattr(memory, "_STEP", 1)
    grown: list[int] = []
    grow = Slots.grow
    monkeypatch.setattr(Slots, "grow", lambda own, to: grown.append(to) or grow(own, to))
    shaped(monkeypatch, fixed=fixed, length=2)
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert grown == sorted(set(grown))
    assert len(grown) > 5


@pytest.mark.parametrize("fixed", [False, True])
def test_longer_chains_leave_room_for_fewer(model, tokenizer, expected, monkeypatch, fixed) -> None:
    monkeypatch.setattr(memory, "_GPU_ROOM", 1)
    monkeypatch.setattr(memory, "_CPU_ROOM", 1)
    monkeypatch.setattr(memory, "_STEP", 1)
    restarts: list[int] = []
    restart = schedule.Schedule._restart
    monkeypatch.setattr(
        schedule.Schedule,
        "_restart",
        lambda own, shape, on_reply: restarts.append(shape.rows) or restart(own, shape, on_reply),
    )
    shaped(monkeypatch, fixed=fixed, length=60, tokens=400, rows=6)
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert restarts
    assert restarts == sorted(restarts, reverse=True)


@pytest.mark.parametrize("sampling", [GREEDY, NOISY])
@pytest.mark.parametrize("fixed", [False, True])
def test_out_of_memory_means_fewer_chains_and_the_same_replies(
    model, tokenizer, monkeypatch, sampling, fixed
) -> None:
    requests = openings(samples=2)
    calm = run(engine_of(model, tokenizer, sampling), requests)
    passes: list[int] = []
    work = Passes.run

    def failing(own, *of):
        passes.append(own.slots.slots)
        if len(passes) in {1, 9, 30}:
            raise torch.OutOfMemoryError
        return work(own, *of)

    monkeypatch.setattr(Passes, "run", failing)
    shaped(monkeypatch, fixed=fixed, rows=8, tokens=8_192, length=512)
    assert run(engine_of(model, tokenizer, sampling), requests) == calm
    assert sorted(set(passes), reverse=True) == [8, 4, 2, 1]


def test_replies_that_had_ended_when_memory_ran_out_go_on(
    model, tokenizer, expected, monkeypatch
) -> None:
    failed: list[int] = []
    decode = schedule.Schedule._decode

    def failing(own, ready):
        if own._ended and len(failed) < 3:
            failed.append(len(own._ended))
            raise torch.OutOfMemoryError
        return decode(own, ready)

    monkeypatch.setattr(schedule.Schedule, "_decode", failing)
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert len(failed) == 3


def test_a_chain_that_never_fits_is_told(model, tokenizer, monkeypatch) -> None:
    def failing(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Passes, "run", failing)
    with pytest.raises(ModelError, match="not even one chain fits in memory"):
        run(engine_of(model, tokenizer), openings())


def test_memory_is_planned_in_tokens(model) -> None:
    small = plan_memory(model, longest=100, prefix=50, rows=0)
    assert small.tokens * token_bytes(model) < psutil.virtual_memory().total / 4
    assert token_bytes(model) == 2 * 2 * 2 * 8 * 4
    assert shape_of(100, 10_000, 64, fixed=True).rows == 10_000 // 640
    assert shape_of(100, 10_000, 64, fixed=False).rows == 10_000 // 256
    assert shape_of(100, 100, 64, fixed=False).rows == 1
    with pytest.raises(ModelError, match="a chain of 101 tokens does not fit in memory"):
        shape_of(101, 100, 64, fixed=False)


def test_a_free_slot_goes_to_the_next_chain(model, tokenizer, monkeypatch) -> None:
    shaped(monkeypatch, rows=2, batch=1)
    under_way: list[int] = []
    cycle = schedule.Schedule._cycle

    def watched(own, on_reply):
        cycle(own, on_reply)
        under_way.append(len(own._rows) if own._queue else 2)

    monkeypatch.setattr(schedule.Schedule, "_cycle", watched)
    run(engine_of(model, tokenizer), openings())
    assert under_way.count(2) > 0.9 * len(under_way)


def test_equal_prompts_are_fed_once(model, tokenizer, monkeypatch) -> None:
    fed: list[int] = []
    work = Passes.run

    def counted(own, ids, columns, rows=None):
        fed.append(sum(column >= 0 for row in columns for column in row))
        return work(own, ids, columns, rows)

    monkeypatch.setattr(Passes, "run", counted)
    requests = openings(1, samples=6)
    engine_of(model, tokenizer, NOISY).run(requests, lambda *_: None)
    # All but one token of the prompt are shared, so the first pass feeds that one, once.
    assert fed[0] == 1
    assert max(fed[1:]) == 6


def test_the_output_layer_is_fed_contiguous_states(model, tokenizer) -> None:
    fed: list[bool] = []
    hook = model.lm_head.register_forward_hook(
        lambda _, given, __: fed.append(given[0].is_contiguous())
    )
    run(engine_of(model, tokenizer), openings())
    hook.remove()
    assert fed
    # But for the prefix, which is one row.
    assert all(fed[1:])


@pytest.mark.parametrize(("few", "runs"), [(32, 1), (2, 2), (1, 3)])
def test_prompts_with_little_in_common_run_together_where_they_are_few(
    model, tokenizer, monkeypatch, few, runs
) -> None:
    said = Message(role="system", content="Another function: Sub(a, b)")
    plain = openings()
    # One group of five, two of one each.
    mixed = [
        *plain[:5],
        evolve(plain[5], messages=(said, plain[5].messages[1])),
        evolve(plain[6], messages=plain[6].messages[1:]),
    ]
    begun: list[int] = []
    together = transformers.TransformersEngine._together
    monkeypatch.setattr(
        transformers.TransformersEngine,
        "_together",
        lambda own, group, on_reply: begun.append(len(group)) or together(own, group, on_reply),
    )
    monkeypatch.setattr(transformers, "_FEW", few)
    replies: Replies = {}

    def on_reply(request: Request, reply: Reply) -> None:
        replies[request.job, request.step] = reply

    engine_of(model, tokenizer).run(mixed, on_reply)
    assert len(begun) == runs
    assert replies == plain_loop(model, tokenizer, mixed, lambda *_: None)


def test_what_follows_may_be_another_chain(model, tokenizer, expected) -> None:
    waiting = openings()
    replies: Replies = {}

    def on_reply(request: Request, reply: Reply) -> Request | None:
        replies[request.job, request.step] = reply
        return after(request, reply.text) or (waiting.pop() if waiting else None)

    engine_of(model, tokenizer).run([waiting.pop(), waiting.pop()], on_reply)
    assert replies == expected


def test_each_request_may_have_its_own_temperature(model, tokenizer, expected) -> None:
    requests = openings()
    mixed = [
        evolve(request, temperature=1.0 if index % 2 else None)
        for index, request in enumerate(requests)
    ]
    greedy = {request.job for request in requests[::2]}
    got = run(engine_of(model, tokenizer, evolve(NOISY, temperature=0.0)), mixed)
    noisy = run(engine_of(model, tokenizer, NOISY), requests)
    for (job, step), reply in got.items():
        # `after` makes requests anew, without a temperature of their own.
        if step == 0:
            assert reply == (expected if job in greedy else noisy)[job, step]


def test_a_prompt_longer_than_the_context_is_refused(tokenizer) -> None:
    model = tiny_llama(tokenizer)
    model.config.max_position_embeddings = 120
    engine = engine_of(model, tokenizer)
    with pytest.raises(ModelError, match=r"has \d+ tokens and a reply 12, its context 120"):
        engine.run(openings(), lambda *_: pytest.fail("replied"))


def test_a_chain_that_fills_the_context_ends_in_empty_replies(tokenizer) -> None:
    model = tiny_llama(tokenizer)
    opening = openings(1)
    prompt = len(tokenizer(Turns(model, tokenizer).render(opening[0]))["input_ids"])
    model.config.max_position_embeddings = prompt + 20
    replies = run(engine_of(model, tokenizer), opening)
    assert [reply.tokens > 0 for reply in replies.values()] == [True, False, False]
    assert [reply.text for reply in replies.values()][1:] == ["", ""]


@pytest.mark.parametrize("kind", ["mistral", "qwen2", "gemma2"])
def test_windows_and_other_architectures(tokenizer, kind) -> None:
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=16,
        use_sliding_window=True,
        max_window_layers=1,
        initializer_range=0.4,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=1,
        attn_implementation="eager",
        tie_word_embeddings=False,
        # Low enough to change what is said.
        **({"attn_logit_softcapping": 0.2} if kind == "gemma2" else {}),
    )
    torch.manual_seed(1)
    other = AutoModelForCausalLM.from_config(config).eval()
    got = run(engine_of(other, tokenizer), openings())
    assert got == plain_loop(other, tokenizer, openings())
    assert len({reply.text for reply in got.values()}) > 9
    assert other.config._attn_implementation == "eager"


def kernel(query, keys, values, bias=None, *, scale, **_):
    """Stand in for a GPU's kernels: their results' strides, their padded sums."""
    found, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, keys, values, attn_mask=bias, scale=scale
    )
    rows, heads, count = sums.shape
    padded = sums.new_full((rows, heads, -(-count // 32) * 32), torch.inf)
    padded[:, :, :count] = sums
    return found.transpose(1, 2).contiguous().transpose(1, 2), padded if bias is not None else sums


def test_attention_without_fused_kernels_finds_the_same(
    model, tokenizer, expected, monkeypatch
) -> None:
    monkeypatch.setattr(slots, "_kernels_for", lambda _: "")
    assert run(engine_of(model, tokenizer), openings()) == expected


@pytest.mark.parametrize("fixed", [False, True])
def test_fused_kernels_find_the_same(model, tokenizer, expected, monkeypatch, fixed) -> None:
    used: list[int] = []
    for name in ("_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention"):
        monkeypatch.setattr(
            torch.ops.aten, name, lambda *of, **named: used.append(1) or kernel(*of, **named)
        )
    monkeypatch.setattr(slots, "_kernels_for", lambda _: "cuda")
    shaped(monkeypatch, fixed=fixed)
    assert run(engine_of(model, tokenizer), openings()) == expected
    assert used


def test_a_model_without_attention_is_refused(tokenizer) -> None:
    config = AutoConfig.for_model("mamba", vocab_size=len(tokenizer), hidden_size=16, state_size=4)
    other = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ModelError, match="type mamba cannot be sampled here; serve it and use the"):
        engine_of(other, tokenizer)


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
    monkeypatch.setattr(schedule, "choose", lambda *_: [next(script)])
    begun: list[int] = []
    admit = schedule.Schedule._row
    monkeypatch.setattr(schedule.Schedule, "_row", lambda *of: begun.append(1) or admit(*of))
    on_reply, replies, states = loop(Limits(calls=len(said), failures=9))
    engine.run(tool_openings(1), on_reply)
    return states["0/0"], replies, len(begun)


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
