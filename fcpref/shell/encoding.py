"""Many rows -> token ids, by all processors where there are enough of both."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain as joined
from typing import TYPE_CHECKING, Any, NamedTuple

from fcpref.core.canon import short
from fcpref.errors import TrainingError
from fcpref.shell.tokens import encode_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Chain, Encoded, PromptSpec
    from fcpref.core.problems import Problem

_WORTH_IT = 8_192
"""Fewer rows are encoded sooner than further processes have started."""
_CHUNK = 256

Judged = tuple["Chain", tuple[bool, ...]]
"""A chain, and for each of its replies whether it carries loss."""


class _Setting(NamedTuple):
    tokenizer: Any
    name: str
    prompt: PromptSpec


_setting: _Setting | None = None
"""What a process of the pool works with; it is sent once, not with every chunk."""


def encode_rows(
    tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
    name: str,
    problems: Mapping[str, Problem],
    rows: Sequence[Judged],
    prompt: PromptSpec,
) -> list[Encoded]:
    """Encode chains behind their prompts, in order.

    Args:
        tokenizer: with a chat template.
        name: the model's, for messages.
        problems: by id, all that the chains are about.
        rows: the chains, each with what carries loss.
        prompt: how the problems are shown.

    Raises:
        ModelError: the `tools` grammar, and a chat template that knows no tools.
        TrainingError: a problem is missing, or the template cannot be trained on.
    """
    for chain, _ in rows:
        if chain.problem not in problems:
            raise TrainingError(
                f"problem {short(chain.problem)} is not among those given; give its artifact too"
            )
    setting = _Setting(tokenizer, name, prompt)
    work = [(problems[chain.problem], chain, trained) for chain, trained in rows]
    processes = min(os.cpu_count() or 1, len(work) // _CHUNK)
    if len(work) < _WORTH_IT or processes < 2:  # noqa: PLR2004 - one process is this one
        return _encode(setting, work)
    chunks = [work[start : start + _CHUNK] for start in range(0, len(work), _CHUNK)]
    # A fork would copy the threads' locks of what is loaded here.
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, spawn, _begin, (setting,)) as pool:
            return list(joined.from_iterable(pool.map(_encode_chunk, chunks)))
    except BrokenProcessPool as error:
        message = (
            "a process that encodes rows has ended; free memory, and let a script of your own "
            'train under `if __name__ == "__main__":`'
        )
        raise TrainingError(message) from error


def _begin(setting: _Setting) -> None:
    global _setting  # noqa: PLW0603 - a pool has no other way to give its processes a start
    _setting = setting


def _encode_chunk(work: Sequence[tuple[Problem, Chain, tuple[bool, ...]]]) -> list[Encoded]:
    assert _setting is not None  # noqa: S101 - `_begin` has run
    return _encode(_setting, work)


def _encode(
    setting: _Setting, work: Sequence[tuple[Problem, Chain, tuple[bool, ...]]]
) -> list[Encoded]:
    tokenizer, name, prompt = setting
    return [encode_row(tokenizer, name, *one[:2], prompt, one[2]) for one in work]
