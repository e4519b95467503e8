"""What tests of whole training runs train on: a tiny student, scores and pairs of few problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.shell import stages
from fcpref.shell.workspace import Workspace
from tests.played import played
from tests.tiny_model import CHATML, byte_tokenizer, save_tiny

if TYPE_CHECKING:
    from pytest import TempPathFactory  # noqa: PT013 - for its type


@frozen(kw_only=True)
class Data:
    """Where the artifacts are, the student's name, and ids of scores (sft) and pairs (dpo)."""

    root: Path
    student: str
    rows: dict[str, str]


def training_data(folders: TempPathFactory, problems: int) -> Data:
    """Make a correct and an incorrect chain of each of some problems, scored and paired."""
    task = find_task("math.word")
    root = folders.mktemp("artifacts")
    workspace = Workspace(root)
    made = stages.make_problems(workspace, "math.word", "train", problems, 3, {})
    chains = []
    for problem in made.values(Problem):
        for replies in (task.oracle(problem), ("Fly()", "Answer(value=1)")):
            chains.append(played(problem, replies, len(chains)))
    written = workspace.write("chains", chains, parents=(made.id,))
    scores = stages.score(workspace, written)
    pairs = stages.pairs(workspace, [scores], PairSpec())
    texts = [problem.text for problem in made.values(Problem)]
    folder = folders.mktemp("base")
    save_tiny(folder, byte_tokenizer([*texts, CHATML], size=500), scale=0.1)
    return Data(root=root, student=f"path:{folder}", rows={"sft": scores.id, "dpo": pairs.id})
