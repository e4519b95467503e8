"""Stages that run a model in this process: sample, evaluate."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from attrs import evolve

from fcpref.core.chains import STUDENT, Limits
from fcpref.core.codec import unstructure
from fcpref.core.evaluation import Trial
from fcpref.core.problems import Problem
from fcpref.shell.engines.base import Sampling
from fcpref.shell.engines.local import LocalModel
from fcpref.shell.model_names import ModelName, ResolvedModel, public_name
from fcpref.shell.models import on_gpu
from fcpref.shell.progress import SILENT
from fcpref.shell.prompting import check_prompt
from fcpref.shell.resolving import resolve
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.stages_chains import model_chains, parent
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.stages_scores import rescored
from fcpref.shell.versions import redone, versions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import PromptSpec
    from fcpref.core.scores import ScoredChain
    from fcpref.shell.engines.base import Engine
    from fcpref.shell.logs import StageLog
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


def local_chains(
    workspace: Workspace,
    problems: Artifact,
    model: str,
    plan: SamplePlan,
    sampling: Sampling,
    dtype: str = "auto",
) -> Artifact:
    """Sample chains with a model on this machine; it is loaded only when that is not done yet.

    Args:
        workspace: where to write.
        problems: what to solve.
        model: the model's name; an adapter is merged into its base.
        plan: how many chains, with which prompt, within which limits.
        sampling: how replies are drawn.
        dtype: of the model, see `load_model`.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    resolved = resolve(ModelName.parse(model), workspace.progress.note)
    return _sampled(workspace, problems, resolved, LocalModel(resolved, dtype), plan, sampling)


def _sampled(
    workspace: Workspace,
    problems: Artifact,
    resolved: ResolvedModel,
    local: LocalModel,
    plan: SamplePlan,
    sampling: Sampling,
) -> Artifact:
    sampling = evolve(sampling, reply_tokens=plan.limits.reply_tokens)
    parts = {
        "problems": problems.id,
        "model": public_name(resolved),
        "revision": resolved.revision,
        "dtype": local.dtype,
        "plan": unstructure(plan),
        "sampling": unstructure(sampling),
    }

    def make(_: StageLog) -> Artifact:
        workspace.progress.note(f"loading {public_name(resolved)}")
        return model_chains(workspace, problems, local.engine(sampling), plan)

    return workspace.once("chains", parts, make)


@functools.lru_cache(maxsize=1)
def local_engine(model: str, sampling: Sampling, dtype: str = "auto") -> Engine:
    """Return an engine with a model that stays loaded, for a worker that does task after task.

    Args:
        model: the model's name, resolved on this machine.
        sampling: how replies are drawn.
        dtype: of the model, see `load_model`.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    return LocalModel(resolve(ModelName.parse(model), SILENT.note), dtype).engine(sampling)


def evaluate(
    workspace: Workspace,
    model: str,
    problems: Artifact,
    *,
    limits: Limits | None = None,
    prompt: PromptSpec = STUDENT,
    samples: int = 0,
    temperature: float = 0.8,
    seed: int = 0,
) -> Artifact:
    """Let a model solve held-out problems; stage ``trials``.

    Args:
        workspace: where to write.
        model: the model's name.
        problems: what to solve.
        limits: of each chain.
        prompt: how problems are shown.
        samples: chains a problem beside the greedy one; 0, or at least 4 for Wilcoxon's test.
        temperature: of those.
        seed: of those.

    Raises:
        ModelError: the model cannot be found or loaded.
        UsageError: the prompt cannot be shown.
    """
    check_prompt(prompt, problems.values(Problem), workspace.progress.note)
    resolved = resolve(ModelName.parse(model), workspace.progress.note)
    # bfloat16 on a processor would make the figures depend on which one it is.
    local = LocalModel(resolved, "auto" if on_gpu() else "float32")
    plan = SamplePlan(samples=1, prompt=prompt, limits=limits or Limits())
    ways = [(plan, Sampling())]
    if samples:
        warm = Sampling(temperature=temperature, seed=seed)
        ways.append((evolve(plan, samples=samples), warm))
    chains = [_sampled(workspace, problems, resolved, local, *way) for way in ways]
    return make_trials(workspace, chains, greedy=True)


def make_trials(workspace: Workspace, chains: Sequence[Artifact], *, greedy: bool) -> Artifact:
    """Score chains as trials of one model; stage ``trials``.

    Chains that the oracle completed are left out: they are no trials of the model.

    Args:
        workspace: where to write.
        chains: of one model; samples of the second artifact are numbered after the first's.
        greedy: the first artifact holds greedy chains.
    """
    ids = tuple(artifact.id for artifact in chains)
    asked = [workspace.find(parent(artifact, 0), "problems") for artifact in chains]
    versions = versions_of(problem for one in asked for problem in one.values(Problem))
    parts = {"chains": ids, "greedy": greedy, **redone(versions)}

    def make(_: StageLog) -> Artifact:
        trials: list[Trial] = []
        for artifact in chains:
            first = 1 + max((trial.sample for trial in trials), default=-1)
            problems = problems_by_id(workspace.find(parent(artifact, 0), "problems"))
            trials += [
                trial_of(item, problems[item.chain.problem], first)
                for item in rescored(workspace, artifact)
                if item.chain.own
            ]
        spec = {"greedy": greedy, "model": _model_of(chains[0])}
        return workspace.write("trials", trials, parents=ids, spec=spec, versions=versions)

    return workspace.once("trials", parts, make)


def split_trials(artifact: Artifact) -> tuple[tuple[Trial, ...], tuple[Trial, ...]]:
    """Return an artifact's greedy and its sampled trials."""
    trials = artifact.values(Trial)
    greedy = bool(artifact.header.spec.get("greedy"))
    return (
        tuple(trial for trial in trials if greedy and trial.sample == 0),
        tuple(trial for trial in trials if not (greedy and trial.sample == 0)),
    )


def trial_of(item: ScoredChain, problem: Problem, first: int) -> Trial:
    """Return a scored chain as a trial, its sample counted from `first`."""
    return Trial(
        problem=item.chain.problem,
        family=problem.task,
        difficulty=problem.difficulty,
        sample=first + item.chain.sample,
        verdict=item.score.verdict.value,
        codes=tuple(code.value for code in item.score.codes if code is not None),
        calls=len(item.chain.turns),
        tokens=sum(turn.tokens for turn in item.chain.turns),
    )


def _model_of(chains: Artifact) -> str:
    identity = chains.header.spec.get("identity")
    if not isinstance(identity, dict):
        return ""
    return str(identity.get("model") or identity.get("engine") or "")
