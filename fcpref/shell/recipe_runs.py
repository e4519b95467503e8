"""A recipe followed by a profile's figures: step after step, from the base to trained adapters."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from fcpref.core.tasks import find_task
from fcpref.core.training import DEFAULT_RECIPE, Recipe, SftSpec, Step, find_recipe
from fcpref.errors import PairError, TrainingError, UsageError
from fcpref.shell import stages
from fcpref.shell.profiles import Profile
from fcpref.shell.recipe_chains import of_task, own_chains
from fcpref.shell.store import Artifact
from fcpref.shell.teacher_source import teacher_scores
from fcpref.shell.whole_models import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fcpref.core.training import ChainSource, DpoSpec, StepKind
    from fcpref.shell.profiles import EvaluationPlan, Source
    from fcpref.shell.workspace import Workspace

WARM_START = "warm start"


@frozen(kw_only=True)
class Trained:
    """A model that a step came to.

    Attributes:
        label: the step in a word.
        adapter: its folder, or a whole model's.
        model: the model's name.
    """

    label: str
    adapter: Path
    model: str


@frozen(kw_only=True)
class Round:
    """What one round of a step came to.

    Attributes:
        number: from 1.
        own: scores of the student's chains, sampled before the round's training.
        pairs: what was made of them, where preferences are trained.
        run: the training, if there were pairs enough.
    """

    number: int
    own: tuple[Artifact, ...]
    pairs: Artifact | None
    run: Artifact | None


@frozen(kw_only=True)
class Way:
    """How far a recipe has come.

    Attributes:
        recipe: what is followed.
        plan: the profile, with what it says for this recipe.
        model: the student so far, by name.
        teacher: scores of the teacher's chains.
        own: scores of the student's own chains.
        pairs: what was trained on by preference.
        runs: training that was done, or found done, here.
        models: what the steps came to.
        rounds: of a step in rounds.
        notes: what there is to say, why it ended early for instance.
    """

    recipe: Recipe
    plan: Profile
    model: str
    teacher: tuple[Artifact, ...]
    own: tuple[Artifact, ...] = ()
    pairs: tuple[Artifact, ...] = ()
    runs: tuple[Artifact, ...] = ()
    models: tuple[Trained, ...] = ()
    rounds: tuple[Round, ...] = ()
    notes: tuple[str, ...] = ()


def check(plan: Profile) -> None:
    """Refuse a recipe that the profile has no figures or files for, before anything is done.

    Raises:
        UsageError: what to set in the profile.
    """
    _check_files(plan)
    recipe = find_recipe(plan.recipe)
    if recipe.in_rounds and not plan.own.has_problems:
        raise UsageError(
            f"profile {plan.name}: recipe {recipe.name} samples the student anew in every round; "
            f"set count in [recipes.{recipe.name}.own], the problems that a round takes, or file"
        )
    trains = any(step.kind != "sft" for step in recipe.steps)
    if not (trains or plan.warm_start or plan.sft is not None):
        raise UsageError(
            f"profile {plan.name}: recipe {recipe.name} needs supervised training; add a table "
            "[sft], or name a committed adapter as warm_start"
        )


def _check_files(plan: Profile) -> None:
    sources = {"teacher": plan.teacher, "oracle": plan.oracle, "own": plan.own}
    asked: dict[str, Source | EvaluationPlan] = {
        name: one for name, one in sources.items() if one.has_problems and not one.recordings
    }
    if not plan.evaluation.problems:
        asked["evaluation"] = plan.evaluation
    for table, one in asked.items():
        where = f"profile {plan.name}, [{table}]"
        if one.file and not Path(one.file).is_file():
            raise UsageError(f"{where}: there is no file {one.file}; set file to where it lies")
        if not one.file and find_task(one.task).read is not None:
            raise UsageError(f"{where}: {one.task} is read from a file; set file to its path")


def follow(workspace: Workspace, plan: Profile) -> Way:
    """Do the steps of a profile's recipe; what was done before is not done again.

    Raises:
        FcprefError: one line that says what is wrong and what to do.
    """
    teacher = tuple(teacher_scores(workspace, plan.teacher, plan.evaluation.limits))
    recipe = find_recipe(plan.recipe)
    way = Way(recipe=recipe, plan=plan, model=plan.student, teacher=teacher)
    for step in recipe.steps:
        way = _STEPS[step.kind](workspace, step, way)
    return way


def as_followed(way: Way) -> Recipe:
    """Return the recipe with the chains that the profile takes of those that a step may take."""
    steps = (evolve(step, chains=_paired(step, way.plan)) for step in way.recipe.steps)
    return evolve(way.recipe, steps=tuple(steps))


def _paired(step: Step, plan: Profile) -> tuple[ChainSource, ...]:
    if step.kind != "dpo":
        return step.chains
    return tuple(one for one in step.chains if one in plan.paired) or step.chains


def _supervised(workspace: Workspace, step: Step, way: Way) -> Way:
    """Train on correct chains, or take the adapter that came of it earlier."""
    plan = way.plan
    if "own" in step.chains:
        return _corrected(workspace, step, way)
    if plan.warm_start:
        folder = workspace.root / "adapters" / plan.warm_start
        return _reached(way, WARM_START, folder)
    if plan.sft is None:
        why = "no supervised training, since the profile has neither warm_start nor [sft]"
        return evolve(way, notes=(*way.notes, why))
    workspace.progress.note("    warm start: supervised training on correct chains")
    data = list(way.teacher) if "teacher" in step.chains else []
    if "oracle" in step.chains and plan.oracle.has_problems:
        source = plan.oracle
        problems = stages.planned_problems(workspace, source, "train")
        chains = stages.oracle_chains(
            workspace,
            problems,
            limits=source.limits or plan.evaluation.limits,
            policy=source.policy,
            slips=source.slips,
        )
        data.append(stages.score(workspace, chains))
    return _trained(workspace, WARM_START, data, plan.sft, way)


def _corrected(workspace: Workspace, step: Step, way: Way) -> Way:
    """Train on the student's own chains, each incorrect one gone on with by the oracle."""
    plan = way.plan
    # Recorded ones are of another student, or were not corrected.
    asked = evolve(plan, own=evolve(plan.own, recordings=(), complete="each"))
    rounds = plan.rounds if step.each_round else 1
    for number in range(1, rounds + 1):
        label = f"round {number}"
        workspace.progress.note(f"2/5 student: its own chains, corrected, {label} of {rounds}")
        own = own_chains(workspace, asked, way.model, number)
        workspace.progress.note(f"4/5 supervised training on them, {label} of {rounds}")
        way = evolve(way, own=(*way.own, *own))
        way = _trained(workspace, label, own, plan.corrections, way)
        done = Round(number=number, own=tuple(own), pairs=None, run=way.runs[-1])
        way = evolve(way, rounds=(*way.rounds, done))
    return way


def _preferred(workspace: Workspace, step: Step, way: Way) -> Way:
    """Pair chains and train by preference, once or in rounds."""
    plan, note = way.plan, workspace.progress.note
    taken = _paired(step, plan)
    rounds = plan.rounds if step.each_round else 1
    for number in range(1, rounds + 1):
        said = f", round {number} of {rounds}" if step.each_round else ""
        own: list[Artifact] = []
        if "own" in step.chains:
            note(f"2/5 student: its own chains{said}")
            own = own_chains(workspace, plan, way.model, number)
        note(f"3/5 pairs{said}")
        sources: Mapping[ChainSource, Sequence[Artifact]] = {"teacher": way.teacher, "own": own}
        paired = [one for source in taken for one in sources[source]]
        pairs = stages.pairs(workspace, of_task(paired, plan.evaluation.task), plan.pairs)
        way = evolve(way, own=(*way.own, *own), pairs=(*way.pairs, pairs))
        few = step.each_round and pairs.header.count < plan.dpo.batch
        if not few:
            note(f"4/5 preference training{said}")
            label = f"round {number}" if step.each_round else "DPO"
            way = _trained(workspace, label, [pairs], plan.dpo, way)
        if step.each_round:
            run = None if few else way.runs[-1]
            done = Round(number=number, own=tuple(own), pairs=pairs, run=run)
            way = evolve(way, rounds=(*way.rounds, done))
        if few:
            why = (
                f"round {number} found {pairs.header.count} pairs, less than a batch of "
                f"{plan.dpo.batch}, and was the last one"
            )
            if not way.models:
                raise PairError(f"{why}, with nothing trained; raise own.count or own.samples")
            note(f"    {why}")
            return evolve(way, notes=(*way.notes, why))
    return way


# A further kind of step is a line here and a word in `StepKind`.
_STEPS: Mapping[StepKind, Callable[[Workspace, Step, Way], Way]] = MappingProxyType(
    {"sft": _supervised, "dpo": _preferred}
)


def _trained(
    workspace: Workspace,
    label: str,
    data: Sequence[Artifact],
    spec: SftSpec | DpoSpec,
    way: Way,
) -> Way:
    """Train the student so far; the next step goes on from what comes out."""
    recipe = {"name": way.recipe.name, "source": way.recipe.source}
    done = stages.train(
        workspace,
        "sft" if isinstance(spec, SftSpec) else "dpo",
        data,
        way.model,
        spec,
        # As of a later field: what stood without it keeps its id.
        recipe=None if way.recipe.name == DEFAULT_RECIPE else recipe,
    )
    if done is None:  # only where several processes train
        raise TrainingError("this process does not write what it trained")
    run, folder = done
    way = _reached(way, label, folder)
    return evolve(way, runs=(*way.runs, run))


def _reached(way: Way, label: str, adapter: Path) -> Way:
    model = name_of(adapter, way.model)
    reached = Trained(label=label, adapter=adapter, model=model)
    return evolve(way, model=model, models=(*way.models, reached))
