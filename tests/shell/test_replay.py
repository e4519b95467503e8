"""Replay is strict: the same chains anywhere, never a live call, and a miss says what differs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, TEACHER, Limits
from fcpref.core.codec import unstructure
from fcpref.core.problems import problem_id
from fcpref.errors import ReplayMissError
from fcpref.shell import openings, sampling
from fcpref.shell.engines.base import Request
from fcpref.shell.engines.replay import ReplayEngine
from fcpref.shell.openings import shown
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded
from fcpref.shell.reply_keys import reply_key
from fcpref.shell.sampling import SamplePlan, sample_chains
from fcpref.shell.store import read_artifact, write_artifact
from tests.recorded import (
    IDENTITY,
    PLAN,
    SAID,
    FakeEngine,
    Sealed,
    sealed_from,
    sealed_run,
    word_problems,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.problems import Problem
    from fcpref.shell.store import Artifact

ROOT = Path(__file__).resolve().parents[2]
RECORDING, PROBLEMS = "da478939fadde4a8", "57814e667c048165"


@pytest.fixture
def sealed(tmp_path) -> Sealed:
    return sealed_run(tmp_path)


def with_header(sealed: Sealed, spec: Mapping[str, object], replies=None) -> Sealed:
    """Give a recording other settings in its header, and other replies where they are given."""
    values = sealed.artifact.values(Recorded) if replies is None else replies
    folder = sealed.artifact.path.parent / "other"
    spec = {**sealed.artifact.header.spec, **spec}
    return evolve(sealed, artifact=write_artifact(folder, "recording", values, spec=spec))


def missed(sealed: Sealed, problems: Sequence[Problem], plan: SamplePlan = PLAN) -> ReplayMissError:
    with pytest.raises(ReplayMissError) as caught:
        sample_chains(problems, ReplayEngine(sealed.artifact), plan)
    message = str(caught.value)
    assert str(sealed.artifact.path) in message
    assert "\n" not in message
    return caught.value


def test_replay_gives_the_same_chains(sealed) -> None:
    engine = ReplayEngine(read_artifact(sealed.artifact.path))
    assert engine.identity == IDENTITY
    assert sample_chains(sealed.problems, engine, PLAN) == sealed.chains
    assert {chain.source for chain in sealed.chains} == {"fake:path:fake"}


OFFLINE = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("the network was used")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from fcpref.cli import main
main()
"""


def replayed_elsewhere(folder: Path, **variables: str) -> bytes:
    """Replay a committed recording in another process and folder; return the chains' file."""
    for stage, name in (("recording", RECORDING), ("problems", PROBLEMS)):
        (folder / stage).mkdir(parents=True)
        file = f"{stage}/{name}.jsonl.gz"
        (folder / file).write_bytes((ROOT / "artifacts" / file).read_bytes())
    words = ["chains", PROBLEMS, "--engine", "replay", "--recording", RECORDING]
    environment = {name: value for name, value in os.environ.items() if name != "LC_ALL"}
    subprocess.run(
        [sys.executable, "-c", OFFLINE, "--artifacts", ".", *words, "--quiet"],
        check=True,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        timeout=120,
    )
    (file,) = (folder / "local" / "chains").iterdir()
    return file.read_bytes()


def test_replay_gives_the_same_bytes_on_another_machine(tmp_path) -> None:
    here = replayed_elsewhere(tmp_path / "here", PYTHONHASHSEED="1", LC_ALL="C.UTF-8", TZ="UTC")
    there = replayed_elsewhere(
        tmp_path / "a folder of another name",
        PYTHONHASHSEED="4242",
        LC_ALL="C",
        TZ="Asia/Tokyo",
        PYTHONUTF8="0",
    )
    assert here == there


def test_a_changed_prompt_is_shown_where_the_recording_keeps_what_was_shown(sealed) -> None:
    kept = with_header(sealed, shown(STUDENT, sealed.problems))
    error = missed(kept, sealed.problems, evolve(PLAN, prompt=TEACHER))
    assert error.component == "prompt"
    assert "step 0; the opening messages differ: message 1 of" in str(error)
    assert "(system) differs" in str(error)
    assert "in full: fcpref recordings diff" in str(error)
    lines = error.diff.splitlines()
    assert lines[:2] == ["--- recorded", "+++ wanted"]
    assert any(line.startswith("-Add(a, b)") for line in lines)
    assert any(line.startswith("+Solve the problem step by step") for line in lines)


def test_a_changed_prompt_is_rebuilt_where_its_specification_is_known(sealed) -> None:
    older = with_header(sealed, {"prompt": unstructure(STUDENT)})
    error = missed(older, sealed.problems, evolve(PLAN, prompt=TEACHER))
    assert "message 1 of" in str(error)
    assert error.diff


def test_a_prompt_that_cannot_be_rebuilt_is_not_made_up(sealed, monkeypatch) -> None:
    older = with_header(sealed, {"prompt": unstructure(STUDENT)})
    real = openings.render
    # The code that shows the functions has changed since, in a recording that keeps only hashes.
    for module in (openings, sampling):
        monkeypatch.setattr(
            module,
            "render",
            lambda *words: tuple(evolve(m, content=f"{m.content}.") for m in real(*words)),
        )
    error = missed(older, sealed.problems)
    assert error.component == "prompt"
    assert error.diff == ""
    assert "the opening messages differ" in str(error)
    assert "the recording keeps only their hash" in str(error)


def test_a_changed_result_of_an_earlier_call_is_named(sealed) -> None:
    job = f"{problem_id(sealed.problems[0])}/0"

    def altered(item: Recorded) -> Recorded:
        return evolve(item, text="Add(a=1, b=1)") if (item.job, item.step) == (job, 0) else item

    changed = with_header(sealed, {}, map(altered, sealed.artifact.values(Recorded)))
    error = missed(changed, sealed.problems)
    assert error.component == "result"
    assert "step 1; the messages before it differ" in str(error)
    assert "'Add(a=1, b=1)' now gives '2'" in str(error)


def test_another_call_grammar_is_another_prompt_and_other_tools(sealed) -> None:
    kept = with_header(sealed, shown(STUDENT, sealed.problems))
    error = missed(kept, sealed.problems, evolve(PLAN, prompt=evolve(STUDENT, grammar="tools")))
    assert "step 0; the opening messages differ" in str(error)
    assert "and so do the function schemas (tools)" in str(error)
    assert '+  "type": "function",' in error.diff


def test_a_sample_that_was_not_recorded_is_named(sealed) -> None:
    error = missed(sealed, sealed.problems, evolve(PLAN, samples=3))
    assert error.component == "sample"
    assert "sample 2, step 0; only samples 0, 1 were recorded" in str(error)


def test_a_chain_that_was_recorded_under_tighter_limits_is_named(tmp_path, sealed) -> None:
    tight = evolve(PLAN, limits=Limits(calls=1))
    with Recording(tmp_path / "tight.part") as recording:
        sample_chains(
            sealed.problems, RecordingEngine(FakeEngine(sealed.problems), recording), tight
        )
    short = sealed_from(tmp_path / "tight", tmp_path / "tight.part")
    error = missed(evolve(sealed, artifact=short), sealed.problems)
    assert error.component == "limits"
    assert "step 1; the recorded chain ends earlier" in str(error)


def test_a_problem_that_was_not_recorded_is_named(sealed) -> None:
    error = missed(sealed, word_problems(4)[3:])
    assert error.component == "problem"
    assert "this problem was not recorded, 3 others were" in str(error)


def one_reply(folder: Path, request: Request, **spec: object) -> Artifact:
    item = Recorded(
        job=request.job,
        step=request.step,
        key=reply_key(IDENTITY, request),
        opening="o",
        text="Add(a=1, b=2)",
        tokens=3,
    )
    return write_artifact(folder, "recording", [item], spec={"identity": IDENTITY, **spec})


@pytest.mark.parametrize(
    ("recorded", "wanted", "said"),
    [
        (None, 0.5, "its own temperature is 0.5, recorded was none"),
        (0.9, None, "its own temperature is none, recorded was 0.9"),
        (0.9, 0.5, "its own temperature is 0.5, recorded was 0.9"),
    ],
)
def test_a_temperature_of_its_own_is_named(tmp_path, recorded, wanted, said) -> None:
    request = Request(job="p/0", step=1, messages=SAID, temperature=recorded)
    engine = ReplayEngine(one_reply(tmp_path, request, ladder={"temperatures": [0.5, 0.9]}))
    with pytest.raises(ReplayMissError, match=said) as caught:
        engine.run([evolve(request, temperature=wanted)], lambda *_: None)
    assert caught.value.component == "temperature"


def test_other_function_schemas_are_shown(tmp_path) -> None:
    request = Request(job="p/0", step=1, messages=SAID, tools=({"name": "Add"},))
    kept = {"shown": {"math.word": {"messages": [], "openings": [[]], "tools": [{"name": "Add"}]}}}
    engine = ReplayEngine(one_reply(tmp_path, request, **kept))
    with pytest.raises(ReplayMissError, match=r"the function schemas \(tools\) differ") as caught:
        engine.run([evolve(request, tools=({"name": "Sum"},))], lambda *_: None)
    assert caught.value.component == "tools"
    assert '-  "name": "Add"' in caught.value.diff
    assert '+  "name": "Sum"' in caught.value.diff
