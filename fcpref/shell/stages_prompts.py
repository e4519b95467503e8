"""Prompts compared: scored chains, grouped by what they were sampled under."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from attrs import evolve

from fcpref.core.codec import unstructure
from fcpref.core.evaluation import JudgedTrial, PromptResult, Setting
from fcpref.core.evaluation import compare_prompts as compare
from fcpref.core.report import markdown, prompt_report
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError
from fcpref.shell.stages_chains import parent, plan_of
from fcpref.shell.stages_models import trial_of
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.stages_scores import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.chains import Chain
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


def compare_prompts(workspace: Workspace, scores: Sequence[Artifact]) -> tuple[PromptResult, ...]:
    """Compare scored chains by prompt; the first artifact's prompt is what others are held against.

    Chains of one task, model, sampling and prompt are counted together, whichever artifact they
    are in; an artifact given twice counts once. Chains that the oracle completed do not count.

    Args:
        workspace: holds what the scores were made from.
        scores: of sampled chains.

    Raises:
        ArtifactError: what they were made from is not here.
        EvaluationError: there are no chains.
    """
    settings: dict[Setting, dict[str, list[JudgedTrial]]] = {}
    for artifact in {one.id: one for one in scores}.values():
        chains = workspace.find(parent(artifact, 0), "chains")
        problems = problems_by_id(workspace.find(parent(artifact, 1), "problems"))
        scored = [item for item in artifact.values(ScoredChain) if item.chain.own]
        for item in sorted(scored, key=lambda item: (item.chain.problem, item.chain.sample)):
            of_setting = settings.setdefault(_setting(chains, item.chain), defaultdict(list))
            of_problem = of_setting[item.chain.problem]
            # Samples that another artifact has of the same problem are other samples.
            trial = trial_of(item, problems[item.chain.problem], 0)
            trial = evolve(trial, sample=len(of_problem))
            of_problem.append(JudgedTrial(trial=trial, supported=item.score.supported))
    return compare(
        {
            setting: [one for trials in by_problem.values() for one in trials]
            for setting, by_problem in settings.items()
        }
    )


def scores_about(workspace: Workspace, names: Sequence[str]) -> list[Artifact]:
    """Return scores by name; chains are scored, and problems stand for all chains about them.

    Raises:
        ArtifactError: there is no such artifact, or there are no chains about the problems.
    """
    found: list[Artifact] = []
    for name in names:
        artifact = workspace.locate(name, "chains", "scores", "problems")
        if artifact.header.stage != "problems":
            found.append(artifact)
            continue
        every = [workspace.locate(str(path), "chains") for path in workspace.paths("chains")]
        about = [chains for chains in every if artifact.id in chains.header.parents]
        if not about:
            raise ArtifactError(f"{artifact.path}: there are no chains about these problems")
        found += about
    return [score(workspace, one) if one.header.stage == "chains" else one for one in found]


def results_text(results: Sequence[PromptResult]) -> str:
    """Return the comparison as Markdown."""
    return markdown(prompt_report(results))


def results_data(results: Sequence[PromptResult]) -> list[dict[str, Any]]:
    """Return the comparison as plain data, a row for each setting."""
    return [unstructure(one) for one in results]


def _setting(chains: Artifact, chain: Chain) -> Setting:
    spec = chains.header.spec
    identity = spec.get("identity")
    identity = identity if isinstance(identity, dict) else {}
    return Setting(
        task=chain.task,
        model=str(identity.get("model") or identity.get("engine") or chain.source),
        sampling=str(identity.get("sampling", "")),
        prompt=plan_of(chains).prompt,
    )
