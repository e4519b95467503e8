"""TRL preference rows of files, checked as text and as a student's tokens."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcpref.core.chains import Encoded
from fcpref.core.pairs import (
    EncodedPair,
    PreferenceRow,
    lint_rows,
)
from fcpref.core.pairs.row_rules import schemas, sides
from fcpref.core.prefixes import shared_length
from fcpref.core.training import DpoSpec
from fcpref.errors import ArtifactError, PairError, ProblemError
from fcpref.shell.linting import Linted, Remembering, since, with_tokens
from fcpref.shell.row_files import files_of
from fcpref.shell.rows import json_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fcpref.shell.model_names import ResolvedModel
    from fcpref.shell.progress import Progress

_SUFFIXES = (".parquet", ".jsonl")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def is_rows(text: str) -> bool:
    """Tell whether a name is that of preference rows, and of no artifact."""
    path = Path(text)
    if path.is_dir() or path.suffix == ".parquet":
        return True
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    return not first.lstrip().startswith(b'{"count":') or b'"stage":' not in first


def linted_rows(
    path: Path,
    progress: Progress,
    *,
    student: ResolvedModel | None = None,
    spec: DpoSpec | None = None,
) -> Linted:
    """Check the preference rows of a file, or of all files in a folder.

    Args:
        path: a ``.jsonl`` or ``.parquet`` file, or a folder; where both hold the same there, the
            ``.parquet`` is read, as `datasets` would be told to.
        progress: shows how far the tokenizer is.
        student: whose tokenizer the rows that are sound as text are checked with, if any.
        spec: how they would train it.

    Raises:
        ArtifactError: there is no such file, or it cannot be read.
        PairError: the student's chat template fails on a row.
        ModelError: the student's tokenizer cannot be read.
    """
    start = time.monotonic()
    rows = read_rows(path)
    report = lint_rows(rows)
    text = since(start)
    unfit = {one.pair for one in report.findings if one.severity == "error"}
    sound = [row for row in rows if row.name not in unfit]
    if student is None or not sound:
        return Linted(report=report, seconds=(("text", text),))
    linted = Linted(report=report, seconds=(("text", text),))

    def encoded(tokenizer: Remembering, done: Callable[[], None]) -> Iterator[EncodedPair]:
        for row in sound:
            yield _encoded(tokenizer, row)
            done()

    return with_tokens(linted, student, encoded, len(sound), spec or DpoSpec(), progress)


def read_rows(path: Path) -> list[PreferenceRow]:
    """Return the rows of a file, or of all files in a folder, named by file and line.

    Raises:
        ArtifactError: there is no such file, or it cannot be read.
    """
    if not path.is_dir():
        return list(_read(path, path.name))
    try:
        files = files_of(path, _SUFFIXES)
    except ProblemError as error:
        raise ArtifactError(str(error)) from None
    return [row for one in files for row in _read(one, str(one.relative_to(path)))]


def _read(path: Path, name: str) -> Iterator[PreferenceRow]:
    split = _SHARD.sub("", path.stem)
    for number, data in _parquet(path) if path.suffix == ".parquet" else _lines(path):
        yield PreferenceRow(name=f"{name}:{number}", split=split, data=data)


def _lines(path: Path) -> Iterator[tuple[int, object]]:
    try:
        yield from json_rows(path)
    except ProblemError as error:
        raise ArtifactError(str(error)) from None


def _parquet(path: Path) -> Iterator[tuple[int, object]]:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        # Of no cache: what is checked is the file as it is now.
        rows = datasets.Dataset(datasets.table.InMemoryTable(table))
        yield from enumerate(rows, start=1)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; check the path") from None
    except (OSError, pa.ArrowException, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{path}: cannot be read ({what}); write it again") from None


def _encoded(tokenizer: Remembering, row: PreferenceRow) -> EncodedPair:
    """Encode a row as TRL's DPOTrainer does: whole chats, all of the completion trained."""
    prompt, chosen, rejected = sides(row.data)
    if isinstance(row.data["chosen"], str):
        texts = [one[0]["content"] if one else "" for one in (prompt, chosen, rejected)]
        opening = _ids(tokenizer, texts[0])
        whole = [_ids(tokenizer, texts[0] + text) for text in texts[1:]]
    else:
        offered = schemas(row.data) or None
        try:
            opening = _chat(tokenizer, prompt, offered, opens=True)
            whole = [_chat(tokenizer, [*prompt, *one], offered) for one in (chosen, rejected)]
        except Exception as error:  # noqa: BLE001 - templates raise anything
            what = " ".join(str(error).split())[:150]
            raise PairError(
                f"{row.name}: the chat template fails on it ({what}); change the row or the student"
            ) from None
    sides_of = [
        Encoded(prompt=opening, completion=rest, mask=(True,) * len(rest))
        for rest in (ids[shared_length(opening, ids) :] for ids in whole)
    ]
    said = json.dumps([prompt, chosen, rejected], ensure_ascii=False)
    return EncodedPair(
        pair=row.name,
        chosen=sides_of[0],
        rejected=sides_of[1],
        chosen_text=whole[0],
        rejected_text=whole[1],
        marks=tokenizer.special_in(said),
    )


def _chat(
    tokenizer: Remembering,
    messages: Sequence[Any],
    offered: Any,  # noqa: ANN401 - plain data
    *,
    opens: bool = False,
) -> tuple[int, ...]:
    text: str = tokenizer.apply_chat_template(
        list(messages), tools=offered, tokenize=False, add_generation_prompt=opens
    )
    return _ids(tokenizer, text)


def _ids(tokenizer: Remembering, text: str) -> tuple[int, ...]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]
