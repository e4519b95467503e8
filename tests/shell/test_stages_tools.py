"""Chains of tool calls go through the stages as others do."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from fcpref.core.chains import Chain, PromptSpec
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.shell import stages
from tests.staged import PLAN, Teacher

TOOLS = evolve(PLAN, prompt=PromptSpec(detail="help", shots=1, grammar="tools"))


@pytest.fixture
def tool_scores(workspace, problems):
    made = stages.model_chains(workspace, problems, Teacher(problems.values(Problem)), TOOLS)
    return stages.score(workspace, made)


def test_chains_of_tool_calls_are_scored_replayed_and_verified(workspace, problems, tool_scores):
    chains = workspace.find(tool_scores.header.parents[0], "chains")
    recording = workspace.find(chains.header.parents[1], "recording")
    plain = stages.oracle_chains(workspace, problems)
    oracle = stages.oracle_chains(workspace, problems, grammar="tools")

    assert {chain.grammar for chain in chains.values(Chain)} == {"tools"}
    correct = [item.score.correct for item in tool_scores.values(ScoredChain)]
    assert correct == [True, False] * 3
    assert stages.replay_chains(workspace, recording).id == chains.id
    assert [[turn.outcome for turn in chain.turns] for chain in plain.values(Chain)] == [
        [turn.outcome for turn in chain.turns] for chain in oracle.values(Chain)
    ]
    found = stages.verify(workspace.root)
    assert (found.differences, found.notes) == ((), ())


def test_a_chain_executes_by_the_grammar_that_is_stored_with_it(workspace, tool_scores):
    chains = workspace.find(tool_scores.header.parents[0], "chains")
    python = [{k: v for k, v in one.items() if k != "grammar"} for one in chains.records]
    parents = chains.header.parents[:1]
    workspace.write("chains", python, parents=parents, spec=chains.header.spec)

    (difference,) = stages.verify(workspace.root).differences
    assert "executes to 'Error: reply with one function call" in difference


def test_the_export_of_both_grammars_loads_with_datasets(workspace, scores, tool_scores, tmp_path):
    datasets = pytest.importorskip("datasets")
    made = stages.pairs(workspace, [scores, tool_scores], PairSpec())
    folder = stages.export_dataset(workspace, made, tmp_path / "set").folder
    cache = str(tmp_path / "cache")

    loaded = list(datasets.load_dataset(str(folder), cache_dir=cache)["train"])
    file = str(folder / "train.jsonl")
    json_lines = datasets.load_dataset("json", data_files=file, cache_dir=cache)["train"]

    written = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    assert written == loaded == list(json_lines)
    assert [row["tools"] is not None for row in written].count(True) == 3
    assert len(written) == 6
    names = [f.signature.name for f in find_task("fol.deduction").toolbox.functions]
    for row in written:
        calls = [m["tool_calls"][0]["function"] for m in row["chosen"] if "tool_calls" in m]
        assert bool(calls) == (row["tools"] is not None)
        if calls:
            assert [tool["function"]["name"] for tool in row["tools"]] == names
            # No argument of another function, filled with null.
            assert all(None not in call["arguments"].values() for call in calls)
            assert calls[-1]["arguments"].keys() == {"value"}
    assert "`tools` is set" in (folder / "README.md").read_text()
