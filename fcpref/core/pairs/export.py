"""Rows for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.chains import (
    Message,
    PromptSpec,
    chat_rows,
    prompt_of,
    render,
    schemas,
    template_rows,
    told,
)

if TYPE_CHECKING:
    from fcpref.core.chains import Chain
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem
    from fcpref.core.tasks import Task


def trl_row(
    pair: PreferencePair, problem: Problem, task: Task, prompt: PromptSpec
) -> dict[str, Any]:
    """Return a TRL preference row: `prompt`, `chosen` and `rejected` as message lists.

    In the `python` grammar calls are plain assistant text and results are user messages, so the row
    works with any chat template and carries no `tools` column. In the `tools` grammar calls are
    `tool_calls` and results messages of role ``tool``, and the column `tools` holds the functions'
    JSON schemas. The grammar and the functions are those of the chains, whatever `prompt` says.

    Of a ``step`` pair `chosen` and `rejected` are one call each; what the chains share is `prompt`.
    """
    own = prompt_of(pair.chosen, prompt)
    opening = render(own, task.toolbox, problem, task.exemplars)
    rows = chat_rows if own.grammar == "python" else template_rows
    chosen, rejected = _messages(pair.chosen), _messages(pair.rejected)
    start, end = 0, None
    if pair.kind == "step":
        start = 2 * pair.shared
        end = start + 1
    row: dict[str, Any] = {
        "prompt": rows([*opening, *chosen[:start]]),
        "chosen": rows(chosen[start:end]),
        "rejected": rows(rejected[start:end]),
    }
    tools = schemas(own, task.toolbox)
    return row | {"tools": list(tools)} if tools else row


def _messages(chain: Chain) -> list[Message]:
    chat: list[Message] = []
    for turn in chain.turns:
        chat.append(Message(role="assistant", content=turn.reply))
        chat.append(told(turn.reply, turn.outcome.text, chain.grammar))
    return chat[:-1]  # the result of the last call is never read
