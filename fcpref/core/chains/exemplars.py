"""Worked examples, and which of a task's a prompt shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from fcpref.core.functions import Call, parse_call
from fcpref.core.problems import Problem
from fcpref.core.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Choice = Literal["first", "spread", "random", "similar"]
"""How worked examples are chosen: ``first`` takes them in the task's order, ``spread`` evenly by
difficulty from the easiest to the hardest, ``random`` by a seed, the same for every problem, and
``similar`` those that share most words with the problem, the nearest last."""

_WORD = re.compile(r"[^\W\d_]+")


@frozen(kw_only=True)
class Exemplar:
    """A worked example: a problem and the replies that solve it, in the `python` grammar."""

    problem: Problem
    replies: tuple[str, ...]

    def replies_without(self, functions: Collection[str]) -> tuple[str, ...]:
        """Return the replies that call none of some functions."""
        calls = ((reply, parse_call(reply)) for reply in self.replies)
        return tuple(
            reply
            for reply, call in calls
            if not (isinstance(call, Call) and call.function in functions)
        )


def choose(
    choice: Choice, count: int, exemplars: Sequence[Exemplar], problem: Problem, seed: int = 0
) -> tuple[Exemplar, ...]:
    """Return `count` of the examples, or all where there are no more, in the order to show them.

    Args:
        choice: see `Choice`.
        count: how many, from 0.
        exemplars: to choose from.
        problem: what they are shown before; only ``similar`` looks at it.
        seed: of ``random``.
    """
    count = min(count, len(exemplars))
    if choice == "spread":
        return _spread(count, exemplars)
    if choice == "random":
        return tuple(derive(seed, "exemplars").sample(list(exemplars), count))
    if choice == "similar":
        nearest = sorted(exemplars, key=lambda one: -overlap(one.problem.text, problem.text))
        return tuple(reversed(nearest[:count]))
    return tuple(exemplars[:count])


def overlap(one: str, other: str) -> float:
    """Return the share of two texts' different words that are in both (Jaccard), in [0, 1]."""
    words, others = (frozenset(_WORD.findall(text.casefold())) for text in (one, other))
    every = words | others
    return len(words & others) / len(every) if every else 0.0


def _spread(count: int, exemplars: Sequence[Exemplar]) -> tuple[Exemplar, ...]:
    ordered = sorted(exemplars, key=lambda one: one.problem.difficulty)
    if count == 1:
        # Of the easiest and the hardest neither stands for the task.
        return (ordered[(len(ordered) - 1) // 2],)
    last = len(ordered) - 1
    return tuple(ordered[round(place * last / (count - 1))] for place in range(count))
