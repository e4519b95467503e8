"""Rows are encoded the same by several processes as by one."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fcpref.core.chains import STUDENT, Limits
from fcpref.core.problems import problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import trained_replies
from fcpref.errors import TrainingError
from fcpref.shell import encoding
from fcpref.shell.encoding import encode_rows
from fcpref.shell.tokens import encode_row
from tests.tiny_model import byte_tokenizer

TASK = find_task("math.word")
REWRITING = "{% for m in messages[-2:] %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"


def made(count: int) -> tuple[dict[str, Any], list[Any]]:
    assert TASK.generate is not None
    problems = [TASK.generate({}, 0, "train", index) for index in range(count)]
    chains = [TASK.oracle_chain(problem, Limits()) for problem in problems]
    rows = [(chain, tuple(trained_replies(chain, failed=False))) for chain in chains]
    return {problem_id(problem): problem for problem in problems}, rows


@pytest.fixture
def several(monkeypatch):
    """Let seven rows be many, and two processes work on three of them at a time."""
    monkeypatch.setattr(encoding, "_WORTH_IT", 7)
    monkeypatch.setattr(encoding, "_CHUNK", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.mark.usefixtures("several")
def test_several_processes_give_what_one_gives_in_order(monkeypatch):
    problems, rows = made(8)
    tokenizer = byte_tokenizer()
    alone = [
        encode_row(tokenizer, "m", problems[chain.problem], chain, STUDENT, trained)
        for chain, trained in rows
    ]
    asked = []
    pool = encoding.ProcessPoolExecutor
    monkeypatch.setattr(
        encoding, "ProcessPoolExecutor", lambda *given: asked.append(given[0]) or pool(*given)
    )
    assert encode_rows(tokenizer, "m", problems, rows, STUDENT) == alone
    assert asked == [2]
    assert encode_rows(tokenizer, "m", problems, rows[:6], STUDENT) == alone[:6]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert encode_rows(tokenizer, "m", problems, rows, STUDENT) == alone
    assert asked == [2]


@pytest.mark.usefixtures("several")
def test_an_error_of_another_process_is_that_error():
    problems, rows = made(8)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = REWRITING
    with pytest.raises(TrainingError) as one:
        encode_rows(tokenizer, "m", problems, rows[:1], STUDENT)
    with pytest.raises(TrainingError) as other:
        encode_rows(tokenizer, "m", problems, rows, STUDENT)
    assert str(one.value) == str(other.value)


def die(_: object) -> None:
    os._exit(9)


@pytest.mark.usefixtures("several")
def test_a_process_that_is_killed_ends_it_in_one_sentence(monkeypatch):
    monkeypatch.setattr(encoding, "_encode_chunk", die)
    problems, rows = made(8)
    with pytest.raises(TrainingError, match="free memory"):
        encode_rows(byte_tokenizer(), "m", problems, rows, STUDENT)


def test_a_missing_problem_is_named():
    problems, rows = made(2)
    problems.pop(rows[1][0].problem)
    with pytest.raises(TrainingError, match=f"problem {rows[1][0].problem[7:23]} is not among"):
        encode_rows(byte_tokenizer(), "m", problems, rows, STUDENT)
