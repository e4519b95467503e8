"""Recordings compared with each other, and with what the code asks now."""

from __future__ import annotations

import pytest
from attrs import evolve

from fcpref.core.chains import TEACHER
from fcpref.core.problems import Problem, problem_id
from fcpref.shell import stages
from fcpref.shell.recordings import Recorded
from fcpref.shell.recordings_diff import against_now, compare, findings_text
from fcpref.shell.recordings_show import chat, read_recording
from tests.recorded import PLAN, FakeEngine
from tests.recorded_stages import NAME, SECOND, Otherwise, changed, recorded, some


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, NAME, "train", 4)


def test_equal_recordings_do_not_differ(workspace, problems):
    recording = recorded(workspace, problems)
    assert compare(workspace, recording.id, str(recording.path)) == ()
    assert findings_text(()) == "nothing differs"


def test_another_reply_is_shown_with_its_place(workspace, problems):
    one = recorded(workspace, problems)
    values = problems.values(Problem)
    job = next(item.job for item in one.values(Recorded) if item.step == 2)

    class Other(Otherwise):
        identity = SECOND

    two = recorded(workspace, problems, engine=Other(values, job))
    found = compare(workspace, one.id, two.id)
    assert [one.what for one in found] == ["identity", "chains", "reply"]
    assert found[0].text == "revision is 1 and 2"
    assert found[1].text.startswith("1 of 8 chains that both have differ")
    assert f"problem {job[7:23]}, sample {job[-1]}, step 1" in found[2].text
    lines = found[2].diff.splitlines()
    assert lines[:2] == [f"--- {one.id[7:23]}", f"+++ {two.id[7:23]}"]
    assert lines[-1] == "+Add(a=70, b=7)"


def test_another_prompt_is_shown_line_by_line(workspace, problems):
    one = recorded(workspace, problems)
    two = recorded(workspace, problems, evolve(PLAN, prompt=TEACHER, samples=1))
    text = findings_text(compare(workspace, one.id, two.id))
    assert "plan: prompt.detail is signatures and help" in text
    assert "plan: prompt.shots is 0 and 4" in text
    assert "plan: samples is 2 and 1" in text
    assert "chains: 4 samples of the same problems are only in" in text
    assert "prompt: problem" in text
    assert "+Solve the problem step by step" in text


def test_other_problems_are_counted_and_named(workspace, problems):
    one = recorded(workspace, some(workspace, problems, [0, 1, 2]))
    two = recorded(workspace, some(workspace, problems, [1, 2, 3]))
    found = [one.text for one in compare(workspace, one.id, two.id)]
    assert len(found) == 2
    for text, place, recording in zip(found, (0, 3), (one, two), strict=True):
        name = problem_id(problems.values(Problem)[place])[7:23]
        assert text == f"1 are only in {recording.id[7:23]}, such as {name}"


def test_nothing_differs_from_what_the_code_asks_now(workspace, problems):
    assert against_now(workspace, recorded(workspace, problems)) == ()


def test_a_changed_result_is_shown_against_the_chains(workspace, problems, monkeypatch):
    recording = recorded(workspace, problems)
    changed(monkeypatch)
    found = against_now(workspace, recording)
    assert found[0].text.endswith("of 8 chains cannot be replayed")
    assert "a function's result has changed" in found[1].text
    assert found[1].diff.splitlines()[-1].startswith("+= ")


def test_code_that_has_changed_asks_only_for_what_it_asks_otherwise(
    workspace, problems, monkeypatch
):
    recorded(workspace, problems)
    monkeypatch.setattr("fcpref.shell.workspace.code_version", lambda: "another")
    engine = FakeEngine(problems.values(Problem))
    recorded(workspace, problems, engine=engine)
    assert engine.asked == []


def test_a_ladder_of_temperatures_is_shown_compared_and_replayed(workspace, problems):
    plan = evolve(PLAN, temperatures=(0.0, 0.5))
    one = recorded(workspace, problems, plan)
    contents = read_recording(workspace, one.id)
    assert [chat(contents, job).notes for job in contents.jobs] == [()] * 8
    assert against_now(workspace, one) == ()
    two = recorded(workspace, problems, evolve(PLAN, temperatures=(0.0, 0.7)))
    found = compare(workspace, one.id, two.id)
    assert "temperatures is [0.0, 0.5] and [0.0, 0.7]" in found[0].text


def test_another_result_in_the_same_place_is_shown_from_the_chains(
    workspace, problems, monkeypatch
):
    one = recorded(workspace, problems)
    changed(monkeypatch)
    for note in (workspace.local / "done").iterdir():
        note.unlink()
    two = recorded(workspace, problems)
    found = compare(workspace, one.id, two.id)
    assert [one.what for one in found] == ["chains", "result"]
    assert "the messages before it differ (a function's result)" in found[1].text
    lines = found[1].diff.splitlines()
    assert lines[-1] == f"+= {lines[-2].removeprefix('-')}"
    for path in workspace.paths("chains"):
        path.unlink()
    assert "the chains of both are not here" in compare(workspace, one.id, two.id)[1].diff
