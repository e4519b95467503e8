"""The tables of a run: whose chains there were, what was paired, how training went."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fcpref.core.pairs import PreferencePair
from fcpref.core.report import Table, wording
from fcpref.core.scores import ScoredChain
from fcpref.core.training import RunRecord, outcome
from fcpref.shell import stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.shell.recipe_runs import Way
    from fcpref.shell.store import Artifact
    from fcpref.shell.workspace import Workspace


def tables(workspace: Workspace, ways: Sequence[Way]) -> list[Table]:
    """Return what the report of a run says of its data and its training.

    Args:
        workspace: where the artifacts are.
        ways: the recipes that were followed; of several each has tables of its own.
    """
    scores = {one.id: one for way in ways for one in (*way.teacher, *way.own)}
    found = [chain_table("Chains", list(scores.values()))]
    for way in ways:
        of = f", {way.recipe.name}" if len(ways) > 1 else ""
        if way.rounds:
            found.append(_round_table(way, f"Rounds{of}"))
        for number, pairs in enumerate(way.pairs, start=1):
            said = f", round {number}" if way.rounds else ""
            found.append(_pair_table(workspace, pairs, f"Preference pairs{of}{said}"))
        if way.runs:
            found.append(_run_table(way.runs, f"Training{of}"))
    return found


def chain_table(title: str, scores: Sequence[Artifact]) -> Table:
    """Return a row for each artifact of scored chains: what its source came to."""
    rows = []
    for artifact in scores:
        every = artifact.values(ScoredChain)
        # What the oracle completed is no success of the source.
        scored = [item for item in every if item.chain.own]
        verdicts = Counter(item.score.verdict.value for item in scored)
        problems = {item.chain.problem for item in scored}
        solved = {item.chain.problem for item in scored if item.score.correct}
        rows.append(
            (
                scored[0].chain.task,
                scored[0].chain.source,
                str(len(problems)),
                str(len(scored)),
                str(verdicts["correct"]),
                str(len(solved)),
                str(len(every) - len(scored)),
            )
        )
    columns = ("task", "source", "problems", "chains", "correct", "problems solved", "completed")
    note = (
        "Correct means right and supported by executed calls. Completed chains are the oracle's "
        "for problems that the source did not solve; they are not among the chains before."
    )
    return Table(title=title, columns=columns, rows=tuple(rows), note=note)


def _pair_table(workspace: Workspace, pairs: Artifact, title: str) -> Table:
    values = pairs.values(PreferencePair)
    counts = Counter(
        (pair.chosen.task, pair.chosen.source, pair.rejected_verdict) for pair in values
    )
    rows = tuple((*key, str(count)) for key, count in sorted(counts.items()))
    findings = stages.lint_pairs(workspace, pairs)
    note = f"{len(values)} pairs. Lint: {len(findings)} findings."
    columns = ("task", "source of the chosen chain", "rejected for", "pairs")
    return Table(title=title, columns=columns, rows=rows, note=note)


def _round_table(way: Way, title: str) -> Table:
    rows = []
    for one in way.rounds:
        scored = [item for own in one.own for item in own.values(ScoredChain) if item.chain.own]
        solved = {item.chain.problem for item in scored if item.score.correct}
        correct = sum(item.score.correct for item in scored)
        record = one.run.values(RunRecord)[0] if one.run is not None else None
        rows.append(
            (
                str(one.number),
                str(len({item.chain.problem for item in scored})),
                str(len(scored)),
                wording.share(correct / len(scored)) if scored else "",
                str(len(solved)),
                str(one.pairs.header.count) if one.pairs else "",
                str(record.rows if record else 0),
                str(record.steps if record else 0),
            )
        )
    columns = (
        "round",
        "problems",
        "chains",
        "correct",
        "problems solved",
        "pairs",
        "rows trained",
        "steps",
    )
    note = (
        "Chains are sampled on train problems by the student as it was before the round's training."
    )
    said = (f"{one[0].upper()}{one[1:]}." for one in way.notes)
    note = " ".join((note, *said))
    return Table(title=title, columns=columns, rows=tuple(rows), note=note)


def _run_table(runs: Sequence[Artifact], title: str) -> Table:
    records = [artifact.values(RunRecord)[0] for artifact in runs]
    names = _stage_names(records)
    rows = [
        (name, metric, f"{first:.3f}", f"{last:.3f}")
        for name, record in zip(names, records, strict=True)
        for metric, (first, last) in sorted(record.metrics.items())
    ]
    note = "; ".join(
        f"{name}: {record.rows} rows, {record.steps} steps, "
        f"{record.trained_tokens} of {record.tokens} tokens trained"
        + (f", stopped: {record.stopped}" if record.stopped else "")
        + ("" if record.kept is None else f", {outcome(record.probes, record.kept)}")
        for name, record in zip(names, records, strict=True)
    )
    columns = ("stage", "metric", "first window", "last window")
    return Table(title=title, columns=columns, rows=tuple(rows), note=note)


def _stage_names(records: Sequence[RunRecord]) -> list[str]:
    """Name runs by their kind, with a number where there are several of it."""
    total = Counter(record.kind for record in records)
    seen: Counter[str] = Counter()
    names = []
    for record in records:
        seen[record.kind] += 1
        several = total[record.kind] > 1
        names.append(f"{record.kind} {seen[record.kind]}" if several else record.kind)
    return names
