"""The calls that make the steps of a deduction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.functions import Call
from fcpref.core.functions.deduction_texts import show_statement
from fcpref.core.logic import show
from fcpref.core.logic.chaining import conjunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fcpref.core.logic import Formula, Step
    from fcpref.core.logic.chaining import Conjunction
    from fcpref.core.logic.literals import Literal
    from fcpref.core.problems import Problem


class Words:
    """How a problem words its rules and statements."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        self._problem = problem
        self._given = {given.formula: given.text for given in problem.givens}

    def __call__(self, formula: Formula) -> str:
        """Return the sentence of a formula."""
        given = self._given.get(show(formula))
        return show_statement(formula, self._problem) if given is None else given


class Writer:
    """Writes the calls that make steps, one step after the other."""

    def __init__(
        self,
        known: Mapping[Literal, Step | None],
        joined: Iterable[Conjunction],
        word: Words,
        order: tuple[str, str] = ("rule", "fact"),
    ) -> None:
        """Begin.

        Args:
            known: what `fcpref.core.logic.saturate` returned.
            joined: the conjunctions that are established.
            word: gives sentences.
            order: of the arguments of a call that uses a rule.
        """
        self._known = known
        self._joined = {show(conjunction(parts)) for parts in joined}
        self._word = word
        self._order = order
        self._apart: set[Conjunction] = set()

    def apart(self, steps: Iterable[Step | None]) -> Iterator[Call]:
        """Take apart what is told together, for the steps that are such parts."""
        for step in steps:
            if step is not None and step.rule is None and step.premises not in self._apart:
                self._apart.add(step.premises)
                yield call("AndElim", fact=self._word(conjunction(step.premises)))

    def step(self, step: Step) -> Iterator[Call]:
        """Make a step; one that uses no rule takes no call here."""
        if step.rule is None:
            return
        orders = step.premises, step.premises[::-1]
        # What is told together may be the very condition: then it stays together.
        fact = next((one for one in orders if show(conjunction(one)) in self._joined), None)
        if fact is None:
            yield from self._join(step.premises)
            fact = step.premises
        name = "ApplyRule" if step.kind == "ponens" else "ModusTollens"
        said = {"rule": self._word(step.rule.formula), "fact": self._word(conjunction(fact))}
        yield call(name, **{key: said[key] for key in self._order})

    def _join(self, premises: Conjunction) -> Iterator[Call]:
        yield from self.apart(self._known[premise] for premise in premises)
        if len(premises) > 1:
            self._joined.add(show(conjunction(premises)))
            first, second = (self._word(one.formula) for one in premises)
            yield call("AndIntro", first=first, second=second)


def call(function: str, **arguments: str) -> Call:
    """Return a call with keyword arguments."""
    return Call(function=function, keywords=tuple(arguments.items()))
