"""The one rewrite of FOLIO's problems that keeps their meaning: premises in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.problems.renaming import tagged

if TYPE_CHECKING:
    from fcpref.core.problems.problem import Problem
    from fcpref.core.seeds import Random

# A premise that begins so may speak of the one before it.
_POINTING = frozenset(
    {
        *("he", "she", "it", "they", "his", "her", "its", "their", "him", "them", "himself"),
        *("this", "that", "these", "those", "such", "there", "here", "one", "ones", "both"),
        *("then", "therefore", "thus", "hence", "so", "also", "moreover", "however", "but", "and"),
        *("another", "other", "others", "neither", "either", "former", "latter", "same"),
        *("herself", "itself", "themselves", "instead", "otherwise", "respectively"),
    }
)


def reorder(problem: Problem, stream: Random) -> Problem | None:
    """Give the premises in another order; None where one may lean on the one before it.

    A premise is taken to lean on another where its first two words have one that points back.
    """
    if problem.claim is None:
        return None
    for given in problem.givens[1:]:
        if _POINTING.intersection(_opening(given.text)):
            return None
    givens = list(problem.givens)
    stream.shuffle(givens)
    lines = [*(given.text for given in givens), f"Claim: {problem.claim.text}"]
    return evolve(problem, givens=tuple(givens), text="\n".join(lines))


def certified(problem: Problem, before: Problem) -> bool:
    """Tell whether a problem has the same premises and the same claim."""
    return problem.claim == before.claim and _statements(problem) == _statements(before)


def form(problem: Problem) -> str:
    """Return what decides the split: the story."""
    return tagged(problem.tags, "story")


def _opening(text: str) -> list[str]:
    return [word.strip(",.;:'\"").lower() for word in text.split()[:2]]


def _statements(problem: Problem) -> list[tuple[str, str]]:
    return sorted((one.text, one.formula) for one in problem.givens)
