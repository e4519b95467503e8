"""Rows for axolotl's `chat_template` strategies (its docs/rlhf.qmd and dataset-formats).

Its preference strategy, ``chat_template.default``, reads role and content of a message and nothing
else, and of each side the last message: so a row has one call a side, and no structured calls. Its
supervised one reads both, and a flag of each message that says whether it is trained.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from fcpref.core.pairs.export.chats import (
    Row,
    Sample,
    before,
    judged,
    offered,
    single_calls,
)
from fcpref.core.pairs.export.columns import MESSAGES, OBJECTS, Fields, Kind, ListOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fcpref.core.chains import PromptSpec
    from fcpref.core.functions import Grammar
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

PREFERENCE: Mapping[str, Kind] = {
    "messages": MESSAGES,
    "chosen": MESSAGES.item,
    "rejected": MESSAGES.item,
}
SFT: Mapping[str, Kind] = {
    "messages": ListOf(Fields({"role": "text", "content": "text", "train": "flag"})),
}
SFT_TOOLS: Mapping[str, Kind] = {"messages": OBJECTS, "tools": OBJECTS}


def axolotl_row(pair: PreferencePair, problem: Problem, prompt: PromptSpec) -> Row:
    """Return a preference row of two calls after the same messages.

    Raises:
        PairError: whole chains are compared, see `single_calls`.
    """
    chosen, rejected = single_calls(pair, "axolotl")
    return {
        "messages": before(chosen, problem, prompt),
        "chosen": judged(chosen)[0],
        "rejected": judged(rejected)[0],
    }


def axolotl_sft_row(sample: Sample, problem: Problem, prompt: PromptSpec) -> Row | None:
    """Return a row of a correct chain: its chat, with `train` set on the calls that worked.

    Arguments and parameters are JSON text, as its documentation asks where they differ by call.
    """
    if not sample.correct:
        return None
    chain = sample.chain
    opening, chat = before(sample, problem, prompt), judged(sample)
    if chain.grammar == "tools":
        opening, chat = list(map(_as_text, opening)), list(map(_as_text, chat))
    messages = [one | {"train": False} for one in opening]
    messages += [
        one | {"train": trained} for one, trained in zip(chat, _trained(sample), strict=True)
    ]
    tools = _tools(chain.task, chain.grammar, chain.without, prompt)
    return {"messages": messages} | ({"tools": tools} if tools else {})


def _trained(sample: Sample) -> Iterator[bool]:
    turns = sample.chain.turns
    for at, turn in enumerate(turns):
        yield turn.outcome.code is None
        if at < len(turns) - 1:
            yield False


def _as_text(message: Row) -> Row:
    if "tool_calls" not in message:
        return message
    return message | {
        "tool_calls": [
            call | {"function": _dumped(call["function"], "arguments")}
            for call in message["tool_calls"]
        ]
    }


@lru_cache(maxsize=256)
def _tools(task: str, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec) -> list[Row]:
    return [
        tool | {"function": _dumped(tool["function"], "parameters")}
        for tool in offered(task, grammar, without, prompt)
    ]


def _dumped(function: Row, name: str) -> Row:
    return function | {name: json.dumps(function[name], ensure_ascii=False)}
