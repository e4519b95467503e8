"""fcpref teaches a small language model to reason by calling functions, one call at a time.

A `Task` has problems, typed functions, an oracle and a rule that says when executed calls support
an answer. Engines (a teacher, a student, the oracle, a recording) solve problems through one loop
and leave `Chain` values; `score_chain` judges them by executing them again; correct and incorrect
chains make `PreferencePair` values; a student is trained on these and compared before and after.

Everything here is imported on first use, so ``import fcpref`` is instant:

    >>> import fcpref
    >>> task = fcpref.find_task("fol.deduction")
    >>> problem = task.generate({"max_depth": 2}, 7, "train", 0)
    >>> chain = task.oracle_chain(problem, fcpref.Limits())
    >>> task.score(chain, problem).verdict
    <Verdict.CORRECT: 'correct'>

Stages that read and write artifacts are in `fcpref.shell.stages`; the command line is `fcpref`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fcpref.core.chains import STUDENT, TEACHER, Chain, Limits, PromptSpec, Turn
    from fcpref.core.evaluation import Trial, compare, summarise
    from fcpref.core.functions import (
        Call,
        Outcome,
        Signature,
        Toolbox,
        execute,
        parse_call,
        parse_tool_call,
    )
    from fcpref.core.pairs import PairSpec, PreferencePair, build_pairs, lint
    from fcpref.core.problems import Problem, problem_id
    from fcpref.core.scores import Score, ScoredChain, Verdict, score_chain
    from fcpref.core.tasks import TASKS, Task, find_task
    from fcpref.core.training import (
        DpoSpec,
        GrpoSpec,
        LoraSpec,
        ProbeSpec,
        Reward,
        RunRecord,
        SftSpec,
    )
    from fcpref.errors import FcprefError

__version__ = "0.1.0"

_HOMES = {
    "fcpref.core.chains": ("STUDENT", "TEACHER", "Chain", "Limits", "PromptSpec", "Turn"),
    "fcpref.core.evaluation": ("Trial", "compare", "summarise"),
    "fcpref.core.functions": (
        "Call",
        "Outcome",
        "Signature",
        "Toolbox",
        "execute",
        "parse_call",
        "parse_tool_call",
    ),
    "fcpref.core.pairs": ("PairSpec", "PreferencePair", "build_pairs", "lint"),
    "fcpref.core.problems": ("Problem", "problem_id"),
    "fcpref.core.scores": ("Score", "ScoredChain", "Verdict", "score_chain"),
    "fcpref.core.tasks": ("TASKS", "Task", "find_task"),
    "fcpref.core.training": (
        "DpoSpec",
        "GrpoSpec",
        "LoraSpec",
        "ProbeSpec",
        "Reward",
        "RunRecord",
        "SftSpec",
    ),
    "fcpref.errors": ("FcprefError",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of the package's layers
    "FcprefError",
    "Problem",
    "problem_id",
    "Call",
    "Outcome",
    "Signature",
    "Toolbox",
    "execute",
    "parse_call",
    "parse_tool_call",
    "STUDENT",
    "TEACHER",
    "Chain",
    "Limits",
    "PromptSpec",
    "Turn",
    "Score",
    "ScoredChain",
    "Verdict",
    "score_chain",
    "TASKS",
    "Task",
    "find_task",
    "PairSpec",
    "PreferencePair",
    "build_pairs",
    "lint",
    "DpoSpec",
    "GrpoSpec",
    "LoraSpec",
    "ProbeSpec",
    "Reward",
    "RunRecord",
    "SftSpec",
    "Trial",
    "compare",
    "summarise",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        message = f"module 'fcpref' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
