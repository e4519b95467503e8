"""English for unary first-order literals and rules, and back.

``Kind(max)`` is "Max is kind."; ``forall x. (Kind(x) -> not Calm(x))`` is "No kind people are
calm.". One sentence form per sign keeps the text short, which is most of a small model's cost.
"""

from __future__ import annotations

import re

from fcpref.core.logic import Atom, Formula, Not, show
from fcpref.core.logic.chaining import as_rule
from fcpref.core.logic.formulas import atom_of
from fcpref.errors import ProblemError

_LITERAL = re.compile(r"([A-Za-z]{1,20}) is (not )?(?!(?i:not)$)([A-Za-z]{1,20})", re.ASCII)


def say(formula: Formula) -> str:
    """Return the English sentence of a ground unary literal or a one-premise rule.

    Raises:
        ProblemError: there is no English for this formula.
    """
    rule = as_rule(formula)
    if rule is not None:
        body, negated_body = _word(rule.body)
        head, negated_head = _word(rule.head)
        people = f"people who are not {body}" if negated_body else f"{body} people"
        return f"{'No' if negated_head else 'All'} {people} are {head}."
    atom = atom_of(formula)
    name = atom.terms[0] if atom is not None and len(atom.terms) == 1 else None
    if not isinstance(name, str):
        message = f"no English sentence for {show(formula)}"
        raise ProblemError(message)
    word, negated = _word(formula)
    return f"{name.capitalize()} is {'not ' if negated else ''}{word}."


def read_literal(text: str) -> Formula | None:
    """Read "Max is not kind." as ``not Kind(max)``; None when the text is no such sentence."""
    found = _LITERAL.fullmatch(text.strip().removesuffix("."))
    if not found:
        return None
    atom = Atom(found[3].capitalize(), (found[1].lower(),))
    return Not(atom) if found[2] else atom


def _word(literal: Formula) -> tuple[str, bool]:
    atom = atom_of(literal)
    if atom is None:
        message = f"{show(literal)} is not a literal"
        raise ProblemError(message)
    return atom.predicate.lower(), isinstance(literal, Not)
