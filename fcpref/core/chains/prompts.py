"""What a model is shown before its first call; one specification a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.chains.values import Message, replay
from fcpref.core.functions.help import help_text, signature_text
from fcpref.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fcpref.core.functions import Toolbox


@frozen(kw_only=True)
class PromptSpec:
    """How functions and examples are shown.

    Attributes:
        detail: ``help`` shows types, descriptions and examples of the functions, as the paper
            does; ``signatures`` only ``Name(parameter, ...)``, for a trained student.
        shots: worked example chains, shown as earlier turns of the chat.
    """

    detail: Literal["help", "signatures"]
    shots: int = field(default=0, validator=ge(0))


TEACHER = PromptSpec(detail="help", shots=4)
STUDENT = PromptSpec(detail="signatures")


@frozen(kw_only=True)
class Exemplar:
    """A worked example: a problem and the replies that solve it."""

    problem: Problem
    replies: tuple[str, ...]


def render(
    spec: PromptSpec, toolbox: Toolbox, problem: Problem, exemplars: Sequence[Exemplar] = ()
) -> tuple[Message, ...]:
    """Return the messages that open a chain: system, worked examples, the problem."""
    opening = [Message(role="system", content=_system(spec, toolbox))]
    for exemplar in exemplars[: spec.shots]:
        opening.extend(_worked(exemplar, toolbox))
    return (*opening, Message(role="user", content=problem.text))


def _system(spec: PromptSpec, toolbox: Toolbox) -> str:
    signatures = [function.signature for function in toolbox.functions]
    if spec.detail == "signatures":
        return " ".join(signature_text(signature) for signature in signatures)
    functions = "\n".join(help_text(signature) for signature in signatures)
    return (
        "Solve the problem step by step by calling functions. Each reply is exactly one function "
        "call and nothing else; you are then told its result. Copy texts and numbers exactly from "
        "the problem or from an earlier result. End with Answer.\n\n"
        f"Functions:\n{functions}"
    )


def _worked(exemplar: Exemplar, toolbox: Toolbox) -> Iterator[Message]:
    outcomes, _ = replay(exemplar.replies, toolbox, exemplar.problem)
    said = exemplar.problem.text
    for reply, outcome in zip(exemplar.replies, outcomes, strict=True):
        yield Message(role="user", content=said)
        yield Message(role="assistant", content=reply)
        said = outcome.text
    # The last result closes the example, so that the next problem starts a new one.
    yield Message(role="user", content=said)
    yield Message(role="assistant", content="Ready for the next problem.")
