"""Stages from scores to pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fcpref.core.chains import prompt_of
from fcpref.core.codec import unstructure, value_id
from fcpref.core.pairs import (
    EncodedPair,
    Finding,
    PairSpec,
    PreferencePair,
    build_pairs,
    executes,
    lint,
    lint_tokens,
)
from fcpref.core.scores import ScoredChain
from fcpref.core.training import DpoSpec, judged_replies
from fcpref.shell.models import load_tokenizer
from fcpref.shell.stages_data import parent, problems_by_id
from fcpref.shell.tokens import encode_chain, encode_text, opening_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fcpref.core.chains import PromptSpec
    from fcpref.core.problems import Problem
    from fcpref.shell.logs import StageLog
    from fcpref.shell.models import ResolvedModel
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

Pairer = Callable[["Workspace", "Sequence[Artifact]", PairSpec], "Sequence[object]"]
"""Returns the pairs of scored chains, as values or canonical bytes."""


def pairs(
    workspace: Workspace,
    scores: Sequence[Artifact],
    spec: PairSpec,
    pairer: Pairer | None = None,
) -> Artifact:
    """Pair correct with incorrect chains; stage ``pairs``.

    Args:
        workspace: where to write.
        scores: scored chains; those of one problem are paired whichever artifact they are in.
        spec: how pairs are drawn.
        pairer: does it elsewhere, the same way; None does it here.
    """
    ids = tuple(sorted({artifact.id for artifact in scores}))

    def make(log: StageLog) -> Artifact:
        made = (pairer or repaired)(workspace, scores, spec)
        log.write("paired", pairs=len(made))
        return workspace.write("pairs", made, parents=ids, spec=unstructure(spec))

    return workspace.once("pairs", {"scores": ids, "spec": unstructure(spec)}, make)


def repaired(
    workspace: Workspace, scores: Sequence[Artifact], spec: PairSpec
) -> tuple[PreferencePair, ...]:
    """Return the pairs of scored chains.

    Raises:
        ArtifactError: a builder executes calls and a problem is not here.
    """
    scored = (item for one in scores for item in one.values(ScoredChain))
    problems = problems_of(workspace, scores) if executes(spec) else {}
    return build_pairs(scored, problems, spec)


def problems_of(workspace: Workspace, artifacts: Iterable[Artifact]) -> dict[str, Problem]:
    """Return, by id, all problems that scores or pairs are about.

    Raises:
        ArtifactError: an artifact that they were made from is not here.
    """
    problems: dict[str, Problem] = {}
    for artifact in artifacts:
        scores = [artifact]
        if artifact.header.stage == "pairs":
            scores = [workspace.find(one, "scores") for one in artifact.header.parents]
        for one in scores:
            problems |= problems_by_id(workspace.find(parent(one, 1), "problems"))
    return problems


def lint_pairs(
    workspace: Workspace,
    artifact: Artifact,
    held_out: Iterable[Artifact] = (),
    *,
    student: ResolvedModel | None = None,
    spec: DpoSpec | None = None,
) -> tuple[Finding, ...]:
    """Check pairs before they train anything.

    Args:
        workspace: holds what the pairs were made from.
        artifact: the pairs.
        held_out: problems that must not be trained on, beside those of splits dev and test.
        student: whose tokenizer the pairs that are sound as text are checked with, if any.
        spec: how they would train it.

    Raises:
        ModelError: the student's tokenizer cannot be read, or its template lacks the grammar.
        TrainingError: the student's chat template cannot be trained on.
    """
    problems = problems_of(workspace, [artifact])
    barred = {key for key, problem in problems.items() if problem.split != "train"}
    for one in held_out:
        barred |= problems_by_id(one).keys()
    pairs = artifact.values(PreferencePair)
    findings = lint(pairs, held_out=barred)
    unfit = {finding.pair for finding in findings if finding.severity == "error"}
    sound = {value_id(pair): pair for pair in pairs if value_id(pair) not in unfit}
    if student is None or not sound:
        return findings
    spec = spec or DpoSpec()
    encoded = _encoded(sound, problems, student, spec.prompt)
    return (*findings, *lint_tokens(encoded, spec.max_tokens))


def _encoded(
    pairs: Mapping[str, PreferencePair],
    problems: Mapping[str, Problem],
    student: ResolvedModel,
    prompt: PromptSpec,
) -> list[EncodedPair]:
    tokenizer = load_tokenizer(student)
    found = []
    for identifier, pair in pairs.items():
        problem = problems[pair.chosen.problem]
        own = prompt_of(pair.chosen, prompt)
        opening, tools = opening_of(tokenizer, student.name, problem, own.grammar, own)
        chains = (pair.chosen, pair.rejected)
        chosen, rejected = (
            encode_chain(tokenizer, opening, one, judged, tools)
            for one, judged in zip(chains, judged_replies(pair), strict=True)
        )
        texts = [encode_text(tokenizer, opening, one, tools) for one in chains]
        found.append(
            EncodedPair(
                pair=identifier,
                chosen=chosen,
                rejected=rejected,
                chosen_text=texts[0],
                rejected_text=texts[1],
            )
        )
    return found
