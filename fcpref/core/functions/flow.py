"""Group `flow`: think aloud, and end the chain with an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.functions.values import (
    Arguments,
    Effect,
    FailureCode,
    Function,
    Memory,
    Parameter,
    Signature,
    fail,
    succeed,
)
from fcpref.core.numbers import show_number

if TYPE_CHECKING:
    from fractions import Fraction


def _reason(_: Arguments, memory: Memory) -> Effect:
    return succeed(memory, "Go on.")


REASONING = Function(
    signature=Signature(
        name="Reasoning",
        parameters=(Parameter(name="thought", kind="text", description="what to do next and why"),),
        description="Write down a thought. It establishes nothing.",
        example="Reasoning(thought='First find the cost of one.')",
        group="flow",
    ),
    run=_reason,
)


def choice_answer(choices: tuple[str, ...]) -> Function:
    """Return an `Answer` that takes one of the choices (any case)."""
    by_key = {choice.lower(): choice for choice in choices}
    listed = ", ".join(choices)

    def run(arguments: Arguments, memory: Memory) -> Effect:
        value = by_key.get(str(arguments["value"]).strip().rstrip(".").lower())
        if value is None:
            return fail(memory, FailureCode.ARGUMENT_DOMAIN, f"value must be one of {listed}")
        return succeed(evolve(memory, answer=value), "Done.")

    return Function(
        signature=Signature(
            name="Answer",
            parameters=(Parameter(name="value", kind="text", description=f"one of {listed}"),),
            description=f"End with the answer: {listed}.",
            example=f"Answer(value='{choices[0]}')",
            group="flow",
        ),
        run=run,
    )


def _answer_number(arguments: Arguments, memory: Memory) -> Effect:
    value: Fraction = arguments["value"]  # type: ignore[assignment] # bound to a number
    return succeed(evolve(memory, answer=show_number(value)), "Done.")


NUMBER_ANSWER = Function(
    signature=Signature(
        name="Answer",
        parameters=(Parameter(name="value", kind="number", description="the final number"),),
        description="End with the final number, which must be the result of a call.",
        example="Answer(value=42)",
        group="flow",
    ),
    run=_answer_number,
)
