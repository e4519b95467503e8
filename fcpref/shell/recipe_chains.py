"""Whose chains a recipe trains on: recorded ones, and the student's own, sampled for a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.seeds import derive_seed
from fcpref.shell import stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.prompting import check_prompt
from fcpref.shell.sampling import SamplePlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.profiles import Profile, Source
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

_SEEDS = 2**32


def of_task(scores: Sequence[Artifact], task: str) -> list[Artifact]:
    """Return the scores about one task: preference training is for the task that is tested."""
    return [one for one in scores if one.values(ScoredChain)[0].chain.task == task]


def replayed(workspace: Workspace, source: Source) -> list[Artifact]:
    """Return the scores of recorded chains."""
    scores = []
    for prefix in source.recordings:
        recording = workspace.locate(prefix, "recording")
        scores.append(stages.score(workspace, stages.replay_chains(workspace, recording)))
    return scores


def own_chains(workspace: Workspace, plan: Profile, student: str, number: int) -> list[Artifact]:
    """Return the scores of the student's own chains, recorded or sampled now.

    Args:
        workspace: where to write.
        plan: says how many problems there are and how they are sampled.
        student: the model's name.
        number: of the round, from 1. Recordings stand for the first; every later round has its own
            problems and noise.

    Raises:
        ModelError: the student cannot be found or loaded.
        UsageError: the prompt cannot be shown.
    """
    source = plan.own
    if number == 1 and (source.recordings or not source.has_problems):
        return replayed(workspace, source)
    seed = source.seed
    if number > 1:
        seed = derive_seed(source.seed, "round", number) % _SEEDS
    problems = stages.planned_problems(workspace, source, "train", seed)
    check_prompt(source.prompt, problems.values(Problem), workspace.progress.note)
    how = SamplePlan(
        samples=source.samples,
        prompt=source.prompt,
        limits=plan.evaluation.limits,
        temperatures=source.temperatures,
        until_both=source.until_both,
        complete=source.complete,
        policy=source.policy,
        slips=source.slips,
    )
    sampling = Sampling(temperature=source.temperature, seed=seed)
    chains = stages.local_chains(workspace, problems, student, how, sampling)
    return [stages.score(workspace, chains)]
