"""Models of ground facts and universal rules: is there one in which given literals hold?

Without functions and equality, such formulas have a model when they have one whose individuals are
the names that occur (Herbrand 1930). So the question is one of finitely many propositional clauses,
which the procedure of Davis, Putnam, Logemann and Loveland (1962) decides.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from fcpref.core.logic.structures import Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fcpref.core.logic.chaining import Rule
    from fcpref.core.logic.literals import Literal

Clause = tuple[int, ...]
Atoms = dict[tuple[str, tuple[str, ...]], int]


def find_model(
    facts: Iterable[Literal], rules: Iterable[Rule], names: Sequence[str]
) -> Structure | None:
    """Return a structure in which facts and rules hold, or None where there is none.

    Args:
        facts: ground literals; their terms are among the names.
        rules: universal rules.
        names: the individuals, at least one; each names itself. The number of clauses is that of
            the rules times the number of names to the power of a rule's variables.
    """
    return next(iter(find_models(facts, rules, names, ((),))))


def find_models(
    facts: Iterable[Literal],
    rules: Iterable[Rule],
    names: Sequence[str],
    cases: Iterable[Sequence[Literal]],
) -> Iterator[Structure | None]:
    """Give a model for each of several cases, each of them more facts; see `find_model`."""
    atoms: Atoms = {}
    clauses: list[Clause] = [(_signed(fact, atoms),) for fact in facts]
    for rule in rules:
        for chosen in product(names, repeat=len(rule.variables)):
            body, head = rule.put(dict(zip(rule.variables, chosen, strict=True)))
            clauses.append((*(-_signed(one, atoms) for one in body), _signed(head, atoms)))
    wanted = [[_signed(fact, atoms) for fact in case] for case in cases]
    search = _Search(clauses, len(atoms))
    possible = search.propagate([clause[0] for clause in clauses if len(clause) == 1])
    length = len(search.trail)
    for case in wanted:
        true = search.satisfied(case) if possible else None
        yield None if true is None else _structure(true, atoms, names)
        search.undo(length)


def _structure(true: frozenset[int], atoms: Atoms, names: Sequence[str]) -> Structure:
    relations: dict[str, set[tuple[str, ...]]] = {predicate: set() for predicate, _ in atoms}
    for (predicate, terms), number in atoms.items():
        if number in true:
            relations[predicate].add(terms)
    return Structure(domain=tuple(names), relations=relations)


def _signed(literal: Literal, atoms: Atoms) -> int:
    number = atoms.setdefault((literal.predicate, literal.terms), len(atoms) + 1)
    return number if literal.positive else -number


class _Search:
    """An assignment in the making, with the number of true and of open literals of each clause."""

    def __init__(self, clauses: Sequence[Clause], atoms: int) -> None:
        self.clauses = clauses
        self.occurs: list[list[int]] = [[] for _ in range(2 * atoms + 1)]
        for index, clause in enumerate(self.clauses):
            for one in clause:
                self.occurs[one].append(index)
        self.true = [0] * len(clauses)
        self.open = [len(clause) for clause in self.clauses]
        self.holds = [False] * (2 * atoms + 1)
        self.trail: list[int] = []
        self._first_open = 0

    def satisfied(self, wanted: list[int]) -> frozenset[int] | None:
        """Return literals that make all clauses and what is wanted true, or None."""
        if not self.propagate(wanted):
            return None
        decisions: list[tuple[int, int]] = []
        while (choice := self.choice()) is not None:
            decisions.append((len(self.trail), choice))
            consistent = self.propagate([choice])
            while not consistent:
                if not decisions:
                    return None
                length, failed = decisions.pop()
                self.undo(length)
                # Not a decision any more: what was decided before forces it.
                consistent = self.propagate([-failed])
        return frozenset(self.trail)

    def propagate(self, wanted: list[int]) -> bool:
        """Make literals true, and all that this forces; tell whether no clause became false."""
        while wanted:
            one = wanted.pop()
            if self.holds[one]:
                continue
            if self.holds[-one]:
                return False
            self.holds[one] = True
            self.trail.append(one)
            for index in self.occurs[one]:
                self.true[index] += 1
            for index in self.occurs[-one]:
                self.open[index] -= 1
                if not self.true[index] and self.open[index] < 2:  # noqa: PLR2004
                    wanted += [left for left in self.clauses[index] if not self.holds[-left]]
            if any(not (self.true[i] or self.open[i]) for i in self.occurs[-one]):
                return False
        return True

    def undo(self, length: int) -> None:
        """Take back all but the first so many literals."""
        while len(self.trail) > length:
            one = self.trail.pop()
            self.holds[one] = False
            for index in self.occurs[one]:
                self.true[index] -= 1
            for index in self.occurs[-one]:
                self.open[index] += 1
        self._first_open = 0

    def choice(self) -> int | None:
        """Return an open literal of a clause that is not true yet; None when there is none."""
        for index in range(self._first_open, len(self.clauses)):
            if not self.true[index]:
                self._first_open = index
                return next(one for one in self.clauses[index] if not self.holds[-one])
        return None
