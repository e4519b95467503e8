"""Rows for TRL, after its documentation's dataset types (huggingface.co/docs/trl/dataset_formats).

In the `python` grammar calls are plain assistant text and results are user messages, so that rows
work with any chat template and have no `tools`. In the `tools` grammar calls are `tool_calls` and
results messages of role ``tool``, and `tools` holds the functions' JSON schemas. The grammar and
the functions are those of the chains, whatever `prompt` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.pairs.deciding import deciding
from fcpref.core.pairs.export.chats import (
    Row,
    Sample,
    before,
    judged,
    judged_sides,
    opening,
    tools_of,
)
from fcpref.core.pairs.export.columns import MESSAGES, OBJECTS, Kind, ListOf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fcpref.core.chains import Chain, PromptSpec
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

PREFERENCE: Mapping[str, Kind] = {"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES}
SFT: Mapping[str, Kind] = {"messages": MESSAGES}
KTO: Mapping[str, Kind] = {"prompt": MESSAGES, "completion": MESSAGES, "label": "flag"}
PRM: Mapping[str, Kind] = {
    "prompt": "text",
    "completions": ListOf("text"),
    "labels": ListOf("flag"),
}


def with_tools(columns: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return the columns of rows some of which have calls as `tool_calls`."""
    wide = {name: OBJECTS if kind == MESSAGES else kind for name, kind in columns.items()}
    return {**wide, "tools": OBJECTS}


def trl_row(pair: PreferencePair, problem: Problem, prompt: PromptSpec) -> Row:
    """Return a preference row: `prompt`, `chosen` and `rejected` as message lists.

    Of a ``step`` pair `chosen` and `rejected` are one call each; what the chains share is `prompt`.
    """
    chosen, rejected = judged_sides(pair)
    row: Row = {
        "prompt": before(chosen, problem, prompt),
        "chosen": judged(chosen),
        "rejected": judged(rejected),
    }
    return row | _tools(pair.chosen, prompt)


def trl_sft_row(sample: Sample, problem: Problem, prompt: PromptSpec) -> Row | None:
    """Return a row of a correct chain for supervised training: the whole chat as `messages`."""
    if not sample.correct:
        return None
    chain = sample.chain
    messages = [*before(sample, problem, prompt), *judged(sample)]
    return {"messages": messages} | _tools(chain, prompt)


def trl_kto_row(sample: Sample, problem: Problem, prompt: PromptSpec) -> Row | None:
    """Return an unpaired preference row: `prompt`, `completion`, and a `label` that is the verdict.

    None where the chain says nothing.
    """
    chain = sample.chain
    if not chain.turns:
        return None
    row: Row = {
        "prompt": before(sample, problem, prompt),
        "completion": judged(sample),
        "label": sample.correct,
    }
    return row | _tools(chain, prompt)


def trl_prm_row(sample: Sample, problem: Problem, prompt: PromptSpec) -> Row | None:
    """Return a stepwise supervision row: `prompt` as text, a step for each call, and its `labels`.

    A step is the call and, on the next line, its result. Its label says whether the chain could
    still come to a correct end by it: in a correct chain that the call did not fail; in an
    incorrect one also that it comes before the call that settled its fate (see `deciding`).

    None where the chain says nothing, and where it is incorrect and no call settled it: it ran into
    a limit or fell silent, and which of its calls led there nobody has executed.
    """
    chain = sample.chain
    codes = [turn.outcome.code for turn in chain.turns]
    end = len(codes) if sample.correct else deciding(sample.verdict, codes)
    if not codes or end is None:
        return None
    return {
        "prompt": "\n\n".join(one.content for one in opening(chain, problem, prompt)),
        "completions": [f"{turn.reply}\n{turn.outcome.text}" for turn in chain.turns],
        "labels": [code is None and at < end for at, code in enumerate(codes)],
    }


def _tools(chain: Chain, prompt: PromptSpec) -> Row:
    tools = tools_of(chain, prompt)
    return {"tools": tools} if tools else {}
