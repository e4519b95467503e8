"""Rows for other tools as Parquet, beside `datasets`, which builds them from objects."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from benchmarks.quick import Row, paired
from fcpref.core.chains import STUDENT, Chain, Limits
from fcpref.core.functions import Grammar, translate
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.pairs.export import FORMATS
from fcpref.core.tasks import find_task
from fcpref.shell.dataset_files import DatasetFiles

if TYPE_CHECKING:
    from fcpref.core.problems import Problem

_TASKS = ("fol.deduction", "math.word")


def exporting(grammar: Grammar, count: int = 10_000) -> Row:
    """Make TRL's preference rows of pairs and write them; MB are those of the JSON Lines.

    Both make the rows. Ours also writes the JSON Lines, and syncs its files.
    """
    pairs = _pairs(grammar, count)
    found = FORMATS["trl"]
    columns = found.columns if grammar == "python" else found.tool_columns
    assert columns is not None
    import datasets

    features = None
    if grammar == "tools":
        # Without them it would give each call the arguments of all others, most of them null.
        features = datasets.Features({name: datasets.List(datasets.Json()) for name in columns})
    datasets.disable_progress_bars()
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)

        def ours() -> None:
            with DatasetFiles(out, columns) as files:
                for pair, problem in pairs:
                    files.add("train", trl_row(pair, problem, STUDENT))
            sizes.append(files.bytes / 1e6)

        def peer() -> None:
            rows = [trl_row(pair, problem, STUDENT) for pair, problem in pairs]
            datasets.Dataset.from_list(rows, features=features).to_parquet(out / "peer.parquet")

        peer()
        own, theirs, ratio = paired(ours, peer, repeats=3)
        cache = str(out / "cache")
        first, second = (
            datasets.Dataset.from_parquet(str(out / name), cache_dir=cache)[:50]
            for name in ("train.parquet", "peer.parquet")
        )
        assert first == second
    size = sizes[0]
    name = f"export {count:,} pairs, {grammar}, {size:.0f} MB"
    return name, f"{size / own:.0f} MB/s", f"datasets to_parquet {size / theirs:.0f} MB/s", ratio


def _pairs(
    grammar: Grammar, count: int, problems: int = 500
) -> list[tuple[PreferencePair, Problem]]:
    made = []
    for name in _TASKS:
        task = find_task(name)
        assert task.generate is not None
        for index in range(problems):
            problem = task.generate({}, 1, "train", index)
            right = task.oracle_chain(problem, Limits(), grammar)
            made.append((_pair(right), problem))
    return (made * (count // len(made) + 1))[:count]


def _pair(right: Chain) -> PreferencePair:
    # What the other side says is of no matter here but for its length.
    *before, last = right.turns
    answer = translate('Answer(value="?")', right.grammar)
    wrong = evolve(right, source="bench", turns=(*before, evolve(last, reply=answer)))
    return PreferencePair(
        kind="chain", chosen=right, rejected=wrong, rejected_verdict="wrong_answer"
    )
