"""Recordings shown: what one holds, and a chain as the chat that the model saw."""

from __future__ import annotations

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, TEACHER, Message, PromptSpec, render
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import UsageError
from fcpref.shell import stages
from fcpref.shell.openings import kept_openings
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import recording_header
from fcpref.shell.recordings_show import chat, find_job, read_recording, summary
from fcpref.shell.sampling import sample_chains
from fcpref.shell.store import read_artifact
from fcpref.shell.workspace import Workspace
from tests.recorded import IDENTITY, PLAN, FakeEngine
from tests.recorded_stages import NAME, chains_of, changed, recorded


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, NAME, "train", 4)


def test_a_summary_says_what_a_recording_holds(workspace, problems):
    text = summary(read_recording(workspace, recorded(workspace, problems).id))
    for line in (
        "engine: fake",
        "model: path:fake",
        "sampling: greedy",
        "samples: 2",
        "prompt: detail signatures, shots 0",
        "limits: calls 6, failures 3, reply tokens 96, tokens 800",
        f"problems: 4 of math.word ({problems.id[7:23]})",
    ):
        assert line in text.splitlines()
    assert "(sealed)" in text
    assert "in 8 chains" in text


def test_a_growing_recording_can_be_looked_at(workspace, problems):
    values = problems.values(Problem)
    path = workspace.local / "recording" / "abc123.part"
    head = recording_header(identity=IDENTITY, parents=(problems.id,), spec={"samples": 2})
    with Recording(path, head) as recording:
        live = RecordingEngine(FakeEngine(values), recording)
        chains = sample_chains(values, live, PLAN)
        with path.open("ab") as file:
            file.write(b'{"job": "half a line')
        for name in (str(path), "abc1"):
            contents = read_recording(workspace, name)
            assert "not sealed" in summary(contents)
            assert "engine: fake" in summary(contents)
            assert len(contents.replies) == sum(len(chain.turns) for chain in chains)


def test_a_growing_recording_of_before_there_were_headers_is_shown(workspace, problems):
    path = workspace.local / "recording" / "old.part"
    values = problems.values(Problem)
    with Recording(path) as recording:
        sample_chains(values, RecordingEngine(FakeEngine(values), recording), PLAN)
    text = summary(read_recording(workspace, str(path)))
    assert "engine: unknown" in text
    assert "in 8 chains" in text


@pytest.mark.parametrize("grammar", ["python", "tools"])
def test_a_chain_is_shown_as_the_chat_that_the_model_saw(workspace, problems, grammar):
    plan = evolve(PLAN, prompt=evolve(TEACHER, grammar=grammar))
    asked = {}

    class Watching(FakeEngine):
        def run(self, requests, on_reply):
            def watch(request, reply):
                asked[request.job] = (*request.messages, reply.text)
                return on_reply(request, reply)

            super().run(requests, watch)

    watching = Watching(problems.values(Problem))
    contents = read_recording(workspace, recorded(workspace, problems, plan, watching).id)
    for job, messages in asked.items():
        shown = chat(contents, job)
        assert shown.notes == ()
        assert shown.messages[:-2] == messages[:-1]
        assert shown.messages[-2].content == messages[-1]


def test_a_chain_is_named_by_the_start_of_its_problem(workspace, problems):
    contents = read_recording(workspace, recorded(workspace, problems).id)
    job = contents.jobs[3]
    digits = job[7:19]
    assert find_job(contents, digits) == contents.jobs[2]
    assert find_job(contents, f"{digits}/1") == job
    assert find_job(contents, job) == job
    for name in ("", "/0", "zzzz", f"{digits}/7"):
        with pytest.raises(UsageError, match="has no"):
            find_job(contents, name)


def test_a_chain_without_its_problems_is_shown_as_replies(workspace, problems):
    recording = recorded(workspace, problems)
    problems.path.unlink()
    contents = read_recording(Workspace(workspace.root), recording.id)
    shown = chat(contents, contents.jobs[0])
    assert {message.role for message in shown.messages} == {"assistant"}
    assert "the problems are not here: replies only" in shown.text()


def test_a_changed_function_is_noted_in_a_chat(workspace, problems, monkeypatch):
    contents = read_recording(workspace, recorded(workspace, problems).id)
    changed(monkeypatch)
    notes = [note for job in contents.jobs for note in chat(contents, job).notes]
    assert any("what is shown here is not what the model was shown" in note for note in notes)


def test_a_recording_keeps_what_was_shown_and_its_chains_do_not(workspace, problems):
    recording = recorded(workspace, problems)
    (opening,) = kept_openings(recording.header.spec)[NAME]
    first = problems.values(Problem)[0]
    assert opening.before(Message(role="user", content=first.text)) == render(
        STUDENT, find_task(NAME).toolbox, first
    )
    assert read_artifact(recording.path).header == recording.header
    chains = workspace.find(chains_of(workspace, recording), "chains")
    assert chains.header.spec == {
        name: one for name, one in recording.header.spec.items() if name != "shown"
    }


def test_worked_examples_that_go_by_the_problem_are_kept_and_shown(workspace, problems):
    plan = evolve(PLAN, prompt=PromptSpec(detail="help", shots=2, exemplars="similar"))
    contents = read_recording(workspace, recorded(workspace, problems, plan).id)
    task = find_task(NAME)
    for problem in problems.values(Problem):
        shown = chat(contents, f"{problem_id(problem)}/0")
        opening = render(plan.prompt, task.toolbox, problem, task.exemplars)
        assert shown.notes == ()
        assert shown.messages[: len(opening)] == opening
