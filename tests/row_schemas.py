"""What LLaMA-Factory, axolotl and TRL document of their rows, as data, and a check of a row.

Sources: LLaMA-Factory `data/README.md` and `src/llamafactory/data/converter.py` (which skips rows
that break these rules), axolotl `docs/rlhf.qmd`, `docs/dataset-formats/conversation.qmd` and
`src/axolotl/prompt_strategies/chat_template.py`, TRL `docs/source/dataset_formats.md`.
"""

from __future__ import annotations

import json

TEXT, FLAG = str, bool
TURN = {"from": TEXT, "value": TEXT}
MESSAGE = {"role": TEXT, "content": TEXT}

SCHEMAS = {
    "trl": {"prompt": [MESSAGE], "chosen": [MESSAGE], "rejected": [MESSAGE]},
    "trl-sft": {"messages": [MESSAGE]},
    "trl-kto": {"prompt": [MESSAGE], "completion": [MESSAGE], "label": FLAG},
    "trl-prm": {"prompt": TEXT, "completions": [TEXT], "labels": [FLAG]},
    "llamafactory": {
        "conversations": [TURN],
        "chosen": TURN,
        "rejected": TURN,
        "system": TEXT,
        "tools": TEXT,
    },
    "llamafactory-sft": {"conversations": [TURN], "system": TEXT, "tools": TEXT},
    "axolotl": {"messages": [MESSAGE], "chosen": MESSAGE, "rejected": MESSAGE},
    "axolotl-sft": {"messages": [{**MESSAGE, "train": FLAG}]},
}

# What calls of the `tools` grammar add; arguments are an object for TRL and JSON text for axolotl.
CALL = {"type": TEXT, "function": {"name": TEXT, "arguments": dict}}
TOOL = {"type": TEXT, "function": {"name": TEXT, "description": TEXT, "parameters": dict}}
TEXT_CALL = {"type": TEXT, "function": {"name": TEXT, "arguments": TEXT}}
TEXT_TOOL = {"type": TEXT, "function": {"name": TEXT, "description": TEXT, "parameters": TEXT}}

# LLaMA-Factory's odd_tags and even_tags, counted from 1 and without the system prompt.
ODD, EVEN = {"human", "observation"}, {"gpt", "function_call"}
# Its function_call turns are JSON of a name and arguments; tools are JSON of bare functions.
SHAREGPT_CALL = {"name": TEXT, "arguments": dict}
SHAREGPT_TOOL = {"name": TEXT, "description": TEXT, "parameters": dict}
# axolotl's role map in chat_template.default.
ROLES = {"system", "user", "assistant", "tool"}


def check(name: str, row: dict, grammar: str = "python") -> None:
    """Check a row of a format against all that is documented of it."""
    tools = grammar == "tools"
    schema = dict(SCHEMAS[name])
    if tools and name.startswith(("trl", "axolotl")):
        schema["tools"] = [TEXT_TOOL if name.startswith("axolotl") else TOOL]
    assert list(row) == list(schema)
    for column, kind in schema.items():
        _check(row[column], kind, name)
    if name.startswith("llamafactory"):
        _sharegpt(name, row, tools=tools)
    else:
        _chat(name, row)


def _check(value: object, kind: object, name: str) -> None:
    if isinstance(kind, list):
        assert isinstance(value, list)
        assert value
        for one in value:
            _check(one, kind[0], name)
    elif isinstance(kind, dict):
        assert isinstance(value, dict)
        extra = set(value) - set(kind)
        assert set(kind) <= set(value)
        assert extra <= {"tool_calls", "name"}
        for key, part in kind.items():
            _check(value[key], part, name)
        if "tool_calls" in value:
            (call,) = value["tool_calls"]
            _check(call, TEXT_CALL if name.startswith("axolotl") else CALL, name)
            assert value["content"] == ""
        if "name" in value and "role" in kind:
            assert value["role"] == "tool"
    else:
        assert type(value) is kind


def _chat(name: str, row: dict) -> None:
    if name == "trl-prm":
        assert len(row["completions"]) == len(row["labels"])
        return
    opening = row.get("prompt") or row["messages"]
    assert {one["role"] for one in opening} <= ROLES
    if name.endswith("sft"):
        assert opening[-1]["role"] == "assistant"
        return
    assert opening[-1]["role"] in {"user", "tool"}
    for column in ("chosen", "rejected", "completion"):
        side = row.get(column, [])
        side = [side] if isinstance(side, dict) else side
        assert [one["role"] == "assistant" for one in side] == [
            at % 2 == 0 for at in range(len(side))
        ]
        assert len(side) % 2 == 1 or column not in row


def _sharegpt(name: str, row: dict, *, tools: bool) -> None:
    turns = row["conversations"]
    for at, turn in enumerate(turns):
        assert turn["from"] in (EVEN if at % 2 else ODD)
    ranking = name == "llamafactory"
    assert len(turns) % 2 == ranking
    replies = [turn for turn in turns if turn["from"] in EVEN]
    if ranking:
        replies += [row["chosen"], row["rejected"]]
        assert {row["chosen"]["from"], row["rejected"]["from"]} <= EVEN
    called = [json.loads(one["value"]) for one in replies if one["from"] == "function_call"]
    for call in called:
        _check(call, SHAREGPT_CALL, name)
    assert bool(row["tools"]) == tools
    if tools:
        _check(json.loads(row["tools"]), [SHAREGPT_TOOL], name)
    else:
        assert not called
