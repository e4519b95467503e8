"""Recordings shown, compared, pruned and merged; what is written always replays."""

from __future__ import annotations

import random

import msgspec
import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, TEACHER, Chain, Limits, Message, PromptSpec, Reply, render
from fcpref.core.codec import unstructure
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.errors import ArtifactError, ReplayMissError, UsageError
from fcpref.shell import recordings_edit, stages, stages_chains
from fcpref.shell.openings import kept_openings
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded, recording_header
from fcpref.shell.recordings_diff import against_now, compare, findings_text
from fcpref.shell.recordings_show import chat, find_job, read_recording, summary
from fcpref.shell.sampling import sample_chains
from fcpref.shell.store import read_artifact
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace
from tests.recorded import IDENTITY, PLAN, FakeEngine

NAME = "math.word"
SECOND = {**IDENTITY, "revision": "2"}


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, NAME, "train", 4)


def recorded(workspace, problems, plan=PLAN, engine=None):
    """Record a run and return the recording."""
    engine = engine or FakeEngine(problems.values(Problem))
    chains = stages.model_chains(workspace, problems, engine, plan)
    return workspace.find(chains.header.parents[1], "recording")


def some(workspace, problems, places):
    values = problems.values(Problem)
    return workspace.write(
        "problems", [values[place] for place in places], spec=problems.header.spec
    )


class Otherwise(FakeEngine):
    """Says something else in the second step of one chain."""

    identity = IDENTITY

    def __init__(self, problems, job, text="Add(a=70, b=7)", step=1):
        super().__init__(problems)
        self.job, self.text, self.step = job, text, step

    def run(self, requests, on_reply):
        def other(request, reply):
            changed = (request.job, request.step) == (self.job, self.step)
            return on_reply(request, Reply(text=self.text) if changed else reply)

        super().run(requests, other)


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


def changed(monkeypatch):
    """Let a function's results read otherwise from now on."""
    real = stages_chains.sample_chains.__globals__["advance"]

    def other(state, reply):
        after = real(state, reply)
        if not after.turns or "Subtract" not in reply.text:
            return after
        last = after.turns[-1]
        outcome = evolve(last.outcome, text=f"= {last.outcome.text}")
        return evolve(after, turns=(*after.turns[:-1], evolve(last, outcome=outcome)))

    monkeypatch.setattr("fcpref.shell.sampling.advance", other)
    monkeypatch.setattr("fcpref.shell.recordings_show.executed", other)


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


def test_pruning_what_is_all_reached_gives_the_same(workspace, problems):
    recording = recorded(workspace, problems)
    done = recordings_edit.prune(workspace, recording)
    assert (done.recording, done.dropped, done.lost) == (recording, 0, 0)


def test_pruning_drops_replies_that_no_chain_reaches(workspace, problems):
    recording = recorded(workspace, problems)
    replies = recording.values(Recorded)
    stray = [evolve(one, key=f"{one.key[:-1]}-") for one in replies[:3]]
    fat = workspace.write(
        "recording",
        [*replies, *stray],
        parents=recording.header.parents,
        spec=recording.header.spec,
    )
    before = fat.path.read_bytes()
    done = recordings_edit.prune(workspace, fat)
    assert (done.recording.id, done.dropped, done.lost) == (recording.id, 3, 0)
    assert fat.path.read_bytes() == before


def test_pruning_after_a_changed_function_keeps_what_replays(workspace, problems, monkeypatch):
    recording = recorded(workspace, problems)
    changed(monkeypatch)
    lost = {
        chain.problem
        for chain in workspace.find(chains_of(workspace, recording), "chains").values(Chain)
        if any("Subtract" in turn.reply for turn in chain.turns[:-1])
    }
    assert 0 < len(lost) < 4
    done = recordings_edit.prune(workspace, recording)
    assert done.lost == len(lost)
    assert "a function's result has changed" in done.misses
    replayed = stages.replay_chains(workspace, done.recording)
    kept = {problem_id(one) for one in problems.values(Problem)} - lost
    assert {chain.problem for chain in replayed.values(Chain)} == kept


def chains_of(workspace, recording):
    for path in workspace.paths("chains"):
        artifact = read_artifact(path)
        if recording.id in artifact.header.parents:
            return artifact.id
    raise AssertionError(recording)


def test_pruning_to_some_problems_is_recording_only_them(workspace, problems):
    few = some(workspace, problems, [0, 2])
    done = recordings_edit.prune(workspace, recorded(workspace, problems), few)
    assert done.recording.id == recorded(workspace, few).id


def test_pruning_to_problems_that_were_not_recorded_is_refused(workspace, problems):
    recording = recorded(workspace, some(workspace, problems, [0, 1]))
    with pytest.raises(ArtifactError, match="2 of its problems are not in"):
        recordings_edit.prune(workspace, recording, problems)


def test_pruning_down_to_nothing_is_refused(workspace, problems):
    recording = recorded(workspace, problems)
    empty = workspace.write(
        "recording",
        recording.values(Recorded)[:0],
        parents=recording.header.parents,
        spec=recording.header.spec,
    )
    with pytest.raises(ArtifactError, match="nothing would be left"):
        recordings_edit.prune(workspace, empty)


def test_shards_of_problems_merge_to_what_one_run_records(workspace, problems):
    whole = recorded(workspace, problems)
    shards = [recorded(workspace, some(workspace, problems, places)) for places in ([0, 3], [1, 2])]
    random.shuffle(shards)
    done = recordings_edit.merge(workspace, [one.id for one in shards])
    assert done.recording.id == whole.id
    assert done.chains.id == chains_of(workspace, whole)


def test_shards_of_samples_merge_to_what_one_run_records(workspace, problems):
    whole = recorded(workspace, problems)
    one = recorded(workspace, problems, evolve(PLAN, samples=1))
    second = [item for item in whole.values(Recorded) if item.job.endswith("/1")]
    other = workspace.write(
        "recording", second, parents=whole.header.parents, spec=whole.header.spec
    )
    assert recordings_edit.merge(workspace, [one.id, other.id]).recording.id == whole.id


def test_an_interrupted_recording_merges_with_the_rest(workspace, problems):
    whole = recorded(workspace, problems)
    replies = whole.values(Recorded)
    names = []
    # One holds a reply that was never heard, and one that no chain reaches.
    twice = evolve(replies[0], text="Add(a=70, b=7)")
    stray = evolve(replies[0], key="0" * 32)
    for number, part in enumerate(((*replies[:9], stray), replies[9:])):
        path = workspace.local / "recording" / f"{number}.part"
        with Recording(path, evolve(whole.header, count=0)) as recording:
            for item in part:
                recording.append(item)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(unstructure(twice)) + b"\n" if not number else b"")
        names.append(str(path))
    assert recordings_edit.merge(workspace, names).recording.id == whole.id
    with pytest.raises(ReplayMissError, match="the recordings together: no reply for"):
        recordings_edit.merge(workspace, names[:1])


def test_problems_of_several_seeds_merge(workspace, problems):
    others = stages.make_problems(workspace, "math.word", "train", 2, seed=9)
    done = recordings_edit.merge(
        workspace, [recorded(workspace, one).id for one in (problems, others)]
    )
    union = workspace.find(done.recording.header.parents[0], "problems")
    assert union.header.parents == (problems.id, others.id)
    assert union.header.count == 6
    assert done.chains.header.count == 12
    assert verify(workspace.root).differences == ()


def test_conflicting_replies_are_refused_and_named(workspace, problems):
    one = recorded(workspace, problems)
    job = one.values(Recorded)[0].job
    values = problems.values(Problem)
    other_place = Workspace(workspace.root / "elsewhere")
    other_place.write("problems", values, spec=problems.header.spec)
    two = recorded(other_place, problems, engine=Otherwise(values, job, step=0))
    with pytest.raises(ArtifactError, match="1 replies are not those of") as caught:
        recordings_edit.merge(workspace, [one.id, str(two.path)])
    assert f"problem {job[7:23]}, sample {job[-1]}, step 0" in str(caught.value)


@pytest.mark.parametrize(
    ("plan", "identity", "said"),
    [
        (evolve(PLAN, limits=Limits(calls=5)), IDENTITY, "its limits is not that of"),
        (evolve(PLAN, prompt=evolve(STUDENT, shots=1)), IDENTITY, "its prompt is not that of"),
        (PLAN, SECOND, "its identity is not that of"),
    ],
)
def test_other_plans_and_engines_do_not_merge(workspace, problems, plan, identity, said):
    class Other(FakeEngine):
        pass

    Other.identity = identity
    one = recorded(workspace, problems)
    two = recorded(workspace, problems, plan, Other(problems.values(Problem)))
    with pytest.raises(ArtifactError, match=said):
        recordings_edit.merge(workspace, [one.id, two.id])


def test_code_that_has_changed_asks_only_for_what_it_asks_otherwise(
    workspace, problems, monkeypatch
):
    recorded(workspace, problems)
    monkeypatch.setattr("fcpref.shell.workspace.code_version", lambda: "another")
    engine = FakeEngine(problems.values(Problem))
    recorded(workspace, problems, engine=engine)
    assert engine.asked == []


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


def test_shards_shown_other_worked_examples_merge_to_what_one_run_records(workspace, problems):
    plan = evolve(PLAN, prompt=PromptSpec(detail="help", shots=2, exemplars="similar"))
    whole = recorded(workspace, problems, plan)
    shards = [recorded(workspace, some(workspace, problems, [n]), plan).id for n in range(4)]
    assert recordings_edit.merge(workspace, shards).recording.id == whole.id


def test_a_ladder_of_temperatures_is_shown_compared_and_replayed(workspace, problems):
    plan = evolve(PLAN, temperatures=(0.0, 0.5))
    one = recorded(workspace, problems, plan)
    contents = read_recording(workspace, one.id)
    assert [chat(contents, job).notes for job in contents.jobs] == [()] * 8
    assert against_now(workspace, one) == ()
    two = recorded(workspace, problems, evolve(PLAN, temperatures=(0.0, 0.7)))
    found = compare(workspace, one.id, two.id)
    assert "temperatures is [0.0, 0.5] and [0.0, 0.7]" in found[0].text


def test_a_plan_that_stops_early_is_pruned_and_merged(workspace, problems):
    plan = evolve(PLAN, samples=3, until_both=True)
    whole = recorded(workspace, problems, plan)
    few = some(workspace, problems, [0, 2])
    assert recordings_edit.prune(workspace, whole, few).recording.id == (
        recorded(workspace, few, plan).id
    )
    shards = [
        recorded(workspace, some(workspace, problems, at), plan).id for at in ([0, 1], [2, 3])
    ]
    assert recordings_edit.merge(workspace, shards).recording.id == whole.id


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
