"""Worlds of family `models`: drawn, in pairs that look alike, and as formulas."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic import (
    And,
    Atom,
    Equal,
    ForAll,
    Formula,
    Not,
    Or,
    Structure,
    evaluate,
    parse,
    show,
)
from fcpref.core.problems.models_english import BY_PERSON, say_table
from fcpref.core.problems.problem import Problem, Statement
from fcpref.core.problems.world_words import is_verb
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.core.seeds import Random

_WORLDS = 24
_HALF = 0.5
_TOKEN = re.compile(r"[a-z]+|\S")


@frozen
class Names:
    """The names of a world: individuals, and predicates of one and of two places."""

    people: tuple[str, ...]
    predicates: tuple[str, ...]


def draw_pair(
    names: Names, sentence: Formula, table: str, stream: Random
) -> Mapping[str, Structure] | None:
    """Draw a world where a sentence is true and one where it is false, by label.

    Both tables have the same words the same number of times, up to which name stands where.
    Otherwise the label would show in how full a table is: most sentences are the likelier true the
    more holds of people.

    Returns:
        None where the worlds that were drawn are no such pair.
    """
    first = _world(names, stream)
    worlds = [first, *(_shuffled(first, stream) for _ in range(_WORLDS - 1))]
    truths = [evaluate(sentence, world) for world in worlds]
    if len(set(truths)) == 1:
        return None
    seen: dict[tuple[str, ...], dict[str, Structure]] = {}
    for world, truth in zip(worlds, truths, strict=True):
        pair = seen.setdefault(_look(world, table), {})
        pair.setdefault(str(truth), world)
        if len(pair) > 1:
            return pair
    return None


def _world(names: Names, stream: Random) -> Structure:
    relations = {}
    for predicate in names.predicates:
        rows = _rows(names.people, predicate)
        relations[predicate] = {row for row in rows if stream.random() < _HALF}
    return Structure(domain=names.people, relations=relations)


def _shuffled(world: Structure, stream: Random) -> Structure:
    """Return a world with as many rows of each number of places, anywhere."""
    relations: dict[str, set[tuple[str, ...]]] = {name: set() for name in world.relations}
    for verbs in (False, True):
        places = [
            (name, row)
            for name in world.relations
            if is_verb(name) == verbs
            for row in _rows(world.domain, name)
        ]
        count = sum(row in world.relations[name] for name, row in places)
        for name, row in stream.sample(places, count):
            relations[name].add(row)
    return Structure(domain=world.domain, relations=relations)


def _look(world: Structure, table: str) -> tuple[str, ...]:
    """Return the words of a table, sorted, with one word for all people, adjectives and verbs.

    Names are drawn without regard to the label, so a reader of single words learns no more.
    """
    kinds = dict.fromkeys(world.domain, "1")
    for name in world.relations:
        kinds[name.lower()] = "3" if is_verb(name) else "2"
    text = "\n".join(say_table(world, table)).lower()
    return tuple(sorted(kinds.get(word, word) for word in _TOKEN.findall(text)))


def _rows(people: Sequence[str], predicate: str) -> Iterator[tuple[str, ...]]:
    return product(people, repeat=2 if is_verb(predicate) else 1)


@lru_cache(maxsize=1_024)
def world_of(problem: Problem) -> Structure:
    """Return the structure that a problem's givens describe.

    Raises:
        ProblemError: a given is not a line of this family.
    """
    domain: dict[str, None] = {}
    relations: dict[str, set[tuple[str, ...]]] = {}
    for given in problem.givens:
        for literal in _literals(parse(given.formula)):
            atom = literal.body if isinstance(literal, Not) else literal
            match atom:
                case Equal(_, str() as name):
                    domain[name] = None
                    continue
                case Atom(predicate, terms) if all(isinstance(term, str) for term in terms):
                    rows = relations.setdefault(predicate, set())
                case _:
                    raise ProblemError(f"{given.formula} does not describe a world")
            if literal is atom:
                rows.add(tuple(str(term) for term in terms))
    return Structure(domain=tuple(domain), relations=relations)


def givens_of(world: Structure, table: str) -> tuple[Statement, ...]:
    """Return the lines of a table with what each says."""
    lines = say_table(world, table)
    formulas = [_closure(world), *_diagrams(world, by_person=table in BY_PERSON)]
    return tuple(
        Statement(text=line, formula=show(formula))
        for line, formula in zip(lines, formulas, strict=True)
    )


def _closure(world: Structure) -> Formula:
    """Say that there is nobody else."""
    return ForAll("x", _joined(Or, [Equal("x", name) for name in world.domain]))


def _diagrams(world: Structure, *, by_person: bool) -> Iterator[Formula]:
    """Give, for each line of the table, the literals that it says: what is not said is not so."""
    literals = [
        (row[0] if by_person else predicate, _signed(predicate, row, world))
        for predicate in world.relations
        for row in _rows(world.domain, predicate)
    ]
    for line in world.domain if by_person else world.relations:
        yield _joined(And, [literal for of, literal in literals if of == line])


def _signed(predicate: str, row: tuple[str, ...], world: Structure) -> Formula:
    atom = Atom(predicate, row)
    return atom if row in world.relations[predicate] else Not(atom)


def _joined(kind: type[And | Or], parts: Sequence[Formula]) -> Formula:
    joined, *rest = parts
    for part in rest:
        joined = kind(joined, part)
    return joined


def _literals(formula: Formula) -> tuple[Formula, ...]:
    match formula:
        case And(left, right) | Or(left, right):
            return (*_literals(left), *_literals(right))
        case ForAll(_, body):
            return _literals(body)
    return (formula,)
