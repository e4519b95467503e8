"""Chains and pairs as people look at them, as data: before any text or markup."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from fcpref.core.chains import chain_id
from fcpref.core.codec import LATER, value_id
from fcpref.core.report.terminal import Span
from fcpref.core.report.trained import Run, ShownTraining
from fcpref.core.scores import Grounded, Verdict
from fcpref.core.training import judged_replies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.core.chains import Chain
    from fcpref.core.pairs import PreferencePair
    from fcpref.core.problems import Problem
    from fcpref.core.report.trained import Tokens
    from fcpref.core.scores import Score

Place = Literal["", "shared", "first", "after"]
"""Where a call of a pair's chain stands: in the beginning that both share, the first that differs,
or after it; empty in a chain that is in no pair."""


@frozen(kw_only=True)
class ShownProblem:
    """What a chain is about."""

    split: str
    difficulty: int
    text: str
    gold: str


@frozen(kw_only=True)
class ShownCall:
    """One reply and what came of it.

    Attributes:
        index: in the chain, from 0.
        reply: the model's words.
        result: what it was told.
        code: the failure code; empty where it worked.
        evidence: whether the answer rests on it; False where there is no score.
        place: see `Place`.
        judged: whether a pair compares it.
        runs: the reply's tokens, where it is asked which carry loss.
    """

    index: int
    reply: str
    result: str
    code: str
    evidence: bool = False
    place: Place = ""
    judged: bool = False
    runs: tuple[Run, ...] = field(default=(), metadata=LATER)

    @property
    def pieces(self) -> tuple[Span, ...]:
        """Return the reply in the pieces that are shown each in its own style.

        It is one, or one for each run of tokens that carry loss or carry none. A line's end is a
        token to a model, so it is written out there.
        """
        if not self.runs:
            return (Span(self.reply),)
        return tuple(
            Span(run.text.replace("\n", "\\n"), "trained" if run.trained else "dim")
            for run in self.runs
        )


@frozen(kw_only=True)
class ShownChain:
    """A chain, with its score where there is one.

    Attributes:
        id: its content id.
        task: the task's name.
        problem: the problem's id.
        about: the problem; None where it is not here, and in a pair, which has it itself.
        source: who replied.
        sample: its index among this source's chains for the problem.
        stop: why it ended.
        grammar: how calls are written.
        without: functions that were not on offer.
        completed_from: the first call that the oracle wrote in the source's place, if any.
        verdict: empty where it is not known.
        shortest: calls of the oracle's chain, where they were measured and it has one.
        efficiency: see `Score.efficiency`.
        reasoned: numbers in thoughts, where they were counted.
        calls: in order.
        training: what a training run takes of it, where that is asked.
    """

    id: str
    task: str
    problem: str
    about: ShownProblem | None
    source: str
    sample: int
    stop: str
    grammar: str
    without: tuple[str, ...]
    completed_from: int | None
    verdict: str
    shortest: int | None = None
    efficiency: Fraction | None = None
    reasoned: Grounded | None = None
    calls: tuple[ShownCall, ...]
    training: ShownTraining | None = field(default=None, metadata=LATER)


@frozen(kw_only=True)
class ShownPair:
    """A preference pair.

    Attributes:
        id: its content id.
        task: the task's name.
        problem: the problem's id.
        about: the problem; None where it is not here.
        kind: see `PreferencePair`.
        origin: which builder made it.
        values: of the two calls, where they are known.
        rejected_verdict: why the rejected chain is not correct.
        rejected_code: the failure that it is judged for; empty where that is none.
        shared: how many replies both begin with.
        chosen: the better chain.
        rejected: the other.
    """

    id: str
    task: str
    problem: str
    about: ShownProblem | None
    kind: str
    origin: str
    values: tuple[Fraction, Fraction] | None
    rejected_verdict: str
    rejected_code: str
    shared: int
    chosen: ShownChain
    rejected: ShownChain


def shown_problem(problem: Problem) -> ShownProblem:
    """Return what people read of a problem."""
    return ShownProblem(
        split=problem.split, difficulty=problem.difficulty, text=problem.text, gold=problem.gold
    )


def shown_chain(
    chain: Chain, problem: Problem | None, score: Score | None, tokens: Tokens | None = None
) -> ShownChain:
    """Return a chain to be looked at.

    Args:
        chain: the chain, with the results that were recorded.
        problem: what it is about, where that is here.
        score: its score, complete or not, if any.
        tokens: which of its tokens carry loss, where that is asked.
    """
    evidence = frozenset(score.evidence if score else ())
    calls = tuple(
        ShownCall(
            index=index,
            reply=turn.reply,
            result=turn.outcome.text,
            code=turn.outcome.code or "",
            evidence=index in evidence,
            runs=tokens.replies[index] if tokens else (),
        )
        for index, turn in enumerate(chain.turns)
    )
    return _chain(
        chain,
        calls,
        tokens,
        verdict=score.verdict.value if score else "",
        problem=problem,
        score=score,
    )


def shown_pair(
    pair: PreferencePair, problem: Problem | None, tokens: tuple[Tokens, Tokens] | None = None
) -> ShownPair:
    """Return a pair to be looked at.

    Args:
        pair: the pair.
        problem: what it is about, where that is here.
        tokens: which tokens of its chains carry loss, where that is asked.
    """
    both = tokens or (None, None)
    judged = judged_replies(pair)
    chosen, rejected = (
        tuple(_calls_of_pair(chain, pair.shared, mask, own))
        for chain, mask, own in zip((pair.chosen, pair.rejected), judged, both, strict=True)
    )
    return ShownPair(
        id=value_id(pair),
        task=pair.chosen.task,
        problem=pair.chosen.problem,
        about=None if problem is None else shown_problem(problem),
        kind=pair.kind,
        origin=pair.origin,
        values=pair.values,
        rejected_verdict=pair.rejected_verdict,
        rejected_code=pair.rejected_code or "",
        shared=pair.shared,
        chosen=_chain(pair.chosen, chosen, both[0], verdict=Verdict.CORRECT.value),
        rejected=_chain(pair.rejected, rejected, both[1], verdict=pair.rejected_verdict),
    )


def _chain(
    chain: Chain,
    calls: tuple[ShownCall, ...],
    tokens: Tokens | None,
    *,
    verdict: str,
    problem: Problem | None = None,
    score: Score | None = None,
) -> ShownChain:
    return ShownChain(
        id=chain_id(chain),
        task=chain.task,
        problem=chain.problem,
        about=None if problem is None else shown_problem(problem),
        source=chain.source,
        sample=chain.sample,
        stop=chain.stop,
        grammar=chain.grammar,
        without=chain.without,
        completed_from=chain.completed_from,
        verdict=verdict,
        shortest=score.shortest if score else None,
        efficiency=score.efficiency if score else None,
        reasoned=score.reasoned if score else None,
        calls=calls,
        training=tokens.training if tokens else None,
    )


def _calls_of_pair(
    chain: Chain, shared: int, judged: tuple[bool, ...], tokens: Tokens | None
) -> Iterator[ShownCall]:
    for index, turn in enumerate(chain.turns):
        place: Place = "shared" if index < shared else "first" if index == shared else "after"
        yield ShownCall(
            index=index,
            reply=turn.reply,
            result=turn.outcome.text,
            code=turn.outcome.code or "",
            place=place,
            judged=judged[index],
            runs=tokens.replies[index] if tokens else (),
        )
