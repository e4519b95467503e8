"""Probes: a few problems that a student solves while it is trained, and what they decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, in_, le

from fcpref.core.chains import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcpref.core.scores import Score

_LIMITS = Limits(tokens=400, reply_tokens=64)

Keep = Literal["best", "last"]


@frozen(kw_only=True)
class ProbeSpec:
    """How a student is watched while it is trained: greedy chains of the same few problems.

    Attributes:
        every: optimizer steps between probes; the start and the end are probed too. 0 for none.
        count: problems.
        task: of the problems; empty for the task of most rows.
        problems: id of problems to take the first of; empty to generate problems of the dev split.
        seed: of the generator.
        knobs: of the generator.
        limits: of each chain.
        collapse: stop when the share of one-call chains, those in which no call but `Answer`
            works, has risen by more than this since the start; 1 for never.
        fall: stop when the share of correct chains was more than this below its best in two probes
            in a row; 1 for never.
        keep: whose weights the adapter gets: of the ``best`` probe, the earliest of equals, or of
            the ``last`` step.
    """

    every: int = field(default=0, validator=ge(0))
    count: int = field(default=16, validator=ge(1))
    task: str = ""
    problems: str = ""
    seed: int = 0
    # A specification can be hashed, knobs cannot.
    knobs: dict[str, Any] = field(factory=dict, hash=False)
    limits: Limits = field(default=_LIMITS)
    collapse: float = field(default=0.5, validator=[gt(0), le(1)])
    fall: float = field(default=0.25, validator=[gt(0), le(1)])
    keep: Keep = field(default="best", validator=in_(("best", "last")))


@frozen(kw_only=True)
class Probe:
    """What a probe found, in numbers of chains and of calls.

    Attributes:
        step: optimizer steps done.
        chains: one a problem.
        correct: whose answers are right and supported.
        answered: that end with an answer, right or not.
        one_call: that guess: `Answer` is their only call that worked.
        calls: of all chains, failed ones included.
        failed: failed calls.
    """

    step: int
    chains: int
    correct: int
    answered: int
    one_call: int
    calls: int
    failed: int


def probe_of(step: int, scores: Iterable[Score]) -> Probe:
    """Count what the chains of a probe are worth."""
    every = list(scores)
    return Probe(
        step=step,
        chains=len(every),
        correct=sum(one.correct for one in every),
        answered=sum(one.answered for one in every),
        one_call=sum(one.answered and one.codes.count(None) == 1 for one in every),
        calls=sum(len(one.codes) for one in every),
        failed=sum(code is not None for one in every for code in one.codes),
    )


def best_of(probes: Sequence[Probe]) -> Probe:
    """Return the probe with most correct chains, the earliest of equals."""
    return max(probes, key=lambda one: (one.correct, -one.step))


def stop_reason(probes: Sequence[Probe], spec: ProbeSpec, remedy: str) -> str:
    """Return why training should end after these probes; empty when it should not.

    Args:
        probes: of the run so far, from its start on.
        spec: says how much is too much.
        remedy: what to change instead of fewer steps, as the message says it.
    """
    first, last = probes[0], probes[-1]
    if (last.one_call - first.one_call) / last.chains > spec.collapse:
        return (
            f"step {last.step}: in {last.one_call} of {last.chains} probe chains no call but "
            f"Answer works, {first.one_call} at the start, a rise over probe.collapse "
            f"{spec.collapse:g} (collapse to guesses); {remedy}"
        )
    best = best_of(probes)
    if len(probes) > 1 and all(
        (best.correct - one.correct) / one.chains > spec.fall and one.step > best.step
        for one in probes[-2:]
    ):
        return (
            f"step {last.step}: {last.correct} of {last.chains} probe chains are correct, "
            f"{best.correct} at step {best.step}, twice in a row more than probe.fall "
            f"{spec.fall:g} below; {remedy}, or train for fewer steps"
        )
    return ""


def described(probe: Probe) -> str:
    """Return what a probe found, in a few words."""
    return (
        f"{probe.correct}/{probe.chains} correct, {probe.answered} answered, "
        f"{probe.one_call} by one call, {probe.calls / probe.chains:.1f} calls a chain, "
        f"{probe.failed / max(1, probe.calls):.0%} failed"
    )


def helped(probes: Sequence[Probe], kept: int) -> bool:
    """Tell whether a run kept other weights than it started from; see `outcome`."""
    return kept > probes[0].step or len(probes) == 1


def outcome(probes: Sequence[Probe], kept: int) -> str:
    """Return whose weights a run kept, and whether it helped, in some words.

    Args:
        probes: of the whole run.
        kept: step of the weights.
    """
    first = probes[0]
    if not helped(probes, kept):
        return (
            "training did not help: no probe has more correct chains than the start "
            f"({first.correct} of {first.chains}), whose weights are kept"
        )
    own = next(one for one in probes if one.step == kept)
    gain = f"{own.correct} of {own.chains} probe chains correct, {first.correct} at the start"
    return f"kept step {kept}: {gain}"
