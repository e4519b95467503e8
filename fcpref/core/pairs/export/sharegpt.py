"""Rows for LLaMA-Factory, in its ShareGPT format (its data/README.md and converter.py).

Turns alternate: ``human`` or ``observation`` at odd places, ``gpt`` or ``function_call`` at even
ones, counted from 1 and without the system prompt, which is a column of its own. A preference row's
`conversations` end before the reply, and each side is one turn. The functions are JSON text.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.pairs.export.chats import Row, Sample, before, judged, offered, single_calls
from fcpref.core.pairs.export.columns import Fields, Kind, ListOf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.chains import Chain, PromptSpec
    from fcpref.core.functions import Grammar
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
    sides = [_turn(judged(side)[0]) for side in (chosen, rejected)]
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


def _opened(sample: Sample, messages: list[Row], prompt: PromptSpec) -> Row:
    first = messages[0]
    system = first["content"] if first["role"] == "system" else ""
    return {
        "conversations": list(map(_turn, messages[1:] if system else messages)),
        "system": system,
        "tools": _tools_text(sample.chain, prompt),
    }


def _turn(message: Row) -> Row:
    if "tool_calls" in message:
        return {"from": "function_call", "value": _call_text(message["tool_calls"][0]["function"])}
    return {"from": _SPEAKERS[message["role"]], "value": message["content"]}


def _call_text(function: Row) -> str:
    return json.dumps(function, ensure_ascii=False)


def _tools_text(chain: Chain, prompt: PromptSpec) -> str:
    return _text(chain.task, chain.grammar, chain.without, prompt)


@lru_cache(maxsize=256)
def _text(task: str, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec) -> str:
    # Bare functions: its older versions do not look into {"type": "function", "function": ...}.
    tools = [one["function"] for one in offered(task, grammar, without, prompt)]
    return json.dumps(tools, ensure_ascii=False) if tools else ""
