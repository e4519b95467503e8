"""The agent loop as a pure state machine.

``begin`` gives a state, ``messages`` what the model reads next, ``advance`` takes its reply. Every
driver uses it: teacher, student, oracle, replay, and a person at a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.chains.chat import told
from fcpref.core.chains.values import Chain, Limits, Message, Reply, Stop, Turn
from fcpref.core.functions import Grammar, Memory, Toolbox, read_call
from fcpref.core.problems import Problem, problem_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@frozen(kw_only=True)
class ChainState:
    """A chain in the making; `stop` is None while it goes on."""

    toolbox: Toolbox
    limits: Limits
    opening: tuple[Message, ...]
    memory: Memory
    turns: tuple[Turn, ...] = ()
    stop: Stop | None = None
    grammar: Grammar = "python"


def begin(
    toolbox: Toolbox,
    problem: Problem,
    opening: Sequence[Message],
    limits: Limits,
    grammar: Grammar = "python",
) -> ChainState:
    """Return the state before the first reply.

    Args:
        toolbox: the functions on offer; what it withholds is refused as unknown.
        problem: what the chain is about.
        opening: the messages before the first reply.
        limits: when the chain is stopped.
        grammar: how calls are written.
    """
    return ChainState(
        toolbox=toolbox,
        limits=limits,
        opening=tuple(opening),
        memory=Memory(problem=problem),
        grammar=grammar,
    )


def messages(state: ChainState) -> tuple[Message, ...]:
    """Return the whole chat so far, ending with what the model is to answer."""
    chat = list(state.opening)
    for turn in state.turns:
        chat.append(Message(role="assistant", content=turn.reply))
        chat.append(told(turn.reply, turn.outcome.text, state.grammar))
    return tuple(chat)


def advance(state: ChainState, reply: Reply) -> ChainState:
    """Execute a reply and return the next state; a stopped chain stays as it is."""
    if state.stop is not None:
        return state
    effect = read_call(reply.text, state.toolbox, state.memory, state.grammar)
    turn = Turn(reply=reply.text, outcome=effect.outcome, tokens=reply.tokens)
    after = evolve(state, memory=effect.memory, turns=(*state.turns, turn))
    return evolve(after, stop=_stop(after))


def retrace(state: ChainState, turns: Iterable[Turn]) -> ChainState:
    """Execute recorded replies again, with the tokens that they had."""
    for turn in turns:
        state = advance(state, Reply(text=turn.reply, tokens=turn.tokens))
    return state


def finish(state: ChainState, source: str, sample: int, completed_from: int | None = None) -> Chain:
    """Return the chain that a state has become; one that still goes on ends as ``silent``.

    Args:
        state: after the last reply.
        source: who replied.
        sample: index among the source's chains for the problem.
        completed_from: the first turn that the oracle wrote in the source's place, if any.
    """
    problem = state.memory.problem
    return Chain(
        task=problem.task,
        problem=problem_id(problem),
        source=source,
        sample=sample,
        turns=state.turns,
        stop=state.stop or "silent",
        grammar=state.grammar,
        without=state.toolbox.withheld,
        completed_from=completed_from,
    )


def _stop(state: ChainState) -> Stop | None:
    if state.memory.answer is not None:
        return "answered"
    recent = state.turns[-state.limits.failures :]
    if len(recent) == state.limits.failures and all(t.outcome.code is not None for t in recent):
        return "failures"
    if len(state.turns) >= state.limits.calls:
        return "calls"
    if sum(turn.tokens for turn in state.turns) >= state.limits.tokens:
        return "tokens"
    return None
