"""Logs hold no key and name a full disk; quiet progress says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcpref.errors import ArtifactError
from fcpref.shell.logs import stage_log, without_secrets
from fcpref.shell.progress import Progress


def test_a_log_line_never_holds_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FCPREF_API_KEY", "sk-very-secret")
    with stage_log(tmp_path, "chains", endpoint="http://x/?k=sk-very-secret") as log:
        log.write("asked", api_key="other", nested={"a": ["sk-very-secret"]}, count=3)

    text = (tmp_path / "chains.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["begin", "asked", "end"]
    assert lines[1]["count"] == 3
    assert "secret" not in text
    assert "other" not in text
    assert without_secrets(None, "", {"count": 1}) == {"count": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_log_is_named(tmp_path):
    (tmp_path / "chains.jsonl").symlink_to("/dev/full")

    with (
        pytest.raises(ArtifactError, match=r"chains\.jsonl: cannot be written \(No space left"),
        stage_log(tmp_path, "chains"),
    ):
        pass


def test_an_error_inside_a_stage_passes_through_its_log(tmp_path):
    with pytest.raises(FileNotFoundError), stage_log(tmp_path, "chains"):
        (tmp_path / "none").read_bytes()


def test_quiet_progress_says_nothing(capsys):
    progress = Progress(quiet=True)
    progress.note("loading")
    with progress.bar("work", 5) as bar:
        bar.to(5)

    assert capsys.readouterr().err == ""
