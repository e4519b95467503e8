"""Chain and Turn: what a model said, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.codec import LATER, value_id
from fcpref.core.functions import Grammar, Memory, Outcome, Toolbox, read_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.problems import Problem

Role = Literal["system", "user", "assistant", "tool"]
Stop = Literal["answered", "calls", "tokens", "failures", "silent"]


@frozen(kw_only=True)
class Message:
    """One chat message.

    Attributes:
        role: who speaks; ``tool`` is a function's result in the `tools` grammar.
        content: the text; of the assistant the reply as it stands, calls too (see `chat`).
    """

    role: Role
    content: str


@frozen(kw_only=True)
class Reply:
    """What an engine gives back for one message list.

    Attributes:
        text: the model's words, without end-of-turn marks.
        tokens: tokens generated.
    """

    text: str
    tokens: int = 0


@frozen(kw_only=True)
class Turn:
    """A reply and the outcome of executing it; failed ones are kept too."""

    reply: str
    outcome: Outcome
    tokens: int = 0


@frozen(kw_only=True)
class Limits:
    """When a chain is stopped.

    Attributes:
        calls: replies a chain may have (the paper's n_max).
        failures: failed replies in a row.
        tokens: generated tokens a chain may have.
        reply_tokens: generated tokens one reply may have; the engine cuts there.
    """

    calls: int = field(default=18, validator=ge(1))
    failures: int = field(default=3, validator=ge(1))
    tokens: int = field(default=800, validator=ge(1))
    reply_tokens: int = field(default=96, validator=ge(1))


@frozen(kw_only=True)
class Chain:
    """A finished chain.

    Attributes:
        task: the task's name.
        problem: the problem's id.
        source: who replied, as ``engine`` or ``engine:model``.
        sample: the sample's index among this source's chains for the problem; 0 is greedy where
            sampling is.
        turns: replies with their outcomes, in order.
        stop: why it ended; ``silent`` means an engine had nothing more to say.
        grammar: what the replies are read by.
        without: functions of the task that were not on offer, sorted; executing the chain again
            needs the same toolbox.
        completed_from: index of the first turn that the oracle wrote in the source's place; None
            where all turns are the source's own.
    """

    task: str
    problem: str
    source: str
    sample: int
    turns: tuple[Turn, ...]
    stop: Stop
    grammar: Grammar = field(default="python", metadata=LATER)
    without: tuple[str, ...] = field(default=(), metadata=LATER)
    completed_from: int | None = field(default=None, metadata=LATER)

    @property
    def own(self) -> bool:
        """Tell whether all replies are the source's; a completed chain says nothing about it."""
        return self.completed_from is None


def replies_of(chain: Chain) -> tuple[str, ...]:
    """Return what was replied, in order."""
    return tuple(turn.reply for turn in chain.turns)


def chain_id(chain: Chain) -> str:
    """Return the content id of a chain."""
    return value_id(chain)


def replay(
    replies: Iterable[str], toolbox: Toolbox, problem: Problem, grammar: Grammar = "python"
) -> tuple[tuple[Outcome, ...], Memory]:
    """Execute replies again, in order, and return their outcomes and the final memory."""
    memory = Memory(problem=problem)
    outcomes = []
    for reply in replies:
        effect = read_call(reply, toolbox, memory, grammar)
        outcomes.append(effect.outcome)
        memory = effect.memory
    return tuple(outcomes), memory
