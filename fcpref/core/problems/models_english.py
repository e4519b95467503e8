"""English for small worlds and for sentences about them.

Sentences are controlled English that reads in one way only: each connective announces itself
(``both ... and``, ``either ... or ... or both``, ``if ..., then``). In the ``guarded`` phrasing
``forall x. (Big(x) -> A)`` is "for every big person x, A" and ``exists x. (Big(x) and A)`` is
"there is a big person x such that A", where the ``plain`` one spells the condition out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.logic import And, Atom, Exists, ForAll, Formula, Implies, Not, Or, show
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.logic import Structure

TABLES = ("list", "sentences", "people")
PHRASINGS = ("plain", "guarded")
_UNARY, _BINARY = 1, 2


def say_sentence(formula: Formula, phrasing: str) -> str:
    """Return the English of a sentence, without a capital and a full stop.

    Args:
        formula: made of atoms with one or two names, ``not and or ->`` and quantifiers.
        phrasing: one of `PHRASINGS`.

    Raises:
        ProblemError: there is no English for this formula.
    """
    match formula:
        case Atom():
            return _say_atom(formula, negated=False)
        case Not(Atom() as atom):
            return _say_atom(atom, negated=True)
        case Not(body):
            return f"it is not the case that {say_sentence(body, phrasing)}"
        case And(left, right):
            return f"both {say_sentence(left, phrasing)} and {say_sentence(right, phrasing)}"
        case Or(left, right):
            sides = (say_sentence(side, phrasing) for side in (left, right))
            return f"either {' or '.join(sides)} or both"
        case Implies(left, right):
            return f"if {say_sentence(left, phrasing)}, then {say_sentence(right, phrasing)}"
        case ForAll(variable, body) | Exists(variable, body):
            who, body = _guarded(formula) if phrasing == "guarded" else ("person", body)
            said = say_sentence(body, phrasing)
            if isinstance(formula, ForAll):
                return f"for every {who} {variable}, {said}"
            return f"there is a {who} {variable} such that {said}"
    message = f"no English sentence for {show(formula)}"
    raise ProblemError(message)


def say_table(structure: Structure, table: str) -> tuple[str, ...]:
    """Return a structure in English: a line on who there is, then what holds of them.

    Args:
        structure: individuals, and predicates of one (adjectives) or two (verbs) places; the
            order of `Structure.relations` is kept. A predicate that ends in s is a verb.
        table: one of `TABLES`: a line a predicate, short or in sentences, or a line a person.
    """
    people = [name.capitalize() for name in structure.domain]
    if table == "people":
        lines = tuple(_row(name, structure) for name in structure.domain)
        return f"There are {_listed(people)}, and only what is said of them is so.", *lines
    if table == "list":
        head = f"People: {', '.join(people)}."
        return head, *(_entry(name, structure) for name in structure.relations)
    head = f"The people are {_listed(people)}. Only what is said of them is so."
    return head, *(_told(name, structure) for name in structure.relations)


def is_verb(predicate: str) -> bool:
    """Tell whether a predicate has two places: verbs end in s, adjectives do not."""
    return predicate.endswith("s")


def _say_atom(atom: Atom, *, negated: bool) -> str:
    names = [term for term in atom.terms if isinstance(term, str)]
    word = atom.predicate.lower()
    # One letter is a variable; people have longer names.
    shown = [name if len(name) == 1 else name.capitalize() for name in names]
    if len(atom.terms) == len(names) == _UNARY:
        return f"{shown[0]} is {'not ' if negated else ''}{word}"
    if len(atom.terms) == len(names) == _BINARY:
        verb = f"does not {word.removesuffix('s')}" if negated else word
        return f"{shown[0]} {verb} {shown[1]}"
    message = f"no English sentence for {show(atom)}"
    raise ProblemError(message)


def _guarded(formula: ForAll | Exists) -> tuple[str, Formula]:
    """Return whom a quantifier is about and what it says of them."""
    variable, body = formula.variable, formula.body
    kind = Implies if isinstance(formula, ForAll) else And
    if isinstance(body, Implies | And) and isinstance(body, kind):
        match body.left:
            case Atom(predicate, (name,)) if name == variable:
                return f"{predicate.lower()} person", body.right
    return "person", body


def _entry(predicate: str, structure: Structure) -> str:
    rows = _rows(predicate, structure)
    if is_verb(predicate):
        shown = [f"{a.capitalize()} {predicate.lower()} {b.capitalize()}" for a, b in rows]
    else:
        shown = [a.capitalize() for (a,) in rows]
    return f"{predicate}: {', '.join(shown) or 'nobody'}."


def _told(predicate: str, structure: Structure) -> str:
    rows, word = _rows(predicate, structure), predicate.lower()
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
        rows, word = _rows(predicate, structure), predicate.lower()
        if is_verb(predicate):
            objects = [b.capitalize() for a, b in rows if a == name]
            said.append(f"{word} {_listed(objects) or 'nobody'}")
        else:
            adjectives.append(word if (name,) in rows else f"not {word}")
    first = [f"is {_listed(adjectives)}"] if adjectives else []
    return f"{name.capitalize()} {'; '.join((*first, *said))}."


def _rows(predicate: str, structure: Structure) -> Sequence[tuple[str, ...]]:
    place = {name: index for index, name in enumerate(structure.domain)}
    return sorted(structure.relations[predicate], key=lambda row: [place[name] for name in row])


def _listed(items: Sequence[str]) -> str:
    return " and ".join((", ".join(items[:-1]), items[-1])) if len(items) > 1 else "".join(items)
