"""A profile's teacher: recordings that are replayed, or an engine that is sampled live."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fcpref.shell.engines.base import Sampling
from fcpref.shell.recipe_chains import replayed
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.solving import Solver, solve
from fcpref.shell.stages_problems import planned_problems
from fcpref.shell.stages_scores import score

if TYPE_CHECKING:
    from fcpref.core.chains import Limits
    from fcpref.shell.profiles import Source
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

ENDPOINT = "FCPREF_ENDPOINT"


def teacher_scores(workspace: Workspace, source: Source, limits: Limits) -> list[Artifact]:
    """Return the scores of a teacher's chains; a live one is asked once, as `fcpref chains` does.

    Args:
        workspace: where to write.
        source: recordings, or engine and problems of the train split; neither gives no scores.
        limits: of live chains, where the source has none of its own.

    Raises:
        UsageError: the endpoint or the model's name is missing, or the prompt cannot be shown.
        EndpointError: the server does not answer.
    """
    note = workspace.progress.note
    if source.engine and not source.recordings:
        note(f"1/5 teacher: {source.model or source.engine}, sampled live")
        return [score(workspace, _sampled(workspace, source, limits))]
    note(f"1/5 teacher: replaying {len(source.recordings)} recordings")
    return replayed(workspace, source)


def _sampled(workspace: Workspace, source: Source, limits: Limits) -> Artifact:
    problems = planned_problems(workspace, source, "train")
    solver = Solver(
        engine=source.engine,
        model=source.model or None,
        endpoint=os.environ.get(ENDPOINT) or source.endpoint or None,
        concurrency=source.concurrency,
        plan=SamplePlan(
            samples=source.samples,
            prompt=source.prompt,
            limits=source.limits or limits,
            temperatures=source.temperatures,
            until_both=source.until_both,
            complete=source.complete,
            policy=source.policy,
            slips=source.slips,
        ),
        sampling=Sampling(temperature=source.temperature, seed=source.seed),
    )
    return solve(workspace, problems, solver)
