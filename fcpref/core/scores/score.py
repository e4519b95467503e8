"""Verdict and evidence of one chain, from executing it again."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from attrs.validators import ge, optional

from fcpref.core.chains import Chain, replay
from fcpref.core.codec import LATER
from fcpref.core.functions import FailureCode, Memory, Toolbox
from fcpref.core.scores.reasoned import Grounded, reasoned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.core.chains import ChainState, Stop
    from fcpref.core.functions import Outcome
    from fcpref.core.problems import Problem

MEASURES = 1
"""Which measures a complete score has beside verdict, evidence and codes; 0 stands for none. What
scores are written with, so that they can be compared with the same again."""

Support = Callable[[Memory], tuple[int, ...] | None]
"""The calls that establish the answer in `memory`, or None when they do not."""


class Verdict(StrEnum):
    """How a chain ended."""

    CORRECT = "correct"
    UNSUPPORTED = "unsupported"
    WRONG_ANSWER = "wrong_answer"
    LIMIT = "limit"
    MALFORMED = "malformed"
    NO_ANSWER = "no_answer"


_ANSWERED = frozenset({Verdict.CORRECT, Verdict.UNSUPPORTED, Verdict.WRONG_ANSWER})


@frozen(kw_only=True)
class Score:
    """What a chain is worth.

    Attributes:
        verdict: see `Verdict`; only ``correct`` counts.
        evidence: indices of the calls that establish the answer, in order.
        codes: failure code of each turn, None where it worked.
        shortest: calls of the oracle's chain of the problem with the same functions on offer; None
            where it has no correct one, or where that was not measured.
        reasoned: the numbers in `Reasoning` texts; None where they were not counted.
    """

    verdict: Verdict
    evidence: tuple[int, ...]
    codes: tuple[FailureCode | None, ...]
    shortest: int | None = field(default=None, validator=optional(ge(1)), metadata=LATER)
    reasoned: Grounded | None = field(default=None, metadata=LATER)

    @property
    def correct(self) -> bool:
        """Tell whether the answer is right and supported."""
        return self.verdict is Verdict.CORRECT

    @property
    def supported(self) -> bool:
        """Tell whether executed calls establish the answer, right or not.

        A wrong answer can be: computed from the problem's own numbers, by the wrong operation.
        """
        return self.correct or bool(self.evidence)

    @property
    def answered(self) -> bool:
        """Tell whether there is an answer, right or not."""
        return self.verdict in _ANSWERED

    @property
    def efficiency(self) -> Fraction | None:
        """Return the calls of the oracle's chain for each call of this one; None unless correct.

        It is in (0, 1] for most chains. Above 1 the chain is shorter than the oracle's: that of
        `fol.deduction` is a shortest proof, but that of `math.word` follows the problem's solution.
        """
        if self.shortest is None or not (self.correct and self.codes):
            return None
        return Fraction(self.shortest, len(self.codes))

    @property
    def grounded_share(self) -> Fraction | None:
        """Return the share of grounded numbers in `Reasoning` texts; None where there are none."""
        if self.reasoned is None or not self.reasoned.numbers:
            return None
        return Fraction(self.reasoned.grounded, self.reasoned.numbers)


@frozen(kw_only=True)
class ScoredChain:
    """A chain and its score, as the score stage writes them."""

    chain: Chain
    score: Score


def score_chain(chain: Chain, problem: Problem, toolbox: Toolbox, support: Support) -> Score:
    """Execute the chain's replies again and judge what they establish.

    Recorded outcomes are not trusted: `fcpref verify` compares them with these.

    Args:
        chain: the chain; functions that it was not offered are not executed.
        problem: what it is about.
        toolbox: all functions of the task.
        support: the task's support rule.
    """
    outcomes, memory = _executed(chain, problem, toolbox)
    return _judged(outcomes, memory, chain.stop, support)


def measure_chain(
    chain: Chain, problem: Problem, toolbox: Toolbox, support: Support, shortest: int | None
) -> Score:
    """Score a chain completely: see `score_chain`, and `MEASURES` for what comes on top.

    Args:
        chain: the chain.
        problem: what it is about.
        toolbox: all functions of the task.
        support: the task's support rule.
        shortest: calls of the oracle's chain of the problem, if there is one.
    """
    outcomes, memory = _executed(chain, problem, toolbox)
    replies = (turn.reply for turn in chain.turns)
    return evolve(
        _judged(outcomes, memory, chain.stop, support),
        shortest=shortest,
        reasoned=reasoned(replies, outcomes, problem, chain.grammar),
    )


def score_state(state: ChainState, support: Support) -> Score:
    """Judge a chain as it has just been executed; its score is that of executing it again."""
    outcomes = [turn.outcome for turn in state.turns]
    return _judged(outcomes, state.memory, state.stop or "silent", support)


def _executed(
    chain: Chain, problem: Problem, toolbox: Toolbox
) -> tuple[tuple[Outcome, ...], Memory]:
    replies = (turn.reply for turn in chain.turns)
    return replay(replies, toolbox.without(chain.without), problem, chain.grammar)


def _judged(outcomes: Iterable[Outcome], memory: Memory, stop: Stop, support: Support) -> Score:
    evidence = support(memory) if memory.answer is not None else None
    return Score(
        verdict=_verdict(memory, stop, supported=evidence is not None),
        evidence=evidence or (),
        codes=tuple(outcome.code for outcome in outcomes),
    )


def _verdict(memory: Memory, stop: Stop, *, supported: bool) -> Verdict:
    if memory.answer is not None:
        if memory.answer != memory.problem.gold:
            return Verdict.WRONG_ANSWER
        return Verdict.CORRECT if supported else Verdict.UNSUPPORTED
    if stop in {"calls", "tokens"}:
        return Verdict.LIMIT
    return Verdict.MALFORMED if stop == "failures" else Verdict.NO_ANSWER
