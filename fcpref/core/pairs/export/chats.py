"""Chains as messages, for every format."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from fcpref.core.canon import short
from fcpref.core.chains import (
    Chain,
    Message,
    PromptSpec,
    chat_rows,
    render,
    schemas,
    template_rows,
    told,
)
from fcpref.core.codec import value_id
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import PairError

if TYPE_CHECKING:
    from fcpref.core.functions import Grammar
    from fcpref.core.pairs.values import PreferencePair
    from fcpref.core.problems import Problem

Row = dict[str, Any]
"""Plain data, as JSON has it. Rows share the parts that are the same; nothing may change them."""


@frozen(kw_only=True)
class Sample:
    """One chain, or one call of it, with what it is worth.

    Attributes:
        chain: the chain.
        verdict: how it ended.
        start: replies before this one are no part of what is judged, but of what it answers to.
        end: the first reply after what is judged; None takes all to the chain's end.
    """

    chain: Chain
    verdict: Verdict
    start: int = 0
    end: int | None = None

    @property
    def correct(self) -> bool:
        """Tell whether the chain's answer is right and supported."""
        return self.verdict is Verdict.CORRECT


def sides_of(pair: PreferencePair) -> tuple[Sample, Sample]:
    """Return the chosen and the rejected chain of a pair, whole."""
    return (
        Sample(chain=pair.chosen, verdict=Verdict.CORRECT),
        Sample(chain=pair.rejected, verdict=Verdict(pair.rejected_verdict)),
    )


def judged_sides(pair: PreferencePair) -> tuple[Sample, Sample]:
    """Return what a pair judges: both chains, or in a ``step`` pair the first call that differs.

    Raises:
        PairError: a ``step`` pair has no such call on both sides.
    """
    if pair.kind == "chain":
        return sides_of(pair)
    chosen, rejected = sides_of(pair)
    at = pair.shared
    if min(len(pair.chosen.turns), len(pair.rejected.turns)) <= at:
        raise PairError(
            f"pair {short(value_id(pair))} compares calls, and one of its chains ends before they "
            "part; make the pairs again"
        )
    return _cut(chosen, at), _cut(rejected, at)


def single_calls(pair: PreferencePair, name: str) -> tuple[Sample, Sample]:
    """Return a pair's two calls, for formats whose sides are one message.

    A ``chain`` pair is one too where the chains part at their last call: all that comes before is
    the same in both, and adds nothing to what is compared.

    Raises:
        PairError: whole chains are compared. To keep only their first different calls would judge
            what was never compared.
    """
    if pair.kind == "step":
        return judged_sides(pair)
    chosen, rejected = sides_of(pair)
    at = pair.shared
    if {len(pair.chosen.turns), len(pair.rejected.turns)} != {at + 1}:
        raise PairError(
            f"{name} rows hold one call a side, and pair {short(value_id(pair))} compares whole "
            "chains; export it as trl, or make pairs with --kind step"
        )
    return _cut(chosen, at), _cut(rejected, at)


def _cut(side: Sample, at: int) -> Sample:
    return Sample(chain=side.chain, verdict=side.verdict, start=at, end=at + 1)


def before(sample: Sample, problem: Problem, prompt: PromptSpec) -> list[Row]:
    """Return the messages that a sample answers to, as chat templates take them."""
    chain = sample.chain
    return [
        *_opening_rows(problem, chain.grammar, chain.without, prompt),
        *(_rows(chain, 0, sample.start) if sample.start else ()),
    ]


def judged(sample: Sample) -> list[Row]:
    """Return the messages that are judged: calls, and the results between them."""
    return _rows(sample.chain, sample.start, sample.end)[:-1]  # no result of the last is read


def opening(chain: Chain, problem: Problem, prompt: PromptSpec) -> tuple[Message, ...]:
    """Return the messages before a chain's first reply; grammar and functions are the chain's."""
    return _opening(problem, chain.grammar, chain.without, prompt)


def tools_of(chain: Chain, prompt: PromptSpec) -> list[Row]:
    """Return the JSON schemas of a chain's functions; none in the `python` grammar.

    Chains that were offered the same functions get the same list.
    """
    return offered(chain.task, chain.grammar, chain.without, prompt)


@lru_cache(maxsize=4096)
def _opening(
    problem: Problem, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec
) -> tuple[Message, ...]:
    task = find_task(problem.task)
    own = evolve(prompt, grammar=grammar, without=without)
    return render(own, task.toolbox, problem, task.exemplars)


@lru_cache(maxsize=256)
def offered(task: str, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec) -> list[Row]:
    """Return the JSON schemas of a task's functions in a grammar; none in `python`."""
    return list(schemas(evolve(prompt, grammar=grammar, without=without), find_task(task).toolbox))


@lru_cache(maxsize=4096)
def _opening_rows(
    problem: Problem, grammar: Grammar, without: tuple[str, ...], prompt: PromptSpec
) -> list[Row]:
    messages = _opening(problem, grammar, without, prompt)
    return chat_rows(messages) if grammar == "python" else template_rows(messages)


def _rows(chain: Chain, start: int, end: int | None) -> list[Row]:
    """Return calls and their results: what `template_rows` makes of them, or `chat_rows`."""
    rows: list[Row] = []
    python = chain.grammar == "python"
    for turn in chain.turns[start:end]:
        if python:
            rows.append({"role": "assistant", "content": turn.reply})
            rows.append({"role": "user", "content": turn.outcome.text})
        else:
            call, result = _called(turn.reply)
            rows.append(call)
            rows.append(result | {"content": turn.outcome.text})
    return rows


# A problem's chains have many calls in common.
@lru_cache(maxsize=16_384)
def _called(reply: str) -> tuple[Row, Row]:
    """Return a reply of the `tools` grammar as a message, and the message of a result of it."""
    messages = (Message(role="assistant", content=reply), told(reply, "", "tools"))
    call, result = template_rows(messages)
    return call, result
