"""Other words of the same kind, for rewrites of problems that keep their meaning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from fcpref.core.logic import Formula, parse, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.problems.problem import Problem
    from fcpref.core.seeds import Random

Use = Literal["common", "held_out"]
_NAME = re.compile(r"\w+")


def uses_of(problem: Problem) -> tuple[Use, ...]:
    """Return whose words a rewrite may draw: held-out ones are not for training problems."""
    return ("common",) if problem.split == "train" else ("common", "held_out")


def other_words(
    used: Sequence[str], vocabularies: Sequence[Sequence[str]], stream: Random
) -> dict[str, str] | None:
    """Draw a new word for each word, from the vocabulary that all of them are of.

    Args:
        used: different words of one kind.
        vocabularies: words of that kind; no word is replaced by one of another vocabulary.
        stream: of random choices.

    Returns:
        Old word -> new word, no two alike, or None where no vocabulary has them all.
    """
    words = next((one for one in vocabularies if set(used) <= set(one)), None)
    if words is None:
        return None
    return dict(zip(used, stream.sample(list(words), len(used)), strict=True))


def renamed(formula: Formula, names: Mapping[str, str]) -> Formula:
    """Return a formula with other names, all replaced at once; one that is not mapped stays."""
    return parse(_NAME.sub(lambda found: names.get(found[0], found[0]), show(formula)))


def retagged(tags: tuple[str, ...], kind: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return tags with others of a kind such as ``phrasing``, in the place of the first of them."""
    at = next((place for place, tag in enumerate(tags) if tag.startswith(f"{kind}:")), 0)
    rest = [tag for tag in tags[at:] if not tag.startswith(f"{kind}:")]
    return (*tags[:at], *(f"{kind}:{value}" for value in values), *rest)


def tagged(tags: tuple[str, ...], kind: str) -> str:
    """Return what a tag of a kind says; empty where there is none."""
    return next((t.partition(":")[2] for t in tags if t.startswith(f"{kind}:")), "")
