"""The command line: results on standard output, one line for what goes wrong, no traceback."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from fcpref.cli import INTERRUPTED, main
from tests.command_line import refused

COMMANDS = (
    "augment", "call", "chains", "compare-prompts", "evaluate", "export", "lint", "merge", "pairs",
    "play", "problems", "publish", "recipes", "recordings", "remake", "report", "run", "score",
    "show", "tasks", "train", "verify",
)  # fmt: skip


@pytest.fixture
def problems(made):
    return made("problems", "fol.deduction", "--count", 3, "--knob", "max_depth=2")


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"recordings"}))
def test_help_shows_an_example(fcpref, command):
    result = fcpref(command, "--help")

    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert f"fcpref {command}" in result.stdout
    assert {"--out", "--quiet", "--json"} <= set(result.stdout.split())


def test_every_command_is_tested_here():
    assert set(COMMANDS) == set(main.commands)


def test_a_chain_of_stages_by_path_and_by_id(made, problems, tmp_path):
    chains = made("chains", problems["id"][7:17], "--engine", "oracle")
    scores = made("score", chains["path"])
    pairs = made("pairs", scores["id"])
    verified = made("verify")

    assert [made_["count"] for made_ in (problems, chains, scores, pairs)] == [3, 3, 3, 0]
    assert verified["differences"] == []
    assert verified["artifacts"] == {"problems": 1, "chains": 1, "scores": 1, "pairs": 1}
    assert chains == made("chains", problems["path"])
    assert (tmp_path / "artifacts" / "local" / "done").is_dir()


def test_out_writes_a_copy(made, fcpref, tmp_path):
    out = tmp_path / "own.jsonl.gz"
    given = made("problems", "math.word", "--count", 2, "--out", out)

    assert str(out) == given["path"]
    assert fcpref("chains", out).exit_code == 0


def test_results_are_for_people_unless_json_is_asked_for(fcpref):
    result = fcpref("problems", "math.word", "--count", 2, "--quiet")

    assert result.stdout.splitlines()[0] == "problems: 2 records"


def test_tasks_are_listed(made):
    assert [row["task"] for row in made("tasks")] == [
        "fol.deduction",
        "fol.models",
        "fol.forms",
        "fol.folio",
        "math.word",
        "math.algebra",
        "math.gsm8k",
    ]


def test_call_gives_an_outcome_a_line(fcpref):
    result = fcpref("call", "math.word", stdin=b"Add(a=2, b=3)\nNo\n\nAdd(2\n\xff\xfe(\n")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0] == {"text": "5", "code": None}
    assert len(lines) == 5
    assert all(line["code"] for line in lines[1:])


def test_call_takes_a_problem_from_an_artifact_and_from_json(fcpref, problems, tmp_path):
    record = json.loads(Path(problems["path"]).read_text().splitlines()[1])
    single = tmp_path / "one.json"
    single.write_text(json.dumps(record))
    given = record["givens"][-1]["text"]

    for file in (problems["path"], single):
        result = fcpref("call", "fol.deduction", "--problem", file, stdin=f"Check('{given}')\n")
        assert json.loads(result.stdout)["code"] is None
    refused(fcpref("call", "math.word", "--problem", single), "not of math.word")


def test_play_ends_with_the_verdict(fcpref, problems):
    right = json.loads(Path(problems["path"]).read_text().splitlines()[1])["gold"]
    answered = fcpref(
        "play", "fol.deduction", "--problem", problems["path"], stdin=f"Answer({right!r})\n"
    )
    left = fcpref("play", "math.word", stdin="Add(1, 2)\n")

    assert f"verdict: unsupported (the answer is {right})" in answered.stdout
    assert "verdict: no_answer" in left.stdout
    assert (answered.exit_code, left.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], ["No such command", "fcpref"]),
        (["problems", "fol.nothing", "--count", "1"], ["fol.nothing", "fol.deduction"]),
        (["problems", "math.gsm8k", "--count", "1"], ["--file"]),
        (["problems", "math.word", "--count", "x"], ["--count"]),
        (["problems", "math.word", "--count", "1", "--knob", "x"], ["NAME=VALUE"]),
        (["problems", "math.word", "--count", "1", "--knob", "x=1", "--knob", "x=2"], ["twice"]),
        *(
            (["problems", "fol.deduction", "--count", "1", "--knob", knob], ["knob", said])
            for knob, said in (
                ("min_depth=0", "'min_depth' must be >= 1: 0"),
                ("min_depth=6", "'max_depth' must be >= 'min_depth', 6: 5"),
                ("max_depth=11", "'max_depth' must be <= 10: 11"),
                ("distractors=-1", "'distractors' must be >= 0: -1"),
                ("distractors=43", "'distractors' must be <= 14: 43"),
                ("others=-1", "'others' must be >= 0: -1"),
                ("others=12", "'others' must be < 12: 12"),
                ("negation=1.1", "'negation' must be <= 1: 1.1"),
                ("negation=NaN", "negation"),
                ("tollens=-0.1", "'tollens' must be >= 0: -0.1"),
                ("formal=maybe", "expected bool, got str 'maybe' @ $.formal"),
                ("depth=2", "depth"),
            )
        ),
        (["chains", "none.jsonl"], ["none.jsonl", "no such file"]),
        (["chains", "."], ["cannot be read"]),
        (["score", "abc"], ["no such file"]),
        (["verify", "none"], ["none", "no such folder"]),
        (["report"], ["no report"]),
        (["report", "trials"], ["NAME=VALUE"]),
        (["export", "00ff00"], ["no pairs"]),
        (["publish"], ["ARTIFACTS", "publish --help"]),
        (["publish", "00ff00"], ["00ff00", "no such file"]),
        (["lint", "00ff00", "--max-tokens", "9"], ["--max-tokens needs --student", "lint --help"]),
        (["lint", "00ff00", "--student", "m", "--max-tokens", "0"], ["--max-tokens"]),
        (["train", "rl", "x"], ["rl"]),
        (["call", "none"], ["there are fol"]),
        (["call", "math.word", "--problem", "none.json"], ["none.json"]),
        (["call", "math.gsm8k", "--number", "99"], ["4 problems"]),
        (["play", "math.word", "--number", "-1"], ["count from 0"]),
    ],
)
def test_what_does_not_exist_is_one_line(fcpref, words, said):
    refused(fcpref(*words), *said)


def test_an_unknown_profile_is_one_line(fcpref):
    pytest.importorskip("fcpref.shell.pipeline")
    refused(fcpref("run", "no-such-profile"), "no-such-profile")


def test_an_unknown_recipe_is_one_line_that_lists_those_there_are(fcpref):
    refused(fcpref("run", "--recipe", "sft", "--recipe", "grpa"), "'grpa'", "paper, sft, sft+dpo")


def test_recipes_are_listed_with_where_they_come_from(fcpref, made):
    shown = fcpref("recipes").stdout
    rows = made("recipes")
    assert [row["name"] for row in rows] == ["paper", "sft", "sft+dpo", "rounds", "corrections"]
    assert all(row["name"] in shown and row["source"] in shown for row in rows)


def damage(kind, data):
    return {
        "truncated": data[:-30],
        "edited": data.replace(b"train", b"trail", 1),
        "version": data.replace(b'"format":1', b'"format":99', 1),
        "garbage": bytes(range(256)) * 8,
        "empty": b"",
        "text": b"hello\n",
        "list": b"[]\n",
        "surrogate": b'{"format":1,"stage":"\\ud800"}\n',
    }[kind]


@pytest.mark.parametrize(
    "kind", ["truncated", "edited", "version", "garbage", "empty", "text", "list", "surrogate"]
)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_damaged_artifact_is_one_line_that_names_it(fcpref, problems, tmp_path, kind, suffix):
    data = Path(problems["path"]).read_bytes()
    # The name holds the hash, so an edit shows.
    bad = tmp_path / (Path(problems["path"]).name.partition(".")[0] + suffix)
    bad.write_bytes(damage(kind, data))

    refused(fcpref("chains", bad), bad)


def test_an_artifact_of_another_stage_is_one_line(fcpref, problems):
    refused(fcpref("score", problems["path"]), "holds problems, and chains or scores")


def test_verify_exits_with_2_and_names_the_first_difference(fcpref, problems):
    path = Path(problems["path"])
    path.write_bytes(path.read_bytes()[:-5])

    refused(fcpref("verify"), path, "cut off")


def test_pairs_that_are_unfit_are_listed_and_refused(fcpref, made, problems):
    chains = made("chains", problems["id"])
    pairs = made("pairs", chains["id"])

    result = fcpref("lint", pairs["id"])

    refused(result, "1 errors")
    assert "error: none: there are no pairs" in result.stdout


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, f"fcpref: {INTERRUPTED}"),
        (OSError(errno.ENOSPC, "No space left on device", "x.jsonl"), 2, "x.jsonl: the disk is"),
        (PermissionError(errno.EACCES, "Permission denied", "x.jsonl"), 2, "x.jsonl: Permission"),
    ],
)
def test_an_interruption_and_a_full_disk_are_one_line(fcpref, monkeypatch, error, status, said):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr("fcpref.shell.stages_problems.make_problems", stop)
    result = fcpref("problems", "math.word", "--count", 1)

    assert status == result.exit_code
    assert said in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.output
