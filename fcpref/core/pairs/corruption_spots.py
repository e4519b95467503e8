"""A call of a chain that may be spoiled, and what could stand in the place of its arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.chains import Turn
from fcpref.core.functions import Call, Grammar, Toolbox
from fcpref.core.numbers import read_number
from fcpref.core.problems import Problem
from fcpref.core.problems.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from fcpref.core.functions import Parameter, Value

# Names of parameters that take what stands in the problem or in a result.
QUOTED = frozenset(
    {
        *("fact", "first", "second", "conditional", "claim"),
        *("expression", "equation", "a", "b", "body", "atom", "part", "sentence"),
    }
)
# What `fol.models` says of an expression behind it.
_TRUTH = re.compile(r"\s+is (true|false)\b.*", re.DOTALL)


@frozen(kw_only=True)
class Spot:
    """A call of a correct chain that may be spoiled.

    Attributes:
        problem: what the chain is about.
        toolbox: the functions that it was offered.
        grammar: how its calls are written.
        turns: all of its turns.
        calls: what each of them called; None where the reply is no call.
        call: the one in question, which worked.
        at: its index.
    """

    problem: Problem
    toolbox: Toolbox
    grammar: Grammar
    turns: tuple[Turn, ...]
    calls: tuple[Call | None, ...]
    call: Call
    at: int

    @property
    def last(self) -> bool:
        """Tell whether the call ends the chain."""
        return self.at == len(self.turns) - 1

    @property
    def rewrites(self) -> bool:
        """Tell whether the call rewrites a part of a sentence: any that works is a way on."""
        return any(one.name == "part" for _, one, _ in arguments(self.call, self.toolbox))


def arguments(call: Call, toolbox: Toolbox) -> list[tuple[int, Parameter, Value]]:
    """Return a call's arguments, by place in it, with what they are for."""
    function = toolbox.find(call.function)
    if function is None:
        return []
    parameters = function.signature.parameters
    by_name = {one.name: one for one in parameters}
    given = list(zip(parameters, call.positional, strict=False))
    given += [(by_name[name], value) for name, value in call.keywords if name in by_name]
    return [(place, parameter, value) for place, (parameter, value) in enumerate(given)]


def put(call: Call, values: Mapping[int, Value]) -> Call:
    """Return a call with other arguments at some places."""
    count = len(call.positional)
    return evolve(
        call,
        positional=tuple(values.get(at, value) for at, value in enumerate(call.positional)),
        keywords=tuple(
            (name, values.get(at, value)) for at, (name, value) in enumerate(call.keywords, count)
        ),
    )


def is_label(value: Value, spot: Spot) -> bool:
    """Tell whether an argument is the gold answer itself, a label and no text of the problem."""
    return isinstance(value, str) and value.casefold() == spot.problem.gold.casefold()


def sort_of(call: Call, parameter: Parameter) -> str:
    """Return what a text stands for; two of one sort can stand in each other's place."""
    quoted = parameter.name in QUOTED or call.function == "Answer"
    return "quoted" if quoted else parameter.name


def texts(spot: Spot, sort: str) -> Iterator[str]:
    """Yield texts of a sort: those of the problem, of results so far, and of the chain's calls."""
    found: list[Value] = []
    if sort in {"quoted", "text"}:
        found += [one.text for one in spot.problem.givens]
        found += [spot.problem.claim.text] if spot.problem.claim else []
        told = [turn.outcome for turn in spot.turns[: spot.at]]
        found += [_TRUTH.sub("", one.text) for one in told if one.code is None]
    for call in spot.calls:
        for _, parameter, value in arguments(call, spot.toolbox) if call else ():
            if parameter.kind == "text" and sort_of(call or spot.call, parameter) == sort:
                found.append(value)
    yield from (one for one in dict.fromkeys(found) if isinstance(one, str))


def numbers(spot: Spot) -> Iterator[Fraction]:
    """Yield the numbers of the problem and of results so far."""
    yield from dict.fromkeys((*sorted(quantities(spot.problem.text)), *results(spot)))


def results(spot: Spot) -> list[Fraction]:
    """Return the results so far that are numbers, in order."""
    read = (read_number(turn.outcome.text) for turn in spot.turns[: spot.at])
    return [value for value in read if value is not None]
