"""Rows for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcpref.core.chains import PromptSpec, render

if TYPE_CHECKING:
    from fcpref.core.chains import Chain
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem
    from fcpref.core.tasks import Task


def trl_row(
    pair: PreferencePair, problem: Problem, task: Task, prompt: PromptSpec
) -> dict[str, Any]:
    """Return a TRL preference row: `prompt`, `chosen` and `rejected` as message lists.

    Calls are plain assistant text and results are user messages (the `python` grammar), so the row
    works with any chat template and carries no `tools` column.
    """
    opening = render(prompt, task.toolbox, problem, task.exemplars)
    return {
        "prompt": [{"role": m.role, "content": m.content} for m in opening],
        "chosen": _messages(pair.chosen),
        "rejected": _messages(pair.rejected),
    }


def _messages(chain: Chain) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for turn in chain.turns:
        rows.append({"role": "assistant", "content": turn.reply})
        rows.append({"role": "user", "content": turn.outcome.text})
    return rows[:-1]  # the result of the last call is never read
