"""Drives chains through an engine: the one loop that teacher, student and replay share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.chains import (
    Chain,
    ChainState,
    Limits,
    Message,
    PromptSpec,
    Reply,
    advance,
    begin,
    finish,
    messages,
    schemas,
)
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import Engine, Request
from fcpref.shell.openings import openings

if TYPE_CHECKING:
    from collections.abc import Iterator

OnChain = Callable[[Chain], None]


@frozen(kw_only=True)
class SamplePlan:
    """What to sample: how many chains a problem, with which prompt, within which limits."""

    samples: int = 1
    prompt: PromptSpec
    limits: Limits


def sample_chains(
    problems: Sequence[Problem],
    engine: Engine,
    plan: SamplePlan,
    on_chain: OnChain = lambda _: None,
) -> tuple[Chain, ...]:
    """Return every problem's chains, ordered by problem and sample.

    Args:
        problems: of any tasks; one given twice counts once.
        engine: answers the requests.
        plan: how many, how shown, how long.
        on_chain: told of each chain when it ends, for progress.
    """
    states: dict[str, ChainState] = {}
    chains: dict[str, Chain] = {}
    source = _source(engine)

    def on_reply(request: Request, reply: Reply) -> Request | None:
        state = advance(states[request.job], reply)
        states[request.job] = state
        if state.stop is None:
            return evolve(request, step=request.step + 1, messages=messages(state))
        chain = finish(state, source, int(request.job.rpartition("/")[2]))
        chains[request.job] = chain
        on_chain(chain)
        return None

    requests = []
    for job, state in _begin(problems, plan):
        if job in states:
            continue
        states[job] = state
        tools = schemas(plan.prompt, state.toolbox)
        requests.append(Request(job=job, step=0, messages=messages(state), tools=tools))
    engine.run(requests, on_reply)
    return tuple(
        chains.get(job) or finish(state, source, int(job.rpartition("/")[2]))
        for job, state in states.items()
    )


def _begin(problems: Sequence[Problem], plan: SamplePlan) -> Iterator[tuple[str, ChainState]]:
    # Worked examples are executed to be shown: once for a task, not for each of its problems.
    shown = openings(plan.prompt, (problem.task for problem in problems))
    for problem in problems:
        toolbox = find_task(problem.task).toolbox
        opening = (
            *shown[problem.task].messages,
            Message(role="user", content=problem.text),
        )
        name = problem_id(problem)
        for sample in range(plan.samples):
            state = begin(toolbox, problem, opening, plan.limits, plan.prompt.grammar)
            yield f"{name}/{sample}", state


def _source(engine: Engine) -> str:
    identity = engine.identity
    model = identity.get("model", "")
    return f"{identity['engine']}:{model}" if model else identity["engine"]
