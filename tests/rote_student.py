"""A tiny student that solves by rote in two calls, and pairs that prefer to guess in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from fcpref.core.chains import STUDENT, render
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import trained_replies
from fcpref.shell.model_names import ModelName, ResolvedModel
from fcpref.shell.resolving import resolve
from fcpref.shell.tokens import encode_chain
from tests.played import played
from tests.tiny_model import CHATML, byte_tokenizer, tiny_llama

if TYPE_CHECKING:
    from pathlib import Path

TASK = find_task("math.word")
ROTE = ("Add(a=1, b=2)", "Answer(value=3)")
GUESS = ("Answer(value=3)",)
_STEPS = 60
_GUESSED = 4


@frozen(kw_only=True)
class Rote:
    """The student, the problems that it was taught on by id, and pairs that prefer a guess."""

    student: ResolvedModel
    problems: dict[str, Problem]
    pairs: tuple[PreferencePair, ...]


def rote_student(folder: Path, count: int = 16) -> Rote:
    """Teach a random model to say `ROTE`, and now and then `GUESS`, whatever the problem is."""
    assert TASK.generate is not None
    problems = [TASK.generate({}, 7, "train", index) for index in range(count)]
    openings = [render(STUDENT, TASK.toolbox, problem) for problem in problems]
    said = [one.content for opening in openings for one in opening]
    # What is said often is few tokens: the first one decides between the two.
    tokenizer = byte_tokenizer([*said, *(ROTE * 200), CHATML], size=800)
    model = tiny_llama(tokenizer, scale=0.1)
    rows = []
    for number, (problem, opening) in enumerate(zip(problems, openings, strict=True)):
        chain = played(problem, GUESS if number % _GUESSED == _GUESSED - 1 else ROTE)
        rows.append(encode_chain(tokenizer, opening, chain, trained_replies(chain, failed=True)))
    _taught(model, rows, tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Rote(
        student=resolve(ModelName.parse(f"path:{folder}")),
        problems={problem_id(problem): problem for problem in problems},
        pairs=tuple(
            PreferencePair(
                kind="chain",
                chosen=played(problem, GUESS),
                rejected=played(problem, ROTE),
                rejected_verdict="wrong_answer",
            )
            for problem in problems
        ),
    )


def _taught(model: Any, rows: Any, pad: int) -> None:
    import torch

    width = max(row.length for row in rows)
    ids = torch.full((len(rows), width), pad)
    labels = torch.full((len(rows), width), -100)
    for number, row in enumerate(rows):
        ids[number, : row.length] = torch.tensor([*row.prompt, *row.completion])
        trained = [
            token if carries else -100
            for token, carries in zip(row.completion, row.mask, strict=True)
        ]
        labels[number, len(row.prompt) : row.length] = torch.tensor(trained)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(_STEPS):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
