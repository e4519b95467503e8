"""English for small worlds: tables in several wordings, and sets for the formal text.

The held-out tables stand in no ordinary problem; only the test set ``held-out-templates`` has them.
"""

from __future__ import annotations

from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.problems.world_words import Held, is_verb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.logic import Structure

TABLES: Mapping[Held, tuple[str, ...]] = MappingProxyType(
    {"common": ("list", "sentences", "people"), "held_out": ("questions", "ticks")}
)
FORMAL_TABLES: Mapping[Held, tuple[str, ...]] = MappingProxyType(
    {"common": ("sets",), "held_out": ("facts",)}
)
PHRASINGS: Mapping[Held, tuple[str, ...]] = MappingProxyType(
    {"common": ("plain", "guarded"), "held_out": ("each", "case")}
)
ASKS: Mapping[Held, str] = MappingProxyType(
    {"common": "Sentence: {}", "held_out": "Is this so? {}"}
)
BY_PERSON = frozenset({"people", "ticks"})


def say_table(structure: Structure, table: str) -> tuple[str, ...]:
    """Return a structure in words: a line on who there is, then what holds of them.

    Args:
        structure: individuals, and predicates of one (adjectives) or two (verbs) places; the
            order of `Structure.relations` is kept. A predicate that ends in s is a verb.
        table: one of `TABLES` or `FORMAL_TABLES`. Those in `BY_PERSON` have a line a person, the
            others a line a predicate.
    """
    people = [name.capitalize() for name in structure.domain]
    head = {
        "list": f"People: {', '.join(people)}.",
        "sentences": f"The people are {_listed(people)}. Only what is said of them is so.",
        "people": f"There are {_listed(people)}, and only what is said of them is so.",
        "questions": f"Who is here? {'; '.join(people)}; nobody else.",
        "ticks": f"Everybody: {' / '.join(people)}",
        "sets": f"domain = {{{', '.join(structure.domain)}}}",
        "facts": f"individuals: {' '.join(structure.domain)}",
    }[table]
    say, lines = _SAY[table], structure.domain if table in BY_PERSON else structure.relations
    return head, *(say(name, structure) for name in lines)


def _entry(predicate: str, structure: Structure) -> str:
    rows = _ordered(predicate, structure)
    if is_verb(predicate):
        shown = [f"{a.capitalize()} {predicate.lower()} {b.capitalize()}" for a, b in rows]
    else:
        shown = [a.capitalize() for (a,) in rows]
    return f"{predicate}: {', '.join(shown) or 'nobody'}."


def _told(predicate: str, structure: Structure) -> str:
    rows, word = _ordered(predicate, structure), predicate.lower()
    if not is_verb(predicate):
        names = [a.capitalize() for (a,) in rows]
        verb = "are" if len(names) > 1 else "is"
        return f"{_listed(names) or 'Nobody'} {verb} {word}."
    if not rows:
        return f"Nobody {word} anybody."
    said = []
    for subject in structure.domain:
        objects = [b.capitalize() for a, b in rows if a == subject]
        if objects:
            said.append(f"{subject.capitalize()} {word} {_listed(objects)}.")
    return " ".join(said)


def _row(name: str, structure: Structure) -> str:
    said, adjectives = [], []
    for predicate in structure.relations:
        rows, word = _ordered(predicate, structure), predicate.lower()
        if is_verb(predicate):
            objects = [b.capitalize() for a, b in rows if a == name]
            said.append(f"{word} {_listed(objects) or 'nobody'}")
        else:
            adjectives.append(word if (name,) in rows else f"not {word}")
    first = [f"is {_listed(adjectives)}"] if adjectives else []
    return f"{name.capitalize()} {'; '.join((*first, *said))}."


def _asked(predicate: str, structure: Structure) -> str:
    rows, word = _ordered(predicate, structure), predicate.lower()
    if not is_verb(predicate):
        return f"Who is {word}? {'; '.join(a.capitalize() for (a,) in rows) or 'No one'}."
    pairs = "; ".join(f"{a.capitalize()} - {b.capitalize()}" for a, b in rows)
    return f"Who {word} whom? {pairs or 'No one'}."


def _ticks(name: str, structure: Structure) -> str:
    said = []
    for predicate in structure.relations:
        rows, word = _ordered(predicate, structure), predicate.lower()
        if is_verb(predicate):
            objects = " ".join(b.capitalize() for a, b in rows if a == name)
            said.append(f"{word} [{objects}]")
        else:
            said.append(f"{word} {'yes' if (name,) in rows else 'no'}")
    return f"{name.capitalize()} > {' / '.join(said)}"


def _set(predicate: str, structure: Structure) -> str:
    shown = [_tuple(row) for row in _ordered(predicate, structure)]
    return f"{predicate} = {{{', '.join(shown)}}}"


def _facts(predicate: str, structure: Structure) -> str:
    shown = [f"{predicate}({', '.join(row)})" for row in _ordered(predicate, structure)]
    return f"{predicate} only: {' & '.join(shown) or '-'}"


def _tuple(row: tuple[str, ...]) -> str:
    return f"({', '.join(row)})" if len(row) > 1 else row[0]


def _ordered(predicate: str, structure: Structure) -> list[tuple[str, ...]]:
    every = product(structure.domain, repeat=2 if is_verb(predicate) else 1)
    return [row for row in every if row in structure.relations[predicate]]


def _listed(items: Sequence[str]) -> str:
    return " and ".join((", ".join(items[:-1]), items[-1])) if len(items) > 1 else "".join(items)


_SAY = MappingProxyType(
    {
        "list": _entry,
        "sentences": _told,
        "people": _row,
        "questions": _asked,
        "ticks": _ticks,
        "sets": _set,
        "facts": _facts,
    }
)
