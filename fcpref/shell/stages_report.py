"""Stage `report`: trials -> Markdown and HTML, which can be written again without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from attrs import field, frozen

from fcpref.core.codec import LATER, structure, unstructure
from fcpref.core.evaluation import Comparison, EvaluationSummary, Trial, compare, summarise
from fcpref.core.report import RecipeResult, Source, Table, build_report, html, markdown
from fcpref.core.seeds import derive
from fcpref.errors import ArtifactError, CodecError, UsageError
from fcpref.shell.stages_models import split_trials
from fcpref.shell.store import write_bytes
from fcpref.shell.workspace import ancestry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace

INPUTS = "inputs.json"
_SEED = 0


@frozen(kw_only=True)
class ReportInputs:
    """What a report is made from, kept beside it.

    Attributes:
        profile: name of the profile.
        trials: model label -> id of its trials, in the order to show.
        counts: further tables.
        recipes: that are put side by side.
        against: which labels are compared, before and after; empty compares each with the first
            and with the one before it.
    """

    profile: str
    trials: tuple[tuple[str, str], ...]
    counts: tuple[Table, ...] = field(default=())
    recipes: tuple[RecipeResult, ...] = field(default=(), metadata=LATER)
    against: tuple[tuple[str, str], ...] = field(default=(), metadata=LATER)


def write_report(
    workspace: Workspace,
    labelled: Mapping[str, Artifact],
    *,
    profile: str,
    counts: Sequence[Table] = (),
    recipes: Sequence[RecipeResult] = (),
    against: Sequence[tuple[str, str]] = (),
    out: Path | None = None,
) -> Path:
    """Write ``report.md`` and ``report.html``; return the folder.

    Args:
        workspace: holds what the trials were made from.
        labelled: model label -> its trials, in the order to show.
        profile: name of the profile.
        counts: further tables, of pairs for instance.
        recipes: to put side by side.
        against: labels to compare, see `comparisons_of`.
        out: the folder; ``local/report`` by default.

    Raises:
        UsageError: no trials.
        EvaluationError: trials do not fit together.
    """
    if not labelled:
        raise UsageError("a report needs trials; run fcpref evaluate first")
    folder = out or workspace.local / "report"
    report = build_report(
        profile=profile,
        summaries=summaries_of(labelled),
        comparisons=comparisons_of(labelled, against),
        counts=counts,
        recipes=recipes,
        sources=[
            Source(stage=one.header.stage, id=one.id)
            for one in ancestry(workspace, labelled.values())
        ],
    )
    inputs = ReportInputs(
        profile=profile,
        trials=tuple((label, artifact.id) for label, artifact in labelled.items()),
        counts=tuple(counts),
        recipes=tuple(recipes),
        against=tuple(against),
    )
    write_bytes(folder / "report.md", markdown(report).encode())
    write_bytes(folder / "report.html", html(report).encode())
    write_bytes(folder / INPUTS, msgspec.json.encode(unstructure(inputs)) + b"\n")
    return folder


def rewrite_report(workspace: Workspace, out: Path | None = None) -> Path:
    """Write the last report again from its trials.

    Raises:
        UsageError: there was none.
        ArtifactError: what it was made from is damaged or gone.
    """
    path = workspace.local / "report" / INPUTS
    try:
        inputs = structure(msgspec.json.decode(path.read_bytes()), ReportInputs)
    except FileNotFoundError:
        raise UsageError(
            f"{workspace.root}: no report was written here yet; run fcpref run, or name trials "
            "as LABEL=TRIALS"
        ) from None
    except (OSError, msgspec.DecodeError, CodecError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); run fcpref run again") from None
    labelled = {label: workspace.find(one, "trials") for label, one in inputs.trials}
    return write_report(
        workspace,
        labelled,
        profile=inputs.profile,
        counts=inputs.counts,
        recipes=inputs.recipes,
        against=inputs.against,
        out=out,
    )


def summaries_of(labelled: Mapping[str, Artifact]) -> dict[str, EvaluationSummary]:
    """Return a summary for each label: of greedy trials, and of sampled ones where there are."""
    summaries = {}
    for label, artifact in labelled.items():
        greedy, sampled = split_trials(artifact)
        if greedy:
            summaries[label] = summarise(greedy, derive(_SEED, "summary", label))
        if sampled:
            name = f"{label} (sampled)" if greedy else label
            summaries[name] = summarise(sampled, derive(_SEED, "summary", name))
    return summaries


def comparisons_of(
    labelled: Mapping[str, Artifact], against: Sequence[tuple[str, str]] = ()
) -> list[Comparison]:
    """Compare models on the same problems.

    Args:
        labelled: label -> trials.
        against: labels, before and after; empty compares each model with the first and with the
            one before it.
    """
    labels = list(labelled)
    pairs = against or dict.fromkeys(
        (before, after)
        for index, after in enumerate(labels)
        for before in (labels[0], labels[index - 1])
        if index
    )
    comparisons = []
    for before, after in pairs:
        kinds = zip(
            ("", " (sampled)"),
            split_trials(labelled[before]),
            split_trials(labelled[after]),
            strict=True,
        )
        for kind, old, new in kinds:
            if _comparable(old, new):
                label = f"{before} -> {after}{kind}"
                stream = derive(_SEED, "comparison", label)
                comparisons.append(compare(label, old, new, stream))
    return comparisons


def _comparable(old: Sequence[Trial], new: Sequence[Trial]) -> bool:
    keys = [{(trial.problem, trial.sample) for trial in trials} for trials in (old, new)]
    return bool(old) and keys[0] == keys[1]


def evaluation_data(labelled: Mapping[str, Artifact]) -> dict[str, Any]:
    """Return summaries and comparisons as plain data."""
    return {
        "trials": {label: artifact.id for label, artifact in labelled.items()},
        "summaries": {
            label: unstructure(summary) for label, summary in summaries_of(labelled).items()
        },
        "comparisons": [unstructure(one) for one in comparisons_of(labelled)],
    }


def evaluation_text(
    labelled: Mapping[str, Artifact], against: Sequence[tuple[str, str]] = ()
) -> str:
    """Return summaries and comparisons in a few lines; `against` as of `comparisons_of`."""
    lines = []
    for label, summary in summaries_of(labelled).items():
        low, high = summary.correct.interval.low, summary.correct.interval.high
        lines.append(
            f"{label}: {summary.correct.value:.1%} correct (95% interval {low:.1%} to {high:.1%}),"
            f" {summary.right.value:.1%} right, {summary.problems} problems"
        )
    for one in comparisons_of(labelled, against):
        low, high = one.difference.interval.low, one.difference.interval.high
        test = f", {one.test.method} p = {one.test.p_value:.2g}" if one.test else ""
        lines.append(f"{one.label}: {one.difference.value:+.1%} ({low:+.1%} to {high:+.1%}){test}")
    lines += [str(artifact.path) for artifact in labelled.values()]
    return "\n".join(lines)
