"""A canonical form of a sentence, and of a structure beside it, that no disguise changes.

Names of predicates, functions, individuals and variables become colours that are refined until
stable (1-dimensional Weisfeiler-Leman, as in `canonical`); the operands of ``and``, ``or``, ``<->``
and ``=`` are unordered, and so are neighbouring quantifiers of one kind. Two inputs that differ by
names or order always get the same form. Two that differ otherwise may in rare cases share one too,
which only puts them in the same split.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.logic.binding import rename_apart
from fcpref.core.logic.formulas import (
    And,
    Atom,
    Equal,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Colours = defaultdict[str, str]
_ROUNDS = 5


def sentence_form(
    sentence: Formula,
    facts: Iterable[Atom] = (),
    *,
    predicates: Iterable[str] = (),
    individuals: Iterable[str] = (),
) -> tuple[str, ...]:
    """Return plain data that is equal for inputs that differ only in names and order.

    Args:
        sentence: any formula; its free names are constants.
        facts: ground atoms that hold beside it, in any order.
        predicates: names that count although no fact may mention them.
        individuals: the same, of individuals.
    """
    sentence = rename_apart(sentence, frozenset(individuals))
    atoms, named = tuple(facts), tuple(predicates)
    people = tuple(individuals)
    colours: Colours = defaultdict(lambda: "")
    for _ in range(_ROUNDS):
        seen: dict[str, list[str]] = defaultdict(list)
        for name, mark in _sightings(_node(sentence, colours), "sentence", colours):
            seen[name].append(mark)
        for atom in atoms:
            for name, mark in _sightings(_node(atom, colours), "fact", colours):
                seen[name].append(mark)
        for name in (*(f"p:{one}" for one in named), *(f"n:{one}" for one in people)):
            seen[name].append("there")
        colours = defaultdict(
            lambda: "", {name: _hash(colours[name], *sorted(marks)) for name, marks in seen.items()}
        )
    shown = sorted(_node(atom, colours).mark for atom in atoms)
    counted = sorted(colours[f"p:{one}"] for one in named)
    counted += sorted(colours[f"n:{one}"] for one in people)
    return (_node(sentence, colours).mark, *shown, *counted)


def _hash(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]


@frozen
class _Node:
    """A part of a sentence: its mark under some colours, and its own parts."""

    formula: Formula
    mark: str
    names: tuple[str, ...] = ()
    parts: tuple[_Node, ...] = ()


def _node(formula: Formula, colours: Mapping[str, str]) -> _Node:
    """Mark a formula and all its parts as their names are coloured."""
    match formula:
        case Atom(predicate, terms):
            shown = (_term(term, colours) for term in terms)
            return _Node(formula, _hash("atom", colours[f"p:{predicate}"], *shown))
        case Equal(left, right):
            return _Node(formula, _hash("=", *sorted(_term(t, colours) for t in (left, right))))
        case ForAll() | Exists():
            names, inner = _block(formula)
            body = _node(inner, colours)
            bound = sorted(colours[f"n:{name}"] for name in names)
            mark = _hash(type(formula).__name__, *bound, "", body.mark)
            return _Node(formula, mark, names, (body,))
    parts = tuple(_node(part, colours) for part in _operands(formula))
    marks = [part.mark for part in parts]
    ordered = marks if isinstance(formula, Implies) else sorted(marks)
    return _Node(formula, _hash(type(formula).__name__, *ordered), (), parts)


def _term(term: Term, colours: Mapping[str, str]) -> str:
    if isinstance(term, str):
        return colours[f"n:{term}"]
    shown = (_term(inner, colours) for inner in term.terms)
    return _hash("apply", colours[f"f:{term.function}"], *shown)


def _sightings(node: _Node, where: str, colours: Colours) -> Iterator[tuple[str, str]]:
    """Give each occurrence of a name with a mark of what is around it."""
    here = _hash(where, node.mark)
    match node.formula:
        case Atom(predicate, terms):
            yield f"p:{predicate}", here
            for place, term in enumerate(terms):
                yield from _in_term(term, _hash(here, str(place)), colours)
        case Equal(left, right):
            for term in (left, right):
                yield from _in_term(term, here, colours)
        case ForAll() | Exists():
            yield from ((f"n:{name}", here) for name in node.names)
            yield from _sightings(node.parts[0], _hash(here, "body"), colours)
        case formula:
            for place, part in enumerate(node.parts):
                role = str(place) if isinstance(formula, Implies) else ""
                yield from _sightings(part, _hash(here, role), colours)


def _in_term(term: Term, around: str, colours: Colours) -> Iterator[tuple[str, str]]:
    if isinstance(term, str):
        yield f"n:{term}", around
        return
    here = _hash(around, _term(term, colours))
    yield f"f:{term.function}", here
    for place, inner in enumerate(term.terms):
        yield from _in_term(inner, _hash(here, str(place)), colours)


def _block(formula: ForAll | Exists) -> tuple[tuple[str, ...], Formula]:
    """Return the variables of neighbouring quantifiers of one kind, and their body."""
    names, body = [formula.variable], formula.body
    while type(body) is type(formula):
        names.append(body.variable)
        body = body.body
    return tuple(names), body


def _operands(formula: Formula) -> tuple[Formula, ...]:
    """Return the operands of a connective; a chain of one of ``and`` or ``or`` is one."""
    match formula:
        case Not(body):
            return (body,)
        case And(left, right) | Or(left, right):
            sides = (_operands(s) if type(s) is type(formula) else (s,) for s in (left, right))
            return tuple(part for side in sides for part in side)
        case Implies(left, right) | Iff(left, right):
            return (left, right)
    return ()
