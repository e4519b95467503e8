"""What a model is shown before its first call; one specification a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.chains.chat import told
from fcpref.core.chains.values import Message, replay
from fcpref.core.codec import LATER
from fcpref.core.functions import Grammar, translate
from fcpref.core.functions.help import help_text, json_schema, signature_text
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
        grammar: how calls are written. In ``tools`` the functions reach the model as JSON schemas,
            through its chat template or server, which must know tools.
    """

    detail: Literal["help", "signatures"]
    shots: int = field(default=0, validator=ge(0))
    grammar: Grammar = field(default="python", metadata=LATER)


_HOW = (
    "Solve the problem step by step by calling functions. Each reply is exactly one function "
    "call and nothing else; you are then told its result. Copy texts and numbers exactly from "
    "the problem or from an earlier result. End with Answer."
)

TEACHER = PromptSpec(detail="help", shots=4)
STUDENT = PromptSpec(detail="signatures")


@frozen(kw_only=True)
class Exemplar:
    """A worked example: a problem and the replies that solve it, in the `python` grammar."""

    problem: Problem
    replies: tuple[str, ...]


def render(
    spec: PromptSpec, toolbox: Toolbox, problem: Problem, exemplars: Sequence[Exemplar] = ()
) -> tuple[Message, ...]:
    """Return the messages that open a chain: system, worked examples, the problem.

    In the `tools` grammar the functions are no part of them (see `schemas`), so that a prompt of
    detail ``signatures`` has no system message.
    """
    system = _system(spec, toolbox)
    opening = [Message(role="system", content=system)] if system else []
    for exemplar in exemplars[: spec.shots]:
        opening.extend(_worked(exemplar, toolbox, spec.grammar))
    return (*opening, Message(role="user", content=problem.text))


def schemas(spec: PromptSpec, toolbox: Toolbox) -> tuple[dict[str, Any], ...]:
    """Return the functions as chat templates and servers take them; none in `python`.

    Parameters are described only where the detail is ``help``.
    """
    if spec.grammar == "python":
        return ()
    described = spec.detail == "help"
    return tuple(json_schema(one.signature, described=described) for one in toolbox.functions)


def _system(spec: PromptSpec, toolbox: Toolbox) -> str:
    signatures = [function.signature for function in toolbox.functions]
    if spec.grammar == "tools":
        return _HOW if spec.detail == "help" else ""
    if spec.detail == "signatures":
        return " ".join(signature_text(signature) for signature in signatures)
    functions = "\n".join(help_text(signature) for signature in signatures)
    return f"{_HOW}\n\nFunctions:\n{functions}"


def _worked(exemplar: Exemplar, toolbox: Toolbox, grammar: Grammar) -> Iterator[Message]:
    replies = [translate(reply, grammar) for reply in exemplar.replies]
    outcomes, _ = replay(replies, toolbox, exemplar.problem, grammar)
    said = Message(role="user", content=exemplar.problem.text)
    for reply, outcome in zip(replies, outcomes, strict=True):
        yield said
        yield Message(role="assistant", content=reply)
        said = told(reply, outcome.text, grammar)
    # The last result closes the example, so that the next problem starts a new one.
    yield said
    yield Message(role="assistant", content="Ready for the next problem.")
