"""Rows for other tools as Parquet, beside `datasets`, which builds them from objects."""

from __future__ import annotations

import tempfile
from pathlib import Path

from attrs import evolve

from benchmarks.quick import Row, paired
from fcpref.core.chains import STUDENT, Chain, Limits
from fcpref.core.functions import Grammar, translate
from fcpref.core.pairs import PreferencePair, trl_row
from fcpref.core.pairs.export import FORMATS
from fcpref.core.problems import Problem
from fcpref.core.tasks import find_task
from fcpref.shell.dataset_files import DatasetFiles
from fcpref.shell.row_tables import RowEncoder

_TASKS = ("fol.deduction", "math.word")


def exporting(grammar: Grammar, count: int = 10_000) -> Row:
    """Make TRL's preference rows of pairs and write them; MB are those of the JSON Lines.

    Ours writes the JSON Lines as well, and syncs both files. The peer is given the rows ready made.
    """
    pairs = _pairs(grammar, count)
    found = FORMATS["trl"]
    columns = found.columns if grammar == "python" else found.tool_columns
    assert columns is not None
    rows = [trl_row(pair, problem, STUDENT) for pair, problem in pairs]
    encoder = RowEncoder(columns)
    size = sum(len(encoder.line(row)) for row in rows) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)

        def ours() -> None:
            with DatasetFiles(out, columns) as files:
                for pair, problem in pairs:
                    files.add("train", trl_row(pair, problem, STUDENT))

        def peer() -> None:
            import datasets

            features = None
            if grammar == "tools":
                # Without them it would fill each call with the arguments of all others.
                features = datasets.Features(
                    {name: datasets.List(datasets.Json()) for name in columns}
                )
            made = datasets.Dataset.from_list(rows, features=features)
            made.to_parquet(out / "peer.parquet")

        import datasets

        datasets.disable_progress_bars()
        peer()
        own, theirs, ratio = paired(ours, peer, repeats=3)
        read = (
            datasets.Dataset.from_parquet(str(out / one), cache_dir=str(out / "cache"))
            for one in ("train.parquet", "peer.parquet")
        )
        first, second = (one[:50] for one in read)
        assert first == second
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
