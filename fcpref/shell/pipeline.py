"""`fcpref run`: a profile from problems to report, each stage done once.

Teacher and oracle give chains; chains are scored; the student is trained as the recipe says, by
default warmed up on correct chains, sampled, and trained on pairs of its own and the teacher's
chains; the base, the warm start and the result solve the same held-out problems. Several recipes
are put side by side on the same problems; what they share is done once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.problems import Problem
from fcpref.core.report import RecipeResult, sources_table
from fcpref.core.training import DEFAULT_RECIPE, steps_text
from fcpref.errors import UsageError
from fcpref.shell import processes, stages
from fcpref.shell.pipeline_tables import tables
from fcpref.shell.profiles import EvaluationPlan, Profile, load_profile
from fcpref.shell.progress import Progress
from fcpref.shell.recipe_runs import WARM_START, as_followed, check, follow
from fcpref.shell.run_costs import costs_of
from fcpref.shell.stages_report import evaluation_text
from fcpref.shell.workspace import Workspace

if TYPE_CHECKING:
    from fcpref.shell.recipe_runs import Trained, Way
    from fcpref.shell.store import Artifact

_BASE = "base"
_SUPERVISED = "sft"


@frozen(kw_only=True)
class Outcome:
    """What a run leaves.

    Attributes:
        report: folder of ``report.md`` and ``report.html``.
        adapter: folder of the trained adapter; the last recipe's, of several.
        adapters: the same by recipe.
        text: the results in a few lines.
    """

    report: Path
    adapter: Path
    adapters: Mapping[str, Path]
    text: str


def run_profile(
    profile: str | None, root: Path, *, recipes: Sequence[str] = (), quiet: bool = False
) -> Outcome:
    """Run a profile; what was done before is not done again.

    Args:
        profile: name of a shipped profile, path of an own one, or None for the default.
        root: folder of the artifacts.
        recipes: by name, in place of the profile's own; several are put side by side.
        quiet: show no progress.

    Raises:
        FcprefError: one line that says what is wrong and what to do.
    """
    if processes.count() > 1:
        raise UsageError("fcpref run is one process; let several train with fcpref train")
    names = [*dict.fromkeys(recipes)]
    plans = [load_profile(profile, name) for name in names] or [load_profile(profile)]
    for plan in plans:
        check(plan)
    workspace = Workspace(root, Progress(quiet=quiet))
    ways = []
    for plan in plans:
        if len(plans) > 1:
            workspace.progress.note(f"recipe {plan.recipe}")
        ways.append(follow(workspace, plan))
    return _reported(workspace, ways)


def _reported(workspace: Workspace, ways: Sequence[Way]) -> Outcome:
    """Evaluate what recipes came to and write the report."""
    workspace.progress.note("5/5 evaluation on held-out problems")
    plan, several = ways[0].plan, len(ways) > 1
    problems = _held_out(workspace, plan.evaluation)
    labelled = {_BASE: _trials(workspace, plan, problems, plan.student, plan.evaluation.before)}
    results = []
    for way in ways:
        shown = _shown(way, several=several)
        for label, one in shown.items():
            recorded = plan.evaluation.start if one.label == WARM_START else ()
            labelled[label] = _trials(workspace, plan, problems, one.model, recorded)
        results.append(
            RecipeResult(
                recipe=way.recipe.name,
                label=[*shown][-1],
                steps=steps_text(as_followed(way)),
                source=way.recipe.source,
                runs=costs_of(workspace, way.model) if several else (),
                notes=way.notes,
            )
        )
    against = _against(labelled) if several else ()
    counts = tables(workspace, ways)
    report = stages.write_report(
        workspace,
        labelled,
        profile=_title(ways),
        counts=counts if several else [*counts, sources_table(results)],
        recipes=results if several else (),
        against=against,
    )
    adapters = {way.recipe.name: way.models[-1].adapter for way in ways}
    return Outcome(
        report=report,
        adapter=[*adapters.values()][-1],
        adapters=adapters,
        text=evaluation_text(labelled, against),
    )


def _shown(way: Way, *, several: bool) -> dict[str, Trained]:
    """Return the models of a recipe that are evaluated, by label, the result last."""
    name, (*others, result) = way.recipe.name, way.models
    shown = {}
    for one in others:
        if one.label == WARM_START:
            if not several:
                shown[one.label] = one
        elif way.plan.evaluation.each_round:
            shown[f"{name}, {one.label}" if several else one.label] = one
    return {**shown, name if several else result.label: result}


def _against(labels: Mapping[str, Artifact]) -> tuple[tuple[str, str], ...]:
    """Return what is compared where recipes are: each with the base, then with `sft`."""
    base, *others = labels
    pairs = [(base, label) for label in others]
    if _SUPERVISED in labels:
        pairs += [(_SUPERVISED, label) for label in others if label != _SUPERVISED]
    return tuple(pairs)


def _title(ways: Sequence[Way]) -> str:
    """Return the profile's name, with the recipes' where there is something to tell."""
    name, recipes = ways[0].plan.name, [way.recipe.name for way in ways]
    if recipes == [DEFAULT_RECIPE]:
        return name
    return f"{name}, {'recipes' if len(recipes) > 1 else 'recipe'} {', '.join(recipes)}"


def _held_out(workspace: Workspace, plan: EvaluationPlan) -> Artifact:
    """Return the problems of the test split that all models are put to."""
    if plan.problems:
        problems = workspace.locate(plan.problems, "problems")
    else:
        problems = stages.planned_problems(workspace, plan, "test")
    if any(problem.split != "test" for problem in problems.values(Problem)):
        raise UsageError(f"{problems.path}: not all problems are of the test split")
    return problems


def _trials(
    workspace: Workspace, plan: Profile, problems: Artifact, model: str, recorded: Sequence[str]
) -> Artifact:
    """Evaluate a model live, or from its recordings (greedy first)."""
    how = plan.evaluation
    if not recorded:
        return stages.evaluate(
            workspace,
            model,
            problems,
            limits=how.limits,
            prompt=how.prompt,
            samples=how.samples,
            temperature=how.temperature,
            seed=how.seed,
        )
    recordings = [workspace.locate(prefix, "recording") for prefix in recorded]
    for recording in recordings:
        if recording.header.parents[0] != problems.id:
            raise UsageError(f"{recording.path}: was made on other problems than {problems.path}")
    chains = [stages.replay_chains(workspace, recording) for recording in recordings]
    return stages.make_trials(workspace, chains, greedy=True)
