"""Pairs and chains as datasets for other tools: rows made one by one, written as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from fcpref.core.chains import STUDENT
from fcpref.core.pairs import PreferencePair
from fcpref.core.pairs.export import (
    ChainFormat,
    PairFormat,
    Sample,
    find_format,
    judged_sides,
    sides_of,
)
from fcpref.core.scores import ScoredChain
from fcpref.errors import ArtifactError, UsageError
from fcpref.shell.dataset_card import Tally, card
from fcpref.shell.dataset_files import SPLITS, DatasetFiles, clear
from fcpref.shell.stages_pairs import problems_of
from fcpref.shell.stages_scores import score
from fcpref.shell.store import Artifact, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcpref.core.chains import Chain, PromptSpec
    from fcpref.core.pairs.export import Format
    from fcpref.core.problems import Problem
    from fcpref.shell.workspace import Workspace

INFO = "dataset_info.json"


@frozen(kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: the dataset.
        files: its files, sorted.
        rows: of each split.
        left_out: chains or pairs that became no row, by reason.
        bytes: of the JSON Lines.
    """

    folder: Path
    files: tuple[Path, ...]
    rows: Mapping[str, int]
    left_out: Mapping[str, int] = field(factory=dict)
    bytes: int = 0


def sources_of(name: str) -> tuple[str, ...]:
    """Return the stages that a format takes its rows from.

    Raises:
        UsageError: there is no such format.
    """
    return (
        ("pairs",) if isinstance(find_format(name), PairFormat) else ("pairs", "scores", "chains")
    )


def export_dataset(
    workspace: Workspace,
    artifact: Artifact,
    out: Path,
    *,
    format: str = "trl",  # noqa: A002 - the option's name
    prompt: PromptSpec = STUDENT,
) -> Exported:
    """Write pairs, scores or chains as Parquet and JSON Lines with a dataset card.

    `datasets.load_dataset` reads the folder. Files that an earlier export left there are replaced
    or removed; no others are touched.

    Args:
        workspace: holds what the artifact was made from.
        artifact: pairs; for formats of single chains scores too, or chains, which are scored.
        out: the folder to write to.
        format: one of `FORMATS`.
        prompt: how the problem is shown.

    Raises:
        UsageError: another format, or one that does not hold calls of the `tools` grammar.
        PairError: a pair has no place in the format.
        ArtifactError: there are no rows, a problem is not here, or the folder cannot be written.
    """
    found = find_format(format)
    stages = sources_of(format)
    if artifact.header.stage not in stages:
        raise ArtifactError(
            f"{artifact.path}: holds {artifact.header.stage}, and {' or '.join(stages)} is needed "
            "here"
        )
    if artifact.header.stage == "chains":
        artifact = score(workspace, artifact)
    tools = any(map(_is_of_tools, artifact.records))
    columns = found.tool_columns if tools else found.columns
    if columns is None:
        raise UsageError(
            f"{format} rows hold no function schemas or structured calls; export chains of the "
            "python grammar, or take another format"
        )
    problems = problems_of(workspace, [artifact])
    tally = Tally(pairs=isinstance(found, PairFormat))
    with DatasetFiles(out, columns) as files:
        _write(found, artifact, problems, prompt, tally, files)
        if not files.counts:
            raise ArtifactError(f"{artifact.path}: {_why_none(found, tally)}")
    extra = {"README.md": card(found, artifact, tally, files.counts, tools=tools)}
    if format.startswith("llamafactory"):
        extra[INFO] = llamafactory_info(found, files.counts)
    # An earlier export's card tells which files are ours.
    clear(out, {*files.names, *extra}, INFO)
    for name, text in extra.items():
        write_bytes(out / name, text.encode())
    return Exported(
        folder=out,
        files=tuple(sorted(out / name for name in (*files.names, *extra))),
        rows=dict(files.counts),
        left_out=dict(tally.left_out),
        bytes=files.bytes,
    )


def llamafactory_info(found: Format, splits: Mapping[str, int]) -> str:
    """Return LLaMA-Factory's description of the files: one dataset a split."""
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    pairs = isinstance(found, PairFormat)
    if pairs:
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    about: dict[str, Any] = {
        f"fcpref_{split}": {
            "file_name": f"{split}.jsonl",
            "formatting": "sharegpt",
            "ranking": pairs,
            "columns": columns,
        }
        for split in sorted(splits)
    }
    return json.dumps(about, indent=2) + "\n"


def _write(
    found: Format,
    artifact: Artifact,
    problems: Mapping[str, Problem],
    prompt: PromptSpec,
    tally: Tally,
    files: DatasetFiles,
) -> None:
    if isinstance(found, PairFormat):
        for pair in artifact.each(PreferencePair):
            problem = _problem(artifact, problems, pair.chosen)
            files.add(SPLITS[problem.split], found.row(pair, problem, prompt))
            tally.pair(pair, problem)
        return
    if not isinstance(found, ChainFormat):
        raise TypeError(found)
    for sample, origin in _samples(artifact, judged=found.judged):
        problem = _problem(artifact, problems, sample.chain)
        row = found.row(sample, problem, prompt)
        if row is None:
            tally.left_out[found.left_out] += 1
        else:
            files.add(SPLITS[problem.split], row)
            tally.chain(sample, problem, origin)


def _samples(artifact: Artifact, *, judged: bool) -> Iterator[tuple[Sample, str]]:
    """Yield chains with the builder of their pair, if any; of pairs each side once."""
    if artifact.header.stage == "scores":
        for item in artifact.each(ScoredChain):
            yield Sample(chain=item.chain, verdict=item.score.verdict), ""
        return
    seen: set[object] = set()
    for pair in artifact.each(PreferencePair):
        for side in judged_sides(pair) if judged else sides_of(pair):
            chain, end = side.chain, side.end
            said = tuple(turn.reply for turn in chain.turns[:end])
            key = (chain.problem, chain.grammar, chain.without, said, side.start, end, side.correct)
            if key not in seen:
                seen.add(key)
                yield side, pair.origin


def _problem(artifact: Artifact, problems: Mapping[str, Problem], chain: Chain) -> Problem:
    found = problems.get(chain.problem)
    if found is None:
        raise ArtifactError(
            f"{artifact.path}: problem {chain.problem} is not among those of its parents; make it "
            "again"
        )
    return found


def _is_of_tools(record: object) -> bool:
    match record:
        case {"chosen": {"grammar": "tools"}} | {"chain": {"grammar": "tools"}}:
            return True
    return False


def _why_none(found: Format, tally: Tally) -> str:
    if isinstance(found, PairFormat):
        return "holds no pairs; sample more chains a problem"
    if isinstance(found, ChainFormat) and tally.left_out:
        return f"holds only {found.left_out}; sample more chains a problem"
    return "holds no chains; sample some"
