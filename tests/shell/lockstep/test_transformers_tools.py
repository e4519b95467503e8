"""The lockstep engine in the `tools` grammar: a plain loop's replies, tags and templates kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fcpref.core.chains import Limits, PromptSpec, Reply, advance, begin, messages, render, schemas
from fcpref.core.tasks import find_task
from fcpref.errors import ModelError
from fcpref.shell.engines import schedule
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine
from tests.lockstep import Replies, engine_of, openings, plain_loop
from tests.tiny_model import LLAMA, QWEN, ascii_tokenizer, byte_tokenizer, tiny_llama

if TYPE_CHECKING:
    from collections.abc import Sequence


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
