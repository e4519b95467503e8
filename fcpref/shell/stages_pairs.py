"""Stages from scores to pairs, and pairs for other tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fcpref.core.chains import STUDENT
from fcpref.core.codec import unstructure
from fcpref.core.pairs import (
    PairSpec,
    PreferencePair,
    build_pairs,
    executes,
    trl_row,
)
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, UsageError
from fcpref.shell.bulk import bulk
from fcpref.shell.stages_data import FOLIO_SOURCE, GSM8K_SOURCE, parent, problems_by_id
from fcpref.shell.store import Artifact, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from fcpref.core.chains import PromptSpec
    from fcpref.core.problems import Problem
    from fcpref.shell.logs import StageLog
    from fcpref.shell.workspace import Workspace

_ABOUT = (
    "Each row is two chains of one problem in TRL's conversational preference format. The chosen "
    "one is right and its executed calls support the answer; the rejected one is not. Messages of "
    "role `user` after the first are results of functions: mask them out of the loss."
)
_ABOUT_TOOLS = (
    "Where the column `tools` is set, calls are `tool_calls` and results have the role `tool`; the "
    "columns are `List(Json())` of `datasets`."
)
_LICENCES = (
    "## Licences\n\nGenerated problems and their chains: MIT. Chains that a model wrote are also "
    "under the terms of that model."
)
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


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


@bulk()
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


def export_pairs(
    workspace: Workspace,
    artifact: Artifact,
    out: Path,
    *,
    format: str = "trl",  # noqa: A002 - the option's name
    prompt: PromptSpec = STUDENT,
) -> Path:
    """Write pairs as Parquet and JSON Lines with a dataset card; `datasets` loads the folder.

    Args:
        workspace: holds what the pairs were made from.
        artifact: the pairs.
        out: the folder to write to.
        format: ``trl`` is the one there is: columns ``prompt``, ``chosen``, ``rejected``, and
            ``tools`` where there are pairs of the `tools` grammar.
        prompt: how the problem is shown.

    Raises:
        UsageError: another format.
        ArtifactError: there are no pairs, or the folder cannot be written.
    """
    if format != "trl":
        raise UsageError(f"unknown format {format!r}; there is trl")
    problems = problems_of(workspace, [artifact])
    made = artifact.values(PreferencePair)
    if not made:
        raise ArtifactError(f"{artifact.path}: holds no pairs; sample more chains a problem")
    rows: dict[str, list[dict[str, Any]]] = {}
    for pair in made:
        problem = problems[pair.chosen.problem]
        row = trl_row(pair, problem, find_task(problem.task), prompt)
        rows.setdefault(_SPLITS[problem.split], []).append(row)
    if any("tools" in row for of_split in rows.values() for row in of_split):
        # One set of columns; None is what TRL takes for no tools.
        rows = {
            split: [{"tools": None, **row} for row in of_split] for split, of_split in rows.items()
        }
    for split, of_split in sorted(rows.items()):
        lines = [json.dumps(row, ensure_ascii=False) for row in of_split]
        write_bytes(out / f"{split}.jsonl", ("\n".join(lines) + "\n").encode())
        write_bytes(out / f"{split}.parquet", _parquet(of_split))
    card = _card(artifact, made, {split: len(of_split) for split, of_split in rows.items()})
    write_bytes(out / "README.md", card.encode())
    return out


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(_table(rows), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    if "tools" not in rows[0]:
        return pa.Table.from_pylist(rows)
    import datasets

    # As structs, each call would have the arguments of all functions, most of them null.
    json_lists = datasets.Features({name: datasets.List(datasets.Json()) for name in rows[0]})
    return datasets.Dataset.from_list(rows, features=json_lists).data.table


def _card(artifact: Artifact, made: Sequence[PreferencePair], splits: dict[str, int]) -> str:
    tasks = Counter(pair.chosen.task for pair in made)
    verdicts = Counter(pair.rejected_verdict for pair in made)
    sources = Counter(f"{pair.chosen.source} over {pair.rejected.source}" for pair in made)
    files = "".join(
        f"      - split: {split}\n        path: {split}.parquet\n" for split in sorted(splits)
    )
    # FOLIO's licence asks that what is made from it is shared alike.
    licence = "cc-by-sa-4.0" if "fol.folio" in tasks else "mit"
    head = (
        f"---\nlicense: {licence}\nlanguage: [en]\n"
        "tags: [preference, dpo, function-calling, reasoning]\n"
        f"configs:\n  - config_name: default\n    data_files:\n{files}---"
    )
    parts = [
        head,
        "# Preference pairs of function-calling chains",
        _ABOUT,
        *([_ABOUT_TOOLS] if any(pair.chosen.grammar == "tools" for pair in made) else []),
        _counts("Split", splits),
        _counts("Task", tasks),
        _counts("Why the rejected chain is rejected", verdicts),
        _counts("Chosen over rejected", sources),
        _LICENCES,
    ]
    if "math.gsm8k" in tasks:
        parts.append(
            f"Problems of `math.gsm8k` are GSM8K's (Cobbe et al. 2021, {GSM8K_SOURCE}), MIT "
            "licence, copyright OpenAI."
        )
    if "fol.folio" in tasks:
        parts.append(
            f"Problems of `fol.folio` are FOLIO's (Han et al. 2022, {FOLIO_SOURCE}), CC BY-SA 4.0."
        )
    lines = "\n".join(f"- scores `{one}`" for one in artifact.header.parents)
    parts.append(f"## Made from\n\n- pairs `{artifact.id}`\n{lines}")
    return "\n\n".join(parts) + "\n"


def _counts(title: str, counts: dict[str, int]) -> str:
    rows = "\n".join(f"| {name} | {counts[name]} |" for name in sorted(counts))
    return f"| {title} | Pairs |\n|:--|--:|\n{rows}"
