"""A canonical form of deduction problems that no renaming or reordering changes.

Predicates and constants are replaced by colours that are refined until stable (1-dimensional
Weisfeiler-Leman). Two problems that differ by names or order always get the same form. Two that
differ otherwise may in rare cases share one too, which only puts them in the same split.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fcpref.core.canon import content_id, short
from fcpref.core.logic.formulas import Not, atom_of
from fcpref.core.logic.syntax import show
from fcpref.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.formulas import Formula

Clause = tuple[str, tuple[tuple[bool, str, str], ...]]
_ROUNDS = 6


def deduction_form(
    facts: Sequence[Formula], rules: Sequence[Rule], claim: Formula
) -> tuple[object, ...]:
    """Return plain data that is equal for problems that differ only in names and order.

    Raises:
        ProblemError: a fact, a side of a rule or the claim is not a literal with one term.
    """
    clauses: list[Clause] = [("fact", (_signed(fact, None),)) for fact in facts]
    clauses += [
        ("rule", (_signed(rule.body, rule.variable), _signed(rule.head, rule.variable)))
        for rule in rules
    ]
    clauses.append(("claim", (_signed(claim, None),)))
    # A rule and its contrapositive are one rule to the splitter: a disguise is still a disguise.
    clauses = [_contrapositive_free(clause) for clause in clauses]
    colours: dict[str, str] = defaultdict(lambda: "0")
    for _ in range(_ROUNDS):
        colours = _refine(clauses, colours)
    return tuple(sorted(repr(_coloured(clause, colours)) for clause in clauses))


def _signed(literal: Formula, variable: str | None) -> tuple[bool, str, str]:
    atom = atom_of(literal)
    if atom is None or len(atom.terms) != 1:
        message = f"{show(literal)} is not a literal with one term"
        raise ProblemError(message)
    term = "x" if atom.terms[0] == variable else f"c:{atom.terms[0]}"
    return not isinstance(literal, Not), f"p:{atom.predicate}", term


def _contrapositive_free(clause: Clause) -> Clause:
    # body -> head is the clause {not body, head}; a set has no direction.
    kind, literals = clause
    if kind != "rule":
        return clause
    (sign, predicate, term), head = literals
    return kind, ((not sign, predicate, term), head)


def _coloured(clause: Clause, colours: dict[str, str]) -> tuple[str, list[tuple[bool, str, str]]]:
    kind, literals = clause
    return kind, sorted(
        (sign, colours[predicate], "x" if term == "x" else colours[term])
        for sign, predicate, term in literals
    )


def _refine(clauses: Sequence[Clause], colours: dict[str, str]) -> dict[str, str]:
    seen: dict[str, list[object]] = defaultdict(list)
    for clause in clauses:
        around = repr(_coloured(clause, colours))
        for sign, predicate, term in clause[1]:
            seen[predicate].append([sign, around])
            if term != "x":
                seen[term].append([sign, around])
    return {
        name: short(content_id([colours[name], sorted(repr(item) for item in items)]))
        for name, items in seen.items()
    }
