"""A training stage with probes: which problems, what is logged and said, what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from fcpref.core.chains import STUDENT, Chain
from fcpref.core.codec import unstructure
from fcpref.core.pairs import PreferencePair
from fcpref.core.problems import Problem, problem_id
from fcpref.core.tasks import find_task
from fcpref.core.training import DpoSpec, LoraSpec, Probe, ProbeSpec, RunRecord, SftSpec
from fcpref.errors import UsageError
from fcpref.shell import stages
from fcpref.shell.probing import pinned, probing
from fcpref.shell.progress import Progress
from fcpref.shell.stages_training import train
from fcpref.shell.workspace import Workspace
from tests.played import played
from tests.rote_student import ROTE
from tests.training_runs import Data, training_data

if TYPE_CHECKING:
    from pathlib import Path

    from fcpref.shell.probing import Probing

SPEC = DpoSpec(
    epochs=2, batch=2, max_tokens=2_000, lora=LoraSpec(rank=4), probe=ProbeSpec(every=3, count=2)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    return training_data(tmp_path_factory, 6)


class Said(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def workspace(data) -> Workspace:
    return Workspace(data.root, Said())


def chains(split: str = "train", task: str = "math.word", count: int = 3) -> list[Chain]:
    generate = find_task(task).generate
    assert generate is not None
    return [made(generate({}, 1, split, index)) for index in range(count)]


def made(problem: Problem) -> Chain:
    return evolve(
        played(PROBLEMS.setdefault(problem_id(problem), problem), ROTE), task=problem.task
    )


PROBLEMS: dict[str, Problem] = {}


def ignore(_: Probe) -> None:
    pass


def probed(workspace: Workspace, rows: Any, **changes: Any) -> Probing:
    spec = evolve(SPEC, probe=evolve(SPEC.probe, **changes))
    found = probing(workspace, rows, PROBLEMS, pinned(workspace, spec), ignore)
    assert found is not None
    return found


def test_the_task_and_the_functions_are_those_of_most_rows(workspace) -> None:
    deduction = [evolve(one, grammar="tools") for one in chains(task="fol.deduction")]
    word = [evolve(one, without=("Divide",)) for one in chains(count=5)]
    word[0] = evolve(word[0], without=())
    found = probed(workspace, [*deduction, *word])
    assert [one.task for one in found.problems] == ["math.word"] * 2
    assert found.prompt == evolve(STUDENT, without=("Divide",))
    other = probed(workspace, [*deduction, *word], task="fol.deduction")
    assert [one.task for one in other.problems] == ["fol.deduction"] * 2
    assert other.prompt == evolve(STUDENT, grammar="tools")
    # Nothing may be withheld of a task that it is not of.
    third = probed(workspace, word, task="fol.models")
    assert third.prompt == STUDENT
    pairs = [
        PreferencePair(kind="chain", chosen=one, rejected=one, rejected_verdict="limit")
        for one in word
    ]
    assert probed(workspace, pairs) == found


def test_given_problems_are_taken_and_pinned_by_their_whole_id(workspace) -> None:
    given = stages.make_problems(workspace, "math.algebra", "dev", 3, 0, {})
    spec = evolve(SPEC, probe=evolve(SPEC.probe, problems=given.id[7:15]))
    assert pinned(workspace, spec).probe.problems == given.id
    assert pinned(workspace, SPEC) == SPEC
    assert probed(workspace, chains(), problems=given.id).problems == given.values(Problem)[:2]
    held_out = stages.make_problems(workspace, "math.word", "test", 2, 0, {})
    with pytest.raises(UsageError, match="of the test split"):
        probed(workspace, chains(), problems=held_out.id)
    trained = stages.make_problems(workspace, "math.word", "train", 2, 1, {})
    with pytest.raises(UsageError, match="has 2 problems that are trained on"):
        probed(workspace, chains(), problems=trained.id)


def test_rows_of_the_dev_split_are_no_probe_problems(workspace) -> None:
    first = probed(workspace, chains()).problems
    rows = [*chains(), *(made(one) for one in first)]
    second = probed(workspace, rows).problems
    assert len(second) == 2
    assert not {*first} & {*second}


def test_there_are_no_probes_unless_asked_for(workspace) -> None:
    off = evolve(SPEC, probe=evolve(SPEC.probe, every=0))
    assert probing(workspace, chains(), PROBLEMS, off, ignore) is None


def events(root: Path, key: str) -> list[dict[str, Any]]:
    lines = (root / "local" / "logs" / "run.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    begun = max(n for n, one in enumerate(found) if one["event"] == "begin")
    return [one for one in found[begun:] if one["event"] == key]


def test_a_run_logs_its_probes_and_says_what_it_kept(workspace, data) -> None:
    pairs = workspace.locate(data.rows["dpo"], "pairs")
    done = train(workspace, "dpo", [pairs], data.student, SPEC, name="probed")
    assert done is not None
    record = done[0].values(RunRecord)[0]
    logged = events(data.root, "probe")
    names = unstructure(record.probes[0])
    assert [{name: one[name] for name in names} for one in logged] == [
        unstructure(one) for one in record.probes
    ]
    assert [one.step for one in record.probes] == [0, 3, 6]
    assert record.kept == 0
    said = workspace.progress.notes[-1]
    assert said.startswith("training did not help: no probe has more")
    assert "; set probe.keep=last for" in said
    assert events(data.root, "trained")[0]["kept"] == 0


def test_a_record_names_given_problems_by_their_whole_id(workspace, data) -> None:
    given = stages.make_problems(workspace, "math.word", "dev", 2, 5, {})
    named = evolve(SPEC, epochs=1, probe=evolve(SPEC.probe, problems=given.id[7:15]))
    pairs = workspace.locate(data.rows["dpo"], "pairs")
    done = train(workspace, "dpo", [pairs], data.student, named, name="given")
    assert done is not None
    record = done[0].values(RunRecord)[0]
    assert record.spec["probe"]["problems"] == given.id
    # The same work by another name is not done again.
    whole = evolve(named, probe=evolve(named.probe, problems=given.id))
    assert train(workspace, "dpo", [pairs], data.student, whole) == done


@pytest.mark.parametrize("limit", [1e3, 1e-6])
def test_without_probes_chosen_rejected_and_margin_are_logged_and_guarded(
    workspace, data, limit
) -> None:
    pairs = workspace.locate(data.rows["dpo"], "pairs")
    # Of both chains apo_down lowers the likelihood.
    sinking = evolve(
        SPEC, probe=ProbeSpec(), loss="apo_down", learning_rate=2e-2, sft_weight=0, stop_below=limit
    )
    done = train(workspace, "dpo", [pairs], data.student, sinking, name=f"plain-{limit}")
    assert done is not None
    record = done[0].values(RunRecord)[0]
    steps = events(data.root, "step")
    assert [one["step"] for one in steps] == list(range(1, record.steps + 1))
    for one in steps:
        chosen, rejected = one["rewards/chosen"], one["rewards/rejected"]
        assert one["rewards/margins"] == pytest.approx(chosen - rejected, abs=1e-4)
        assert one["logps/chosen"] < 0
        assert one["logps/rejected"] < 0
    assert bool(record.stopped) == (limit < 1)
    if record.stopped:
        assert "likelihood displacement" in record.stopped
        assert workspace.progress.notes[-1] == f"stopped at {record.stopped}"
        assert record.steps < 6
    assert not events(data.root, "probe")
    assert record.kept is None


def test_the_bar_shows_the_last_probe_beside_the_loss(workspace, data) -> None:
    scores = workspace.locate(data.rows["sft"], "scores")
    spec = SftSpec(
        epochs=2,
        batch=3,
        max_tokens=2_000,
        lora=LoraSpec(rank=4),
        probe=ProbeSpec(every=2, count=2, keep="last"),
    )
    shown: list[str] = []
    workspace.progress.line = shown.append
    done = train(workspace, "sft", [scores], data.student, spec, name="bar")
    assert done is not None
    record = done[0].values(RunRecord)[0]
    assert record.kept == record.steps == 4
    assert any("4 of 4, loss " in one and ", probe " in one for one in shown)
    assert "probe 0/2 correct" in shown[0]
