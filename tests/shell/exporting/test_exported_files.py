"""Exported files: whole or not there at all, and in nobody's way."""

from __future__ import annotations

import errno
import os
import tracemalloc

import pytest

from fcpref.core.pairs.export import FORMATS
from fcpref.errors import ArtifactError
from fcpref.shell import dataset_files
from fcpref.shell.dataset_files import DatasetFiles
from fcpref.shell.exporting import export_dataset
from tests.exported import chains_of


def test_an_export_replaces_the_one_before_it_and_nothing_else(workspace, exported, tmp_path):
    exported("llamafactory")
    mine = tmp_path / "set" / "notes.json"
    mine.write_text("{}")
    dev = chains_of(workspace, split="dev")
    done = export_dataset(workspace, dev, tmp_path / "set", format="trl-sft")
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert names == {"README.md", "validation.jsonl", "validation.parquet", "notes.json"}
    assert mine not in done.files


def test_files_that_no_export_wrote_stay(exported, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.jsonl").write_text("mine")
    (tmp_path / "set" / "README.md").write_text("tags: [fcpref, mine]")
    exported("trl-sft")
    assert (tmp_path / "set" / "test.jsonl").read_text() == "mine"


def test_exports_have_the_same_bytes(exported):
    first, second = (exported("trl", "tools", out=out) for out in ("a", "b"))
    for one, other in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


ROW = {"prompt": "p" * 1000, "completions": ["a", "b"], "labels": [True, False]}
COLUMNS = FORMATS["trl-prm"].columns


def test_rows_are_written_in_groups_as_they_come(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(dataset_files, "GROUP_BYTES", 10_000)
    with DatasetFiles(tmp_path, COLUMNS) as files:
        for _ in range(100):
            files.add("train", ROW)
    read = pq.ParquetFile(tmp_path / "train.parquet")
    assert read.num_row_groups == 10
    assert read.read().to_pylist() == [ROW] * 100


def test_memory_stays_flat(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    assert pq  # loaded before memory is looked at
    monkeypatch.setattr(dataset_files, "GROUP_BYTES", 200_000)
    peaks = []
    for count in (1_000, 8_000):
        with DatasetFiles(tmp_path, COLUMNS) as files:
            tracemalloc.start()
            for at in range(count):
                files.add("train", {**ROW, "prompt": f"{at:01000}"})
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_an_interrupted_export_leaves_what_was_there(tmp_path):
    with DatasetFiles(tmp_path, COLUMNS) as files:
        files.add("train", ROW)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def stopped():
        with DatasetFiles(tmp_path, COLUMNS) as files:
            files.add("train", ROW)
            files.add("test", ROW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def run():
        with DatasetFiles(tmp_path, COLUMNS) as files:
            files.add("train", ROW)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"cannot be written .No space left on device."):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_sentence(exported, tmp_path):
    (tmp_path / "set").write_text("")
    with pytest.raises(ArtifactError, match=r"set: cannot be written .* choose another --out"):
        exported("trl-sft")
