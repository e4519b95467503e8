"""Artifacts: what is written is read back, and anything else is refused in one line."""

from __future__ import annotations

import errno
import gzip
import os
import random
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.canon import bytes_id, short
from fcpref.core.chains import Chain
from fcpref.errors import ArtifactError
from fcpref.shell.store import Artifact, file_hash, read_artifact, write_artifact, write_bytes
from tests.strategies import chains, plain_data

if TYPE_CHECKING:
    from pathlib import Path

ROWS = tuple({"name": f"row {number}", "value": number} for number in range(5))
MANY = tuple({"name": f"row {number}", "text": "x" * 100} for number in range(600))


def refused(path: Path, stage: str | None = None) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_artifact(path, stage=stage)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def replaced(artifact: Artifact, old: bytes, new: bytes) -> Path:
    """Change the bytes of an artifact under a name that claims no hash."""
    path = artifact.path.with_name("mine.jsonl")
    path.write_bytes(artifact.path.read_bytes().replace(old, new, 1))
    return path


@given(values=st.lists(chains(), max_size=4))
def test_values_come_back_as_they_were_written(tmp_path_factory, values) -> None:
    folder = tmp_path_factory.mktemp("store")
    written = write_artifact(folder, "chains", values, parents=("sha256:ab",), spec={"n": 1})
    read = read_artifact(written.path, stage="chains")
    assert read == written
    key = str
    assert sorted(read.values(Chain), key=key) == sorted(values, key=key)


@given(spec=st.dictionaries(st.text(max_size=5), plain_data(), max_size=3), data=st.data())
def test_the_order_of_records_does_not_matter(tmp_path_factory, spec, data) -> None:
    values = [row for row in ROWS if data.draw(st.booleans())]
    shuffled = data.draw(st.permutations(values))
    try:
        first = write_artifact(tmp_path_factory.mktemp("a"), "rows", values, spec=spec)
    except OverflowError:
        return
    second = write_artifact(tmp_path_factory.mktemp("b"), "rows", shuffled, spec=spec)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.id == second.id


def test_the_id_is_the_hash_of_the_uncompressed_bytes(tmp_path) -> None:
    small = write_artifact(tmp_path, "rows", ROWS)
    large = write_artifact(tmp_path, "rows", MANY)
    assert small.id == bytes_id(small.path.read_bytes())
    assert large.id == bytes_id(gzip.decompress(large.path.read_bytes()))
    assert small.path == tmp_path / "rows" / f"{short(small.id)}.jsonl"
    assert large.path == tmp_path / "rows" / f"{short(large.id)}.jsonl.gz"


def test_a_compressed_artifact_is_the_same_file_each_time(tmp_path) -> None:
    first = write_artifact(tmp_path / "a", "rows", MANY)
    second = write_artifact(tmp_path / "b", "rows", random.Random(0).sample(MANY, len(MANY)))
    assert file_hash(first.path) == file_hash(second.path)
    assert first.path.read_bytes()[4:8] == b"\0\0\0\0"


def test_the_header_names_stage_parents_spec_and_versions(tmp_path) -> None:
    written = write_artifact(
        tmp_path, "rows", ROWS, parents=("sha256:1",), spec={"k": [1]}, versions={"z3": "5"}
    )
    header = msgspec.json.decode(written.path.read_bytes().split(b"\n")[0])
    assert header == {
        "format": 1,
        "stage": "rows",
        "parents": ["sha256:1"],
        "spec": {"k": [1]},
        "versions": {"z3": "5"},
        "count": 5,
    }


def test_every_truncation_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    data = written.path.read_bytes()
    for length in range(len(data)):
        written.path.write_bytes(data[:length])
        refused(written.path)


def test_every_edited_byte_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    data = written.path.read_bytes()
    for place in range(len(data)):
        written.path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refused(written.path)


def test_a_record_too_few_is_refused_under_any_name(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    last = written.path.read_bytes().split(b"\n")[-2] + b"\n"
    assert "has 4 records, its header says 5" in refused(replaced(written, last, b""))


def test_a_renamed_artifact_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    renamed = written.path.rename(written.path.with_name("0123456789abcdef.jsonl"))
    assert f"content hash {short(written.id)} is not its name" in refused(renamed)


def test_another_format_version_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    path = replaced(written, b'"format":1', b'"format":2')
    assert "line 1: format 2 is not 1" in refused(path)


def test_another_stage_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    assert "holds rows, and pairs is needed here" in refused(written.path, "pairs")


def test_what_is_not_gzip_is_refused(tmp_path) -> None:
    path = tmp_path / "0123456789abcdef.jsonl.gz"
    path.write_bytes(b'{"format":1}\n')
    assert "cannot be read" in refused(path)


@pytest.mark.parametrize("kept", [0, 5, 12, 300, -9, -1])
def test_cut_gzip_is_refused(tmp_path, kept) -> None:
    written = write_artifact(tmp_path, "rows", MANY)
    written.path.write_bytes(written.path.read_bytes()[:kept])
    assert "cannot be read" in refused(written.path)


def test_gzip_with_something_behind_it_is_refused(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", MANY)
    written.path.write_bytes(written.path.read_bytes() + b"\0")
    assert "cannot be read" in refused(written.path)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b"no json",
        b'"\xff"',
        b"[" * 100_000,
        b'{"format":1}',
        b'{"format":1.0,"stage":"rows"}',
        b'{"format":1,"stage":"rows","surplus":0}',
        b'{"format":1,"stage":3}',
    ],
)
def test_a_bad_header_is_refused(tmp_path, line) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(line + b"\n")
    assert f"{path}, line 1: " in refused(path)


@pytest.mark.parametrize(
    "line", [b"no json", b'{"a":"\xff"}', b"[" * 100_000, b"", b'{"a":1,"a":2}', b'[{"a":1,"a":2}]']
)
def test_a_bad_record_is_refused_by_its_line(tmp_path, line) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    third = written.path.read_bytes().split(b"\n")[3]
    path = replaced(written, third, line)
    assert f"{path}, line 4: " in refused(path)


def test_a_record_of_another_shape_is_refused_by_its_line(tmp_path) -> None:
    written = write_artifact(tmp_path, "rows", ROWS)
    with pytest.raises(ArtifactError, match="line 2: ") as caught:
        written.values(Chain)
    assert str(written.path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path) -> None:
    assert "no such artifact" in refused(tmp_path / "none.jsonl")
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "fdopen"])
def test_a_failed_write_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch, call) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    path = tmp_path / "rows" / "mine.jsonl"
    with pytest.raises(ArtifactError) as caught:
        write_bytes(path, b"data")
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device); free space or choose another --out"
    )
    assert list(path.parent.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path, monkeypatch) -> None:
    path = tmp_path / "mine.jsonl"
    write_bytes(path, b"old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {"mine.jsonl": b"old"}


def test_a_folder_that_is_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "rows").write_text("")
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_artifact(tmp_path, "rows", ROWS)


def test_a_header_is_written_as_it_is_read(tmp_path):
    written = write_artifact(tmp_path, "problems", [], spec={"ladder": (0.0, 0.5)})
    assert read_artifact(written.path).header == written.header
