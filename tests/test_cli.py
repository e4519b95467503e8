"""The command line: results on standard output, one line for what goes wrong, no traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fcpref.cli import INTERRUPTED, main
from fcpref.core.chains import Limits
from fcpref.core.codec import unstructure
from fcpref.core.tasks import POLICIES
from fcpref.errors import UsageError
from tests.command_line import made_by, refused

COMMANDS = (
    "augment", "call", "chains", "compare-prompts", "evaluate", "export", "lint", "merge", "pairs",
    "play", "problems", "publish", "recipes", "recordings", "remake", "report", "run", "score",
    "show", "tasks", "train", "verify",
)  # fmt: skip
START = [sys.executable, "-c", "from fcpref.cli import main; main()"]


@pytest.fixture
def fcpref(tmp_path):
    """Run a command on own artifacts."""

    def run(*words, stdin=None):
        common = ["--artifacts", str(tmp_path / "artifacts")]
        return CliRunner().invoke(main, [*common, *map(str, words)], input=stdin)

    return run


@pytest.fixture
def made(fcpref):
    """Run a command that succeeds and return its JSON."""

    def run(*words):
        return made_by(fcpref(*words, "--json", "--quiet"))

    return run


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


def test_the_call_grammar_is_chosen_by_an_option(made, fcpref, problems):
    chains = {
        grammar: made("chains", problems["id"], "--grammar", grammar)
        for grammar in ("python", "tools")
    }

    assert chains["python"] == made("chains", problems["id"])
    first = {
        grammar: json.loads(Path(one["path"]).read_text().splitlines()[1])
        for grammar, one in chains.items()
    }
    assert "grammar" not in first["python"]
    assert first["tools"]["grammar"] == "tools"
    replies = [turn["reply"] for turn in first["tools"]["turns"]]
    assert all(json.loads(reply).keys() == {"name", "arguments"} for reply in replies)
    assert made("verify")["differences"] == []
    refused(fcpref("chains", problems["id"], "--grammar", "xml"), "--grammar")


def test_a_function_is_withheld_by_an_option(made, fcpref, problems):
    options = ("--without", "Reasoning", "--without", "Check")
    chains = made("chains", problems["id"], *options)
    header, first = map(json.loads, Path(chains["path"]).read_text().splitlines()[:2])

    assert first["without"] == header["spec"]["prompt"]["without"] == ["Check", "Reasoning"]
    assert chains["id"] != made("chains", problems["id"])["id"]
    assert made("verify")["differences"] == []
    refused(fcpref("chains", problems["id"], "--without", "Fly"), "no function Fly", "Saturated")
    refused(fcpref("chains", problems["id"], "--without", "Answer"), "Answer cannot be withheld")
    told = fcpref("chains", problems["id"], "--without", "ApplyRule")
    assert told.exit_code == 0
    assert "cannot be solved without ApplyRule" in told.stderr


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        ([], {"samples": 1}),
        (["--samples", 3], {"samples": 3}),
        (["--temperatures", "0,0.4,0.8"], {"samples": 3, "temperatures": [0.0, 0.4, 0.8]}),
        (
            ["--temperatures", "0,1", "--samples", 6, "--until-both", "--complete", "prefix"],
            {"samples": 6, "temperatures": [0.0, 1.0], "until_both": True, "complete": "prefix"},
        ),
    ],
)
def test_options_say_how_chains_are_sampled(fcpref, problems, monkeypatch, options, plan):
    asked = []

    def solve(_workspace, _problems, solver):
        asked.append(unstructure(solver.plan))
        raise UsageError("seen")

    monkeypatch.setattr("fcpref.shell.solving.solve", solve)
    refused(fcpref("chains", problems["id"], *options), "seen")
    (found,) = asked
    assert {name: found[name] for name in found.keys() - {"prompt", "limits"}} == plan


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--until-both"], "--until-both needs --samples"),
        (["--temperatures", "0,-1"], "--temperatures"),
        (["--temperatures", "0;1"], "--temperatures"),
        (["--complete", "half"], "--complete"),
    ],
)
def test_ways_to_sample_that_there_are_not_are_refused(fcpref, problems, options, said):
    refused(fcpref("chains", problems["id"], *options), said)


def test_prompts_are_compared_by_a_table(made, fcpref, problems, tmp_path):
    other = made("problems", "fol.deduction", "--count", 2, "--seed", 9)
    chains = [
        made("chains", one["id"], *options)["id"]
        for one in (problems, other)
        for options in ([], ["--without", "ApplyRule"])
    ]
    rows = made("compare-prompts", *chains, chains[0])

    assert [(row["setting"]["prompt"].get("without"), row["chains"]) for row in rows] == [
        (None, 5),
        (["ApplyRule"], 5),
    ]
    full, narrowed = (row["summary"]["correct"]["value"] for row in rows)
    assert full == 1 > narrowed
    assert rows[1]["comparison"]["difference"]["value"] == pytest.approx(narrowed - full)
    told = fcpref("compare-prompts", *chains, "--out", tmp_path / "table.md")
    assert told.stdout.strip() == (tmp_path / "table.md").read_text().strip()
    assert "| signatures, 0 examples, python, without ApplyRule |" in told.stdout
    # Problems stand for all chains about them.
    assert made("compare-prompts", chains[0], problems["id"], other["id"]) == rows
    bare = made("problems", "fol.deduction", "--count", 1, "--seed", 77)
    refused(fcpref("compare-prompts", bare["id"]), "there are no chains about these problems")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exemplars", "spread"], "needs --shots"),
        (["--exemplars", "best", "--shots", 2], "random:SEED"),
        (["--exemplars", "0,1", "--shots", 3], "leave out --shots"),
        (["--exemplars", "0,0"], "different places"),
        (["--exemplars", "0,8"], "no worked example 8 of fol.deduction"),
        (["--shots", 9], "has 8 worked examples"),
        (["--shots", 2, "--without", "ApplyRule"], "does not work without ApplyRule"),
    ],
)
@pytest.mark.parametrize("command", ["chains", "evaluate"])
def test_worked_examples_that_cannot_be_shown_are_refused_before_a_model_is_loaded(
    fcpref, problems, command, words, said
):
    asked = ["chains", problems["id"]] if command == "chains" else ["evaluate", "x", problems["id"]]
    refused(fcpref(*asked, *words), said)


@pytest.mark.parametrize("command", ["chains", "evaluate"])
def test_help_shows_both_grammars(fcpref, command):
    text = " ".join(fcpref(command, "--help").stdout.split())

    assert "--grammar [python|tools]" in text
    assert "Add(a=2, b=3)" in text
    assert '{"name": "Add", "arguments": {"a": 2, "b": 3}}' in text
    assert "default: python" in text


def test_evaluate_passes_the_grammar_on(fcpref, problems, monkeypatch):
    prompts = []
    monkeypatch.setattr(
        "fcpref.shell.stages_models.evaluate",
        lambda *_, prompt, **__: prompts.append(prompt) or problems,
    )
    for words in ((), ("--grammar", "tools")):
        fcpref("evaluate", "path:x", problems["id"], *words)

    assert [prompt.grammar for prompt in prompts] == ["python", "tools"]


@pytest.mark.parametrize("command", ["chains", "pairs"])
def test_every_policy_of_an_oracle_can_be_asked_for(fcpref, command):
    assert f"[{'|'.join(POLICIES)}]" in fcpref(command, "--help").output


def test_evaluate_passes_the_limits_on(fcpref, problems, monkeypatch):
    limits = []
    monkeypatch.setattr(
        "fcpref.shell.stages_models.evaluate",
        lambda *_, **given: limits.append(given["limits"]) or problems,
    )
    for words in ((), ("--calls", "32", "--tokens", "900", "--reply-tokens", "160")):
        fcpref("evaluate", "path:x", problems["id"], *words)

    assert limits == [
        Limits(calls=18, tokens=400, reply_tokens=96),
        Limits(calls=32, tokens=900, reply_tokens=160),
    ]


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "openai", "--model", "m"], "--endpoint"),
        (["--engine", "openai", "--model", "m", "--endpoint", "ftp://x"], "http"),
        (["--engine", "openai", "--model", "m", "--endpoint", "http://127.0.0.1:9/v1"], "refused"),
        (["--engine", "replay"], "--recording"),
        (["--engine", "transformers", "--model", "nonsense"], "hub:"),
        (["--engine", "transformers", "--model", "path:none"], "path:none"),
        (["--engine", "transformers", "--temperature", "nan"], "nan"),
    ],
)
def test_an_engine_that_cannot_run_is_one_line(fcpref, problems, words, said):
    refused(fcpref("chains", problems["id"], *words), said)


def test_an_unknown_model_is_one_line(fcpref, problems):
    refused(fcpref("evaluate", "path:none", problems["id"]), "path:none")


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


def start(*words, **options):
    return subprocess.run(
        [*START, *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_is_quick_and_loads_nothing_heavy():
    def seconds():
        begin = time.perf_counter()
        assert start("--help").returncode == 0
        return time.perf_counter() - begin

    median = statistics.median(seconds() for _ in range(3))

    # 0.3 s is the aim on an idle machine, which a test cannot ask for.
    assert median < 1
    look = (
        "import sys, fcpref, fcpref.cli; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "scipy", "sympy", "httpx2", "attrs", "rich"} & set(loaded)


def test_a_process_fails_with_one_line(tmp_path):
    result = start("chains", "none.jsonl", cwd=tmp_path)

    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_leaves_is_no_error(tmp_path):
    calls = "Add(a=2, b=3)\n" * 20_000
    process = subprocess.Popen(
        [*START, "call", "math.word"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    process.stdout.close()
    try:
        process.stdin.write(calls)
        process.stdin.close()
    except BrokenPipeError:
        pass
    process.wait(timeout=60)

    assert process.stderr.read() == ""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_exits_with_130(tmp_path):
    process = subprocess.Popen(
        [*START, "call", "math.word"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    process.stdin.write("Add(a=2, b=3)\n")
    process.stdin.flush()
    assert process.stdout.readline() == '{"text": "5", "code": null}\n'
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert (130, [f"fcpref: {INTERRUPTED}"]) == (
        process.returncode,
        [line for line in errors.splitlines() if line],
    )
