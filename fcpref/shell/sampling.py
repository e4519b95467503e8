"""Drives chains through an engine: the one loop that teacher, student and replay share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, ge, lt

from fcpref.core.chains import (
    Chain,
    ChainState,
    Limits,
    Message,
    PromptSpec,
    Reply,
    Turn,
    advance,
    begin,
    finish,
    messages,
    render,
    schemas,
)
from fcpref.core.codec import LATER
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import Completion, Policy, complete, corrected, find_task
from fcpref.shell.engines.base import Engine, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

OnChain = Callable[[Chain], None]


@frozen(kw_only=True)
class SamplePlan:
    """What to sample: how many chains a problem, with which prompt, within which limits.

    Attributes:
        samples: chains a problem, at least 1.
        prompt: how problems are shown.
        limits: of each chain.
        temperatures: a ladder, from 0: sample i is drawn at rung i, those beyond the last at the
            last. Empty leaves the engine's temperature.
        until_both: sample a problem only until it has both a correct and an incorrect chain, at
            most `samples` times.
        complete: what the oracle does for problems that have no correct chain then, or for each
            incorrect chain; its chains are marked (`Chain.completed_from`) and come after the
            model's.
        policy: of engine `oracle`, and of the oracle that goes on with ``each`` chain.
        slips: of engine `oracle`: the probability that a failed call goes before one of its own.
    """

    samples: int = field(default=1, validator=ge(1))
    prompt: PromptSpec
    limits: Limits
    temperatures: tuple[float, ...] = field(
        default=(), validator=deep_iterable(ge(0)), metadata=LATER
    )
    until_both: bool = field(default=False, metadata=LATER)
    complete: Completion = field(default="none", metadata=LATER)
    policy: Policy = field(default="shortest", metadata=LATER)
    slips: float = field(default=0.0, validator=[ge(0), lt(1)], metadata=LATER)

    def temperature(self, sample: int) -> float | None:
        """Return what a sample is drawn at; None is the engine's own."""
        ladder = self.temperatures
        return ladder[min(sample, len(ladder) - 1)] if ladder else None


class Watch(Protocol):
    """Is told what happens while chains are sampled; changes nothing."""

    def turn(self, turn: Turn) -> None:
        """Take in a reply that was executed."""
        ...

    def chain(self, scored: ScoredChain) -> None:
        """Take in a chain of the model that has ended."""
        ...


def sample_chains(
    problems: Sequence[Problem],
    engine: Engine,
    plan: SamplePlan,
    on_chain: OnChain = lambda _: None,
    watch: Watch | None = None,
) -> tuple[Chain, ...]:
    """Return every problem's chains, ordered by problem and sample.

    What comes out depends on the replies only, not on the order in which they come: where sampling
    stops early, a problem's next sample begins when the one before has ended, and other problems'
    chains keep the engine busy meanwhile.

    Args:
        problems: of any tasks; one given twice counts once.
        engine: answers the requests.
        plan: how many, how shown, how long.
        on_chain: told of each chain when it ends.
        watch: told of each reply and of each chain's score, for progress.
    """
    sampler = _Sampler(problems, engine, plan, on_chain, watch)
    engine.run(list(sampler.first()), sampler.on_reply)
    return tuple(sampler.chains())


class _Sampler:
    """The chains of one run; a job is ``PROBLEM-ID/SAMPLE``."""

    def __init__(
        self,
        problems: Iterable[Problem],
        engine: Engine,
        plan: SamplePlan,
        on_chain: OnChain,
        watch: Watch | None,
    ) -> None:
        self._problems = {problem_id(problem): problem for problem in problems}
        self._openings: dict[str, tuple[Message, ...]] = {}
        self._states: dict[str, ChainState] = {}
        self._verdicts: dict[str, set[bool]] = {name: set() for name in self._problems}
        self._source = _source(engine)
        self._plan, self._on_chain, self._watch = plan, on_chain, watch
        if plan.complete == "each" and plan.policy != "shortest":
            for task in {problem.task for problem in self._problems.values()}:
                find_task(task).onward(plan.policy)  # refuses now what it would when all is sampled

    def first(self) -> Iterable[Request]:
        """Begin every chain that waits for no other."""
        at_once = 1 if self._plan.until_both else self._plan.samples
        for name in self._problems:
            for sample in range(at_once):
                yield self._begin(name, sample)

    def on_reply(self, request: Request, reply: Reply) -> Request | None:
        """See `Engine.run`."""
        state = advance(self._states[request.job], reply)
        self._states[request.job] = state
        if self._watch is not None:
            self._watch.turn(state.turns[-1])
        if state.stop is None:
            return evolve(request, step=request.step + 1, messages=messages(state))
        return self._ended(request.job, state)

    def chains(self) -> Iterable[Chain]:
        """Return all chains, those that the engine left unfinished included."""
        for name, problem in self._problems.items():
            own = [
                finish(self._states[job], self._source, sample)
                for sample in range(self._plan.samples)
                if (job := f"{name}/{sample}") in self._states
            ]
            yield from own
            asked = any(chain.turns for chain in own)
            if self._plan.complete == "each" and asked:
                task, plan = find_task(problem.task), self._plan
                yield from corrected(task, problem, own, plan.limits, plan.policy)
                continue
            if self._plan.complete != "none" and asked and True not in self._verdicts[name]:
                task = find_task(problem.task)
                made = complete(task, problem, own, self._plan.limits, self._plan.complete)
                if made is not None:
                    yield made

    def _begin(self, name: str, sample: int) -> Request:
        problem, plan, job = self._problems[name], self._plan, f"{name}/{sample}"
        task = find_task(problem.task)
        if name not in self._openings:
            self._openings[name] = render(plan.prompt, task.toolbox, problem, task.exemplars)
        offered = task.toolbox.without(plan.prompt.without)
        state = begin(offered, problem, self._openings[name], plan.limits, plan.prompt.grammar)
        self._states[job] = state
        return Request(
            job=job,
            step=0,
            messages=messages(state),
            tools=schemas(plan.prompt, task.toolbox),
            temperature=plan.temperature(sample),
        )

    def _ended(self, job: str, state: ChainState) -> Request | None:
        """Take in a chain that has ended; return the first request of the one after it."""
        name, _, text = job.rpartition("/")
        sample = int(text)
        chain = finish(state, self._source, sample)
        self._on_chain(chain)
        plan, watch = self._plan, self._watch
        if watch is None and not plan.until_both and plan.complete == "none":
            return None
        score = find_task(chain.task).score_state(state)
        self._verdicts[name].add(score.correct)
        if watch is not None:
            watch.chain(ScoredChain(chain=chain, score=score))
        if not plan.until_both or sample + 1 >= plan.samples or len(self._verdicts[name]) > 1:
            return None
        return self._begin(name, sample + 1)


def _source(engine: Engine) -> str:
    identity = engine.identity
    model = identity.get("model", "")
    return f"{identity['engine']}:{model}" if model else identity["engine"]
