"""The lockstep engine's schedule, what a GPU does, on a CPU: the same replies in any slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import torch
from attrs import evolve

from fcpref.core.chains import Message, Reply
from fcpref.errors import ModelError
from fcpref.shell.engines import memory, schedule, transformers
from fcpref.shell.engines.memory import plan_memory, shape_of, token_bytes
from fcpref.shell.engines.passes import Passes
from fcpref.shell.engines.slots import Slots
from fcpref.shell.engines.turns import Turns
from tests.lockstep import (
    GREEDY,
    NOISY,
    Replies,
    after,
    engine_of,
    openings,
    plain_loop,
    run,
    shaped,
)
from tests.tiny_model import tiny_llama

if TYPE_CHECKING:
    from fcpref.shell.engines.base import Request


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
