"""Signature, Call, Outcome and what a chain has established so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from attrs import frozen

from fcpref.core.logic import Formula
from fcpref.core.problems import Problem
from fcpref.errors import UsageError

Value = Fraction | str | tuple["Value", ...]
Kind = Literal["number", "text"]
Group = Literal["solve", "flow", "verify"]
Grammar = Literal["python", "tools"]
"""How calls are written: ``Add(a=2)``, or the JSON tool calls of chat templates."""


class FailureCode(StrEnum):
    """Why a reply did not execute."""

    UNPARSEABLE = "unparseable"
    NOT_A_CALL = "not_a_call"
    SEVERAL_CALLS = "several_calls"
    UNKNOWN_FUNCTION = "unknown_function"
    MISSING_ARGUMENT = "missing_argument"
    EXTRA_ARGUMENT = "extra_argument"
    ARGUMENT_TYPE = "argument_type"
    ARGUMENT_DOMAIN = "argument_domain"
    NOT_APPLICABLE = "not_applicable"
    REPEATED_CALL = "repeated_call"
    LIMIT = "limit"


@frozen(kw_only=True)
class Parameter:
    """One parameter; without a default it must be given."""

    name: str
    kind: Kind
    description: str
    default: Value | None = None


@frozen(kw_only=True)
class Signature:
    """What a model is told of a function; help text and JSON schema come from it."""

    name: str
    parameters: tuple[Parameter, ...]
    description: str
    example: str
    group: Group


@frozen(kw_only=True)
class Call:
    """A parsed call: positional values in order, then keyword values by name."""

    function: str
    positional: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


@frozen(kw_only=True)
class Outcome:
    """What a model is told after a call: a result, or a typed failure."""

    text: str
    code: FailureCode | None = None


@frozen(kw_only=True)
class Fact:
    """Something that a call established.

    Attributes:
        key: the canonical text: a formula, or an exact rational.
        uses: keys of what it was established from.
        call: index of the call in the chain, from 0.
        by: the function, where a support rule computes the result again.
    """

    key: str
    uses: tuple[str, ...]
    call: int
    by: str = ""


@frozen(kw_only=True)
class Formalised:
    """A formula that a model wrote for a sentence of the problem.

    Attributes:
        role: what the sentence is in the problem.
        text: the sentence, as the problem words it.
        formula: what was written for it.
        call: index of the call in the chain, from 0.
    """

    role: Literal["premise", "claim"]
    text: str
    formula: Formula
    call: int


@frozen(kw_only=True)
class Memory:
    """The state of a chain's execution.

    Attributes:
        problem: what the calls are about.
        steps: replies executed so far, failed ones too.
        calls: the calls that worked, as text with their arguments bound; verifying ones with the
            call whose result they were the first to look at.
        facts: what they established, in order.
        saturated: index of the call of `Saturated` that succeeded first.
        answer: what `Answer` was given; every later call fails.
        formalised: formulas written for sentences, at most one for each, the latest.
        final: the sentence that `Answer` was given, where the answer is what kind of one it is.
    """

    problem: Problem
    steps: int = 0
    calls: frozenset[str] = frozenset()
    facts: tuple[Fact, ...] = ()
    saturated: int | None = None
    answer: str | None = None
    formalised: tuple[Formalised, ...] = ()
    final: str = ""


@frozen(kw_only=True)
class Effect:
    """What a function did: its outcome and the memory after it."""

    outcome: Outcome
    memory: Memory


Arguments = Mapping[str, Value]
Run = Callable[[Arguments, Memory], Effect]


@frozen(kw_only=True)
class Function:
    """A signature and the deterministic, total code behind it."""

    signature: Signature
    run: Run


@frozen(kw_only=True)
class Toolbox:
    """The functions on offer for a task, by name.

    Attributes:
        functions: those on offer, in the order in which they are shown.
        withheld: names of those that the task has besides, sorted; a call of one is a call of an
            unknown function.
    """

    functions: tuple[Function, ...]
    withheld: tuple[str, ...] = ()

    def without(self, names: Iterable[str]) -> Toolbox:
        """Return a toolbox that does not offer some functions; those withheld before stay so.

        Raises:
            UsageError: one is `Answer`, which ends every chain, or no function of the task.
        """
        dropped = {*self.withheld, *names}
        have = {function.signature.name for function in self.functions}
        if unknown := sorted(dropped - have - {*self.withheld}):
            listed = ", ".join(sorted(have))
            raise UsageError(f"there is no function {unknown[0]} to withhold; there are {listed}")
        if "Answer" in dropped:
            raise UsageError("Answer cannot be withheld, for it ends a chain; withhold another")
        left = tuple(one for one in self.functions if one.signature.name not in dropped)
        return Toolbox(functions=left, withheld=tuple(sorted(dropped)))

    def find(self, name: str) -> Function | None:
        """Return the function of that name, or None."""
        for function in self.functions:
            if function.signature.name == name:
                return function
        return None


def fail(memory: Memory, code: FailureCode, text: str) -> Effect:
    """Return a failure that leaves the memory as it was."""
    return Effect(outcome=Outcome(text=f"Error: {text}", code=code), memory=memory)


def succeed(memory: Memory, text: str) -> Effect:
    """Return a result."""
    return Effect(outcome=Outcome(text=text), memory=memory)
