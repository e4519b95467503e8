"""What a model is shown before its first call; one specification a role."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, field, frozen
from attrs.validators import ge

from fcpref.core.chains.chat import told
from fcpref.core.chains.exemplars import Choice, Exemplar, choose
from fcpref.core.chains.values import Message, replay
from fcpref.core.codec import LATER
from fcpref.core.functions import Grammar, translate
from fcpref.core.functions.help import help_text, json_schema, signature_text
from fcpref.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attrs import Attribute

    from fcpref.core.chains.values import Chain
    from fcpref.core.functions import Toolbox
    from fcpref.core.problems import Problem


def _as_set(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*names}))


@frozen(kw_only=True)
class PromptSpec:
    """How functions and examples are shown.

    Attributes:
        detail: ``help`` shows types, descriptions and examples of the functions, as the paper
            does; ``signatures`` only ``Name(parameter, ...)``, for a trained student.
        shots: worked example chains, shown as earlier turns of the chat.
        grammar: how calls are written. In ``tools`` the functions reach the model as JSON schemas,
            through its chat template or server, which must know tools.
        exemplars: how the worked examples are chosen among the task's (see `Choice`).
        seed: of the ``random`` choice; 0 for the others.
        picked: these examples, by their places from 0, in this order; `shots` is their number.
            Empty leaves the choice to `exemplars`.
        without: functions that are not on offer, sorted: shown nowhere, and unknown when called.
    """

    detail: Literal["help", "signatures"]
    shots: int = field(default=0, validator=ge(0))
    grammar: Grammar = field(default="python", metadata=LATER)
    exemplars: Choice = field(default="first", metadata=LATER)
    seed: int = field(default=0, metadata=LATER)
    picked: tuple[int, ...] = field(default=(), metadata=LATER)
    without: tuple[str, ...] = field(default=(), converter=_as_set, metadata=LATER)

    @seed.validator
    def _only_of_random(self, _: Attribute[int], seed: int) -> None:
        # One prompt must not have two ids.
        if seed and self.exemplars != "random":
            raise ValueError(f"'seed' is of the random choice; leave it out with {self.exemplars}")

    @picked.validator
    def _picked_instead_of_chosen(self, _: Attribute[Any], picked: tuple[int, ...]) -> None:
        if not picked:
            return
        if min(picked) < 0 or len({*picked}) < len(picked):
            raise ValueError(f"'picked' must be different places, counted from 0: {picked}")
        if self.exemplars != "first" or self.shots != len(picked):
            raise ValueError("'picked' goes with as many 'shots' and without 'exemplars'")


_HOW = (
    "Solve the problem step by step by calling functions. Each reply is exactly one function "
    "call and nothing else; you are then told its result. Copy texts and numbers exactly from "
    "the problem or from an earlier result. End with Answer."
)

TEACHER = PromptSpec(detail="help", shots=4)
STUDENT = PromptSpec(detail="signatures")


def prompt_of(chain: Chain, spec: PromptSpec) -> PromptSpec:
    """Return how a chain's problem is shown: grammar and functions are the chain's own.

    Its replies and what they were told depend on both, so they go before what `spec` says.
    """
    return evolve(spec, grammar=chain.grammar, without=chain.without)


def shown(
    spec: PromptSpec, problem: Problem, exemplars: Sequence[Exemplar]
) -> tuple[Exemplar, ...]:
    """Return the worked examples that a prompt shows, in order; never the problem itself.

    There are fewer than `spec.shots` where the task has no more.

    Raises:
        UsageError: one was picked that there is not.
    """
    if spec.picked and max(spec.picked) >= len(exemplars):
        raise UsageError(
            f"there is no worked example {max(spec.picked)} of {problem.task}; it has "
            f"{len(exemplars)}, counted from 0"
        )
    others = [one for one in exemplars if one.problem.text != problem.text]
    if spec.picked:
        return tuple(exemplars[at] for at in spec.picked if exemplars[at] in others)
    return choose(spec.exemplars, spec.shots, others, problem, spec.seed)


def render(
    spec: PromptSpec, toolbox: Toolbox, problem: Problem, exemplars: Sequence[Exemplar] = ()
) -> tuple[Message, ...]:
    """Return the messages that open a chain: system, worked examples, the problem.

    In the `tools` grammar the functions are no part of them (see `schemas`), so that a prompt of
    detail ``signatures`` has no system message.

    Args:
        spec: how they are shown.
        toolbox: all functions of the task; `spec.without` are left out, of the examples too.
        problem: the problem.
        exemplars: all worked examples of the task.

    Raises:
        UsageError: a function is withheld, or an example picked, that there is not.
    """
    offered = toolbox.without(spec.without)
    system = _system(spec, offered)
    opening = [Message(role="system", content=system)] if system else []
    for exemplar in shown(spec, problem, exemplars):
        opening.extend(_worked(exemplar, offered, spec.grammar))
    return (*opening, Message(role="user", content=problem.text))


def schemas(spec: PromptSpec, toolbox: Toolbox) -> tuple[dict[str, Any], ...]:
    """Return the functions as chat templates and servers take them; none in `python`.

    Parameters are described only where the detail is ``help``.
    """
    if spec.grammar == "python":
        return ()
    described = spec.detail == "help"
    offered = toolbox.without(spec.without).functions
    return tuple(json_schema(one.signature, described=described) for one in offered)


def _system(spec: PromptSpec, toolbox: Toolbox) -> str:
    signatures = [function.signature for function in toolbox.functions]
    if spec.grammar == "tools":
        return _HOW if spec.detail == "help" else ""
    if spec.detail == "signatures":
        return " ".join(signature_text(signature) for signature in signatures)
    functions = "\n".join(help_text(signature) for signature in signatures)
    return f"{_HOW}\n\nFunctions:\n{functions}"


# Executed to be shown, and the same for every problem.
@lru_cache(maxsize=256)
def _worked(exemplar: Exemplar, toolbox: Toolbox, grammar: Grammar) -> tuple[Message, ...]:
    return tuple(_worked_turns(exemplar, toolbox, grammar))


def _worked_turns(exemplar: Exemplar, toolbox: Toolbox, grammar: Grammar) -> Iterator[Message]:
    said_by_it = exemplar.replies_without(toolbox.withheld)
    replies = [translate(reply, grammar) for reply in said_by_it]
    outcomes, _ = replay(replies, toolbox, exemplar.problem, grammar)
    said = Message(role="user", content=exemplar.problem.text)
    for reply, outcome in zip(replies, outcomes, strict=True):
        yield said
        yield Message(role="assistant", content=reply)
        said = told(reply, outcome.text, grammar)
    # The last result closes the example, so that the next problem starts a new one.
    yield said
    yield Message(role="assistant", content="Ready for the next problem.")
