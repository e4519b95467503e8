"""Recordings pruned and merged; what is written always replays."""

from __future__ import annotations

import random

import msgspec
import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, Chain, Limits, PromptSpec
from fcpref.core.codec import unstructure
from fcpref.core.problems import Problem, problem_id
from fcpref.errors import ArtifactError, ReplayMissError
from fcpref.shell import recordings_edit, stages
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded
from fcpref.shell.verify import verify
from fcpref.shell.workspace import Workspace
from tests.recorded import IDENTITY, PLAN, FakeEngine
from tests.recorded_stages import NAME, SECOND, Otherwise, chains_of, changed, recorded, some


@pytest.fixture
def problems(workspace):
    return stages.make_problems(workspace, NAME, "train", 4)


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


def test_shards_shown_other_worked_examples_merge_to_what_one_run_records(workspace, problems):
    plan = evolve(PLAN, prompt=PromptSpec(detail="help", shots=2, exemplars="similar"))
    whole = recorded(workspace, problems, plan)
    shards = [recorded(workspace, some(workspace, problems, [n]), plan).id for n in range(4)]
    assert recordings_edit.merge(workspace, shards).recording.id == whole.id


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
