"""What a sampling run has come to so far: beside its bar, and in its log."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fcpref.errors import ArtifactError
from fcpref.shell.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fcpref.core.chains import Turn
    from fcpref.core.scores import ScoredChain
    from fcpref.shell.logs import StageLog
    from fcpref.shell.progress import Bar, Progress
    from fcpref.shell.sampling import SamplePlan

LOG_EVERY = 30.0


class Usage(Protocol):
    """What an engine has asked for so far."""

    @property
    def requests(self) -> int:
        """Attempts, retries included."""
        ...

    @property
    def retries(self) -> int:
        """Attempts at a request after its first."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """Tokens sent."""
        ...

    @property
    def completion_tokens(self) -> int:
        """Tokens generated."""
        ...

    @property
    def cost(self) -> float | None:
        """Of these tokens, in the currency of the prices; None without prices."""
        ...


@runtime_checkable
class Metered(Protocol):
    """An engine that counts what it asks for; others have no cost."""

    @property
    def usage(self) -> Usage:
        """The counts so far."""
        ...


class Meter:
    """Counts replies and chains as they come; a `Watch` of `sample_chains`.

    A chain is correct when its answer is right and supported, and supported when executed calls
    establish its answer, right or not (see `Score`).
    """

    def __init__(
        self,
        plan: SamplePlan,
        problems: int,
        bar: Bar,
        log: StageLog | None = None,
        engine: object = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start counting.

        Args:
            plan: what is sampled.
            problems: how many there are to solve.
            bar: shows the counts.
            log: gets them every `LOG_EVERY` seconds and at the end; None for no log.
            engine: who replies; one that is `Metered` tells the cost.
            clock: seconds, from any start.
        """
        self._plan, self._bar, self._log, self._clock = plan, bar, log, clock
        self._engine = engine if isinstance(engine, Metered) else None
        self._total = problems * plan.samples
        self._chains, self._tokens = Pace(clock), Pace(clock)
        self._logged = clock()
        self._counts: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._kinds: dict[str, set[bool]] = defaultdict(set)

    def turn(self, turn: Turn) -> None:
        """See `Watch.turn`."""
        self._counts["calls"] += 1
        self._counts["tokens"] += turn.tokens
        if turn.outcome.code is not None:
            self._codes[turn.outcome.code.value] += 1
        self._tokens.to(self._counts["tokens"])
        self._bar.to(self._counts["chains"], self._total, self.text)
        if self._log is not None and self._clock() - self._logged >= LOG_EVERY:
            self._logged = self._clock()
            self._log.write("progress", **self.fields)

    def chain(self, scored: ScoredChain) -> None:
        """See `Watch.chain`."""
        chain, score = scored.chain, scored.score
        self._counts["chains"] += 1
        self._counts["correct"] += score.correct
        self._counts["supported"] += score.supported
        self._verdicts[score.verdict.value] += 1
        kinds = self._kinds[chain.problem]
        kinds.add(score.correct)
        if self._plan.until_both and len(kinds) > 1:
            # The problem's other samples will not be drawn.
            self._total -= self._plan.samples - chain.sample - 1
        self._chains.to(self._counts["chains"])
        self._bar.to(self._counts["chains"], self._total, self.text)

    def end(self, completed: int = 0) -> None:
        """Log the counts at the end of a run.

        Args:
            completed: chains that the oracle added; they are not among the others.
        """
        if self._log is not None:
            more = {"codes": dict(self._codes), "verdicts": dict(self._verdicts)}
            self._log.write("sampled", **self.fields, **more, completed=completed)

    @property
    def text(self) -> str:
        """The counts, for people."""
        counts, failed = self._counts, self._codes.total()
        parts = [f"{counts['correct']} correct, {counts['supported']} supported"]
        parts.append(f"{failed} of {counts['calls']} calls failed")
        if counts["tokens"]:
            parts.append(f"{self._tokens.rate:.0f} tokens/s")
        cost = self._engine.usage.cost if self._engine is not None else None
        if cost is not None:
            parts.append(f"cost {cost:.4g}")
        return ", ".join(parts)

    @property
    def fields(self) -> dict[str, object]:
        """The counts, for the log; rates are a second, times seconds."""
        counts = self._counts
        left = self._chains.seconds_left(self._total - counts["chains"])
        fields: dict[str, object] = {
            name: counts[name] for name in ("chains", "correct", "supported", "calls", "tokens")
        }
        fields |= {
            "of": self._total,
            "failed_calls": self._codes.total(),
            "tokens_per_second": round(self._tokens.rate, 1),
            "seconds_left": None if left is None else round(left),
        }
        if self._engine is not None:
            usage = self._engine.usage
            fields |= {
                "cost": usage.cost,
                "requests": usage.requests,
                "retries": usage.retries,
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
            }
        return fields


@contextmanager
def metered(
    progress: Progress,
    label: str,
    plan: SamplePlan,
    problems: int,
    log: StageLog | None = None,
    engine: object = None,
) -> Iterator[Meter]:
    """Show and log a sampling run while the block runs; what stops it is logged too."""
    with progress.bar(f"chains {label}", problems * plan.samples) as bar:
        meter = Meter(plan, problems, bar, log, engine)
        try:
            yield meter
        except BaseException:
            with suppress(ArtifactError):  # what stopped the run matters more
                meter.end()
            raise
