"""Chains by whichever engine is asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from fcpref.core.problems import Problem
from fcpref.errors import ReplayMissError, UsageError
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.openai import OpenAIEngine, Patience, Prices
from fcpref.shell.prompting import check_prompt
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.stages_chains import (
    model_chains,
    model_chains_made,
    oracle_chains,
    plan_of,
    replay_chains,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fcpref.shell.engines.base import Engine, OnReply, Request
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


@frozen(kw_only=True)
class Solver:
    """Who solves, and how.

    Attributes:
        engine: oracle, replay, openai or transformers.
        model: the model's name; with openai, the server's own name of it.
        dtype: of a model on this machine, see `load_model`.
        endpoint: base URL of an OpenAI-compatible server.
        recording: what engine replay answers from, by path or by the start of its id.
        concurrency: requests to a server at once.
        patience: how long a server is waited for.
        prices: of a server's tokens.
        budget: what a run may cost.
        plan: how many chains, with which prompt, within which limits.
        sampling: how replies are drawn.
        given: which settings were asked for by name; a replay refuses one that was recorded
            otherwise, and takes the others from its recording.
    """

    engine: str
    model: str | None = None
    dtype: str = "auto"
    endpoint: str | None = None
    recording: str | None = None
    concurrency: int = 8
    patience: Patience = field(factory=Patience)
    prices: Prices | None = None
    budget: float | None = None
    plan: SamplePlan
    sampling: Sampling
    given: tuple[str, ...] = ()


def solve(workspace: Workspace, problems: Artifact, solver: Solver) -> Artifact:
    """Let an engine solve problems; stage ``chains``.

    Raises:
        UsageError: no such engine, an option that it needs is missing, or the prompt cannot be
            shown.
        ArtifactError: there is no such recording.
        ModelError: the model cannot be found or loaded.
        EndpointError: the server does not answer.
    """
    if solver.engine not in _ENGINES:
        raise UsageError(f"no engine {solver.engine!r}; there are {', '.join(_ENGINES)}")
    if solver.engine != "replay":  # a recording has its own prompt
        check_prompt(solver.plan.prompt, problems.values(Problem), workspace.progress.note)
    return _ENGINES[solver.engine](workspace, problems, solver)


def _by_oracle(workspace: Workspace, problems: Artifact, solver: Solver) -> Artifact:
    plan = solver.plan
    return oracle_chains(
        workspace,
        problems,
        plan.limits,
        plan.prompt.grammar,
        without=plan.prompt.without,
        policy=plan.policy,
        slips=plan.slips,
    )


def _by_replay(workspace: Workspace, problems: Artifact, solver: Solver) -> Artifact:
    recording = workspace.locate(_needed(solver.recording, "--recording"), "recording")
    if problems.id not in recording.header.parents:
        raise UsageError(f"{recording.path}: is not a recording of {problems.path}")
    _expect(recording, solver)
    return replay_chains(workspace, recording)


def _expect(recording: Artifact, solver: Solver) -> None:
    """Refuse what was asked for by name and recorded otherwise.

    Raises:
        ReplayMissError: names each setting that differs.
    """
    have = _settings(plan_of(recording)) | _identified(recording)
    want = _settings(solver.plan) | {
        "model": solver.model,
        "temperature": f"{solver.sampling.temperature:g}",
        "seed": str(solver.sampling.seed),
    }
    differ = [name for name in solver.given if name in want and have.get(name) != want[name]]
    if differ:
        said = "; ".join(f"{name} is {have.get(name)}, wanted {want[name]}" for name in differ)
        raise ReplayMissError(
            f"{recording.path}: {said}; a replay has its recording's", component=differ[0]
        )


def _settings(plan: SamplePlan) -> dict[str, object]:
    return {
        "samples": plan.samples,
        "prompt": plan.prompt.detail,
        "shots": plan.prompt.shots,
        "exemplars": (plan.prompt.exemplars, plan.prompt.seed, plan.prompt.picked),
        "without": plan.prompt.without,
        "grammar": plan.prompt.grammar,
        "calls": plan.limits.calls,
        "tokens": plan.limits.tokens,
        "temperatures": plan.temperatures,
        "until_both": plan.until_both,
        "complete": plan.complete,
    }


def _identified(recording: Artifact) -> dict[str, object]:
    """Return the model, and the sampling as engines write it: ``temperature 0.7, seed 0``."""
    identity = recording.header.spec.get("identity")
    found: dict[str, object] = dict(identity) if isinstance(identity, dict) else {}
    parts = str(found.get("sampling", "")).split(", ")
    return found | {name: value for name, _, value in (part.rpartition(" ") for part in parts)}


def _by_openai(workspace: Workspace, problems: Artifact, solver: Solver) -> Artifact:
    engine = checked_server(workspace, problems, solver)
    return model_chains(workspace, problems, engine, solver.plan)


def checked_server(workspace: Workspace, problems: Artifact, solver: Solver) -> OpenAIEngine:
    """Return the engine that asks the solver's server, having checked it when there is work to do.

    Raises:
        UsageError: the endpoint or the model's name is missing.
        EndpointError: the server does not answer, or not to the longest prompt.
    """
    engine = openai_engine(solver, workspace.progress.note)
    if not model_chains_made(workspace, problems, engine, solver.plan):
        engine.check(_openings(problems, engine, solver.plan))
    return engine


def openai_engine(solver: Solver, note: Callable[[str], None]) -> OpenAIEngine:
    """Return the engine that asks the solver's server; it has not asked yet.

    Args:
        solver: names server and model.
        note: told what the server does otherwise than asked.

    Raises:
        UsageError: the endpoint or the model's name is missing.
        EndpointError: the endpoint is no URL.
    """
    return OpenAIEngine(
        endpoint=_needed(solver.endpoint, "--endpoint"),
        model=_needed(solver.model, "--model"),
        sampling=evolve(solver.sampling, reply_tokens=solver.plan.limits.reply_tokens),
        concurrency=solver.concurrency,
        patience=solver.patience,
        prices=solver.prices,
        budget=solver.budget,
        note=note,
    )


def _openings(problems: Artifact, engine: Engine, plan: SamplePlan) -> Sequence[Request]:
    """Return the requests that a run begins with."""
    asked = _Asked(engine.identity)
    sample_chains(problems.values(Problem), asked, plan)
    return asked.requests


class _Asked:
    """An engine that keeps what it is asked, and has nothing to say."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        self.identity = identity
        self.requests: Sequence[Request] = ()

    def run(self, requests: Sequence[Request], _: OnReply) -> None:
        self.requests = requests


def _by_transformers(workspace: Workspace, problems: Artifact, solver: Solver) -> Artifact:
    from fcpref.shell.stages_models import local_chains

    model = _needed(solver.model, "--model")
    return local_chains(workspace, problems, model, solver.plan, solver.sampling, solver.dtype)


_ENGINES = {
    "oracle": _by_oracle,
    "replay": _by_replay,
    "openai": _by_openai,
    "transformers": _by_transformers,
}


def _needed(value: str | None, option: str) -> str:
    if value is None:
        raise UsageError(f"this engine needs {option}")
    return value
