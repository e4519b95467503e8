"""English for facts and rules about people, and back.

``Kind(max)`` is "Max is kind.", ``not Likes(max, sam)`` is "Max does not like Sam.". A conjunction
and a conditional of such facts are sentences too, and all of these read back. A rule has several
phrasings; functions find it by the text that the problem gives it, so they need not read back.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from fcpref.core.logic import Formula, Implies, show
from fcpref.core.logic.chaining import Rule, as_conjunction, conjunction
from fcpref.core.logic.literals import Literal
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ADJECTIVE = re.compile(r"([A-Za-z]{1,20}) is (not )?(?!(?i:not)$)([A-Za-z]{1,20})", re.ASCII)
_VERB = re.compile(r"([A-Za-z]{1,20}) (?!(?i:is) )([A-Za-z]{1,19}s) ([A-Za-z]{1,20})", re.ASCII)
_NO_VERB = re.compile(r"([A-Za-z]{1,20}) does not ([A-Za-z]{1,19}) ([A-Za-z]{1,20})", re.ASCII)
_UNARY, _BINARY = 1, 2
MAX_TEXT = 300


def say(formula: Formula) -> str:
    """Return the English sentence of a ground literal, a conjunction or a conditional of such.

    Raises:
        ProblemError: there is no English for this formula.
    """
    match formula:
        case Implies(left, right):
            said = f"if {_joined(left)}, then {_joined(right)}"
        case _:
            said = _joined(formula)
    return _sentence(said)


def read(text: str) -> Formula | None:
    """Read what `say` says, any case, the full stop left out or not; None for another text."""
    text = " ".join(text.split()).removesuffix(".")
    if len(text) > MAX_TEXT:
        return None
    if text[:3].lower() == "if ":
        left, comma, right = text[3:].partition(", then ")
        body, head = _read_joined(left), _read_joined(right)
        return Implies(body, head) if comma and body is not None and head is not None else None
    return _read_joined(text)


def say_rule(rule: Rule, phrasing: str) -> str:
    """Return an English sentence of a rule.

    Args:
        rule: predicates of one place are adjectives, of two places verbs that end in s.
        phrasing: one of `phrasings(rule)`, ordinary or held out.
    """
    return _sentence(PHRASINGS[phrasing](rule))


def phrasings(rule: Rule, *, held_out: bool = False) -> tuple[str, ...]:
    """Return the names of the phrasings that a rule has: ordinary ones, or the held-out ones."""
    return _NAMES[len(rule.variables) == _UNARY, held_out]


def _all(rule: Rule) -> str:
    quantity = "all" if rule.head.positive else "no"
    return f"{quantity} {_people(rule, 'people', 'people who are')} are {_word(rule.head)}"


def _every(rule: Rule) -> str:
    people = _people(rule, "person", "person who is")
    return f"every {people} is {_adjective(rule.head)}"


def _someone(rule: Rule) -> str:
    return f"if someone is {_adjectives(rule)}, then they are {_adjective(rule.head)}"


def _whoever(rule: Rule) -> str:
    return f"whoever is {_adjectives(rule)} is {_adjective(rule.head)}"


def _only_need(rule: Rule) -> str:
    return f"to be {_adjective(rule.head)}, it is enough to be {_adjectives(rule)}"


def _letters(rule: Rule) -> str:
    names = {variable: variable for variable in rule.variables}
    return f"if {_conditions(rule, names)}, then {_clause(rule.head, names)}"


def _whenever(rule: Rule) -> str:
    names = {variable: variable.upper() for variable in rule.variables}
    return f"{_clause(rule.head, names)} whenever {_conditions(rule, names)}"


def _persons(rule: Rule) -> str:
    first = iter(("one person", "another", "a third"))
    again = iter(("the first", "the second", "the third"))
    return _told(rule, lambda: (next(first), next(again)))


def _somebody(rule: Rule) -> str:
    first = iter(("somebody", "somebody else", "yet another"))
    again = iter(("person one", "person two", "person three"))
    return _told(rule, lambda: (next(first), next(again)))


PHRASINGS: Mapping[str, Callable[[Rule], str]] = MappingProxyType(
    {
        "all": _all,
        "every": _every,
        "someone": _someone,
        "whoever": _whoever,
        "enough": _only_need,
        "letters": _letters,
        "persons": _persons,
        "whenever": _whenever,
        "somebody": _somebody,
    }
)
# By: about one person, held out.
_NAMES = {
    (True, False): ("all", "every", "someone"),
    (True, True): ("whoever", "enough"),
    (False, False): ("letters", "persons"),
    (False, True): ("whenever", "somebody"),
}


def _told(rule: Rule, names: Callable[[], tuple[str, str]]) -> str:
    """Say a rule with people called one way at first and another way from then on."""
    later: dict[str, str] = {}
    clauses = []
    for one in rule.body:
        shown = {}
        for term in dict.fromkeys(one.terms):
            if term in later:
                shown[term] = later[term]
            else:
                shown[term], later[term] = names()
        clauses.append(_clause(one, shown))
    return f"if {' and '.join(clauses)}, then {_clause(rule.head, later)}"


def _people(rule: Rule, noun: str, relative: str) -> str:
    if len(rule.body) == 1 and rule.body[0].positive:
        return f"{_word(rule.body[0])} {noun}"
    return f"{relative} {_adjectives(rule)}"


def _adjectives(rule: Rule) -> str:
    # Positive ones first: "not kind and tall" reads in two ways.
    ordered = sorted(rule.body, key=lambda one: not one.positive)
    return " and ".join(_adjective(one) for one in ordered)


def _adjective(literal: Literal) -> str:
    return _word(literal) if literal.positive else f"not {_word(literal)}"


def _word(literal: Literal) -> str:
    return literal.predicate.lower()


def _conditions(rule: Rule, names: Mapping[str, str]) -> str:
    return " and ".join(_clause(one, names) for one in rule.body)


def _clause(literal: Literal, names: Mapping[str, str]) -> str:
    shown = [names[term] for term in literal.terms]
    if len(shown) == _UNARY:
        return f"{shown[0]} is {_adjective(literal)}"
    if len(shown) == _BINARY:
        word = _word(literal)
        verb = word if literal.positive else f"does not {word.removesuffix('s')}"
        return f"{shown[0]} {verb} {shown[1]}"
    message = f"no English for {literal.predicate} of {len(shown)} terms"
    raise ProblemError(message)


def _joined(formula: Formula) -> str:
    literals = as_conjunction(formula)
    if literals is None:
        message = f"no English sentence for {show(formula)}"
        raise ProblemError(message)
    names = {term: term.capitalize() for literal in literals for term in literal.terms}
    return " and ".join(_clause(literal, names) for literal in literals)


def _read_joined(text: str) -> Formula | None:
    parts = tuple(_read_literal(part) for part in text.split(" and "))
    literals = tuple(part for part in parts if part is not None)
    return conjunction(literals) if len(literals) == len(parts) else None


def _read_literal(text: str) -> Literal | None:
    if found := _ADJECTIVE.fullmatch(text):
        return Literal(found[3].capitalize(), (found[1].lower(),), not found[2])
    if found := _NO_VERB.fullmatch(text):
        return Literal(f"{found[2].capitalize()}s", (found[1].lower(), found[3].lower()), False)  # noqa: FBT003
    if found := _VERB.fullmatch(text):
        return Literal(found[2].capitalize(), (found[1].lower(), found[3].lower()))
    return None


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
