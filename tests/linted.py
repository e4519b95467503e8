"""Pairs and rows to lint, and the command that lints."""

from __future__ import annotations

import json

from fcpref.core.chains import Limits
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec
from fcpref.shell import stages
from tests.command_line import invoke
from tests.played import played

TASK = find_task("math.word")
ROOMY = DpoSpec(max_tokens=100_000)


def answered(_problem):
    return ("Add(a=1, b=1)", "Subtract(a=9, b=2)", "Answer(value=99999)")


def made(workspace, reply=answered, grammar="python", count=3, split="train"):
    """Pair the oracle's chains with the replies given."""
    problems = stages.make_problems(workspace, "math.word", split, count, 1)
    chains = []
    for problem in problems.values(Problem):
        chains.append(TASK.oracle_chain(problem, Limits(), grammar))
        chains.append(played(problem, reply(problem), 1, grammar))
    chains = workspace.write("chains", chains, parents=[problems.id])
    return stages.pairs(workspace, [stages.score(workspace, chains)], PairSpec())


def run(workspace, *words):
    return invoke(workspace.root, "lint", *words)


def chat(text):
    return [{"role": "assistant", "content": text}]


def row(n, chosen="Add(a=1)", rejected="Fly()"):
    prompt = [{"role": "user", "content": f"{n}?"}]
    return {"prompt": prompt, "chosen": chat(chosen), "rejected": chat(rejected)}


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path
