"""Exports of every kind to import, and what comes back of them."""

from __future__ import annotations

from fcpref.core.chains import Chain
from tests.exported import chains_of, pairs_of

GRAMMARS = ("python", "tools")
TASKS = ("fol.deduction", "math.word")


def every_kind(workspace):
    """Return, by task and grammar, chains and pairs of each kind."""
    found = {}
    for task in TASKS:
        for grammar in GRAMMARS:
            chains = chains_of(workspace, grammar, task)
            found[task, grammar, ""] = chains
            for kind in ("chain", "step"):
                found[task, grammar, kind] = pairs_of(workspace, chains, kind)
    return found


def said(chain, end=None):
    return chain.problem, chain.grammar, tuple(turn.reply for turn in chain.turns[:end])


def problems_of(workspace, made, task, grammar):
    return workspace.find(made[task, grammar, ""].header.parents[0], "problems")


def imported(done):
    return {said(chain) for artifact in done.chains for chain in artifact.values(Chain)}
