"""Rows for LLaMA-Factory, in its ShareGPT format (its data/README.md and converter.py).

Turns alternate: ``human`` or ``observation`` at odd places, ``gpt`` or ``function_call`` at even
ones, counted from 1 and without the system prompt, which is a column of its own. A preference row's
`conversations` end before the reply, and each side is one turn. The functions are JSON text.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.functions import Call, Grammar, parse_tool_call
from fcpref.core.functions.tool_calls import show_tool_call
from fcpref.core.pairs.export.chats import Row, Sample, before, judged, offered, single_calls
from fcpref.core.pairs.export.columns import Fields, Kind, ListOf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain, Message, PromptSpec
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

_TURN = Fields({"from": "text", "value": "text"})
SFT: Mapping[str, Kind] = {"conversations": ListOf(_TURN), "system": "text", "tools": "text"}
PREFERENCE: Mapping[str, Kind] = {
    "conversations": ListOf(_TURN),
    "chosen": _TURN,
    "rejected": _TURN,
    "system": "text",
    "tools": "text",
}
_SPEAKERS = {"user": "human", "tool": "observation", "assistant": "gpt"}


def sharegpt_row(pair: PreferencePair, problem: Problem, prompt: PromptSpec) -> Row:
    """Return a preference row of two calls after the same turns.

    Raises:
        PairError: whole chains are compared, see `single_calls`.
    """
    chosen, rejected = single_calls(pair, "llamafactory")
    grammar = pair.chosen.grammar
    sides = [_turns(judged(side), grammar)[0] for side in (chosen, rejected)]
    row = _opened(chosen, before(chosen, problem, prompt), prompt)
    return {
        "conversations": row["conversations"],
        "chosen": sides[0],
        "rejected": sides[1],
        "system": row["system"],
        "tools": row["tools"],
    }


def sharegpt_sft_row(sample: Sample, problem: Problem, prompt: PromptSpec) -> Row | None:
    """Return a row of a correct chain for supervised training."""
    if not sample.correct:
        return None
    return _opened(sample, [*before(sample, problem, prompt), *judged(sample)], prompt)


def _opened(sample: Sample, messages: Sequence[Message], prompt: PromptSpec) -> Row:
    first = messages[0]
    system = first.content if first.role == "system" else ""
    return {
        "conversations": _turns(messages[1:] if system else messages, sample.chain.grammar),
        "system": system,
        "tools": _tools_text(sample.chain, prompt),
    }


def _turns(messages: Sequence[Message], grammar: Grammar) -> list[Row]:
    if grammar == "python":
        return [{"from": _SPEAKERS[one.role], "value": one.content} for one in messages]
    return [
        _called(one.content) if one.role == "assistant" else _turn(_SPEAKERS[one.role], one.content)
        for one in messages
    ]


def _tools_text(chain: Chain, prompt: PromptSpec) -> str:
    return _text(chain.task, chain.grammar, chain.without, prompt)


@lru_cache(maxsize=256)
def _text(task: str, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec) -> str:
    # Bare functions: its older versions do not look into {"type": "function", "function": ...}.
    tools = [one["function"] for one in offered(task, grammar, without, prompt)]
    return json.dumps(tools, ensure_ascii=False) if tools else ""


def _turn(speaker: str, text: str) -> Row:
    return {"from": speaker, "value": text}


def _called(reply: str) -> Row:
    call = _printed(reply)
    return _turn("gpt", reply) if call is None else _turn("function_call", call)


@lru_cache(maxsize=16_384)
def _printed(reply: str) -> str | None:
    call = parse_tool_call(reply)
    return show_tool_call(call) if isinstance(call, Call) else None
