"""Commands that solve problems: options say how chains are sampled, and prompts are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcpref.core.chains import Limits
from fcpref.core.codec import unstructure
from fcpref.core.tasks import POLICIES
from fcpref.errors import UsageError
from tests.command_line import refused


@pytest.fixture
def problems(made):
    return made("problems", "fol.deduction", "--count", 3, "--knob", "max_depth=2")


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
