"""Tasks of shards: what one carries, who refuses it, and what in it is named by line."""

from __future__ import annotations

import msgspec
import pytest

from fcpref.core.codec import unstructure
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem, problem_id
from fcpref.errors import ArtifactError, ModelError, UsageError
from fcpref.shell import shard_work, sharded, stages
from fcpref.shell.recordings import Recorded
from fcpref.shell.shards import InProcess, Sharding, Task, by_shard, gather
from fcpref.shell.store import read_artifact
from fcpref.shell.workspace import Workspace, package_version
from tests.sharded_stages import Unreliable, asking, make, solver
from tests.teacher_server import KEY


def test_no_task_is_begun_after_a_failure():
    begun = []

    def fails(task: bytes) -> bytes:
        begun.append(task)
        return b'{"failure":{"kind":"ModelError","message":"no such model"}}'

    tasks = [lambda: Task(code="")] * 5
    with pytest.raises(ModelError, match=r"^no such model$"):
        list(gather(InProcess(), fails, tasks))
    assert len(begun) == 1


def test_an_error_of_a_class_that_is_not_known_is_still_ours():
    def fails(_: bytes) -> bytes:
        return b'{"failure":{"kind":"NewerError","message":"something new"}}'

    with pytest.raises(Exception, match=r"^something new$") as caught:
        list(gather(InProcess(), fails, [lambda: Task(code="")]))
    assert type(caught.value).__name__ == "FcprefError"


def done_with(work, **fields):
    result = work(msgspec.json.encode(Task(**{"code": package_version(), **fields})))
    return msgspec.json.decode(result)["failure"].values()


@pytest.mark.parametrize(
    "work", [shard_work.identify, shard_work.sample, shard_work.score, shard_work.pair]
)
def test_a_worker_with_other_code_refuses_before_it_reads_the_task(work):
    kind, message = done_with(work, code="0" * 64, settings="as another version has them")

    assert kind == "ClusterError"
    assert "runs other code of fcpref than this machine; install the same version" in message


def test_a_worker_with_another_version_of_a_library_refuses():
    kind, message = done_with(shard_work.score, versions={"z3-solver": "1.0"})

    assert kind == "ClusterError"
    assert "has z3-solver 5" in message
    assert "this machine 1.0; install the same" in message


def test_a_worker_with_another_model_refuses(server):
    identity = {"engine": "openai", "model": "teacher", "revision": "abc"}
    settings = {
        "solver": unstructure(asking(server[0])),
        "identity": identity,
        "record": True,
    }
    kind, message = done_with(shard_work.sample, settings=settings)

    assert kind == "ModelError"
    assert "has another teacher: revision '', not 'abc'; give all workers the same" in message


def test_a_task_carries_problems_and_no_key(tmp_path, server):
    executor = Unreliable(0)
    made = make(tmp_path, asking(server[0]), Sharding(executor=executor, shards=3))
    sampling = Unreliable(0)
    workspace = Workspace(tmp_path / "again")
    problems = workspace.write("problems", made.problems.values(Problem), spec={"again": True})
    sharded.solve(workspace, problems, asking(server[0]), Sharding(executor=sampling, shards=3))

    assert len(sampling.tasks) == 3
    for task in [*executor.tasks, *sampling.tasks]:
        assert KEY.encode() not in task
        assert str(tmp_path).encode() not in task


def test_replay_does_not_run_in_shards(tmp_path):
    with pytest.raises(UsageError, match="engine 'replay' does not run in shards; leave out --ray"):
        make(tmp_path, solver("replay"), Sharding(executor=InProcess()))


def edited(folder, artifact, change):
    """Return a copy of an artifact whose records were changed by hand."""
    header = unstructure(artifact.header)
    lines = [header, *({**record, **change} for record in artifact.records)]
    path = folder / "edited.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return read_artifact(path)


@pytest.mark.parametrize("field", ["problem", "turns"])
def test_chains_that_are_none_are_named_by_line(tmp_path, alone, field):
    broken = edited(tmp_path, alone.chains, {field: 3})
    scorer = sharded.scorer(Sharding(executor=InProcess(), shards=2))

    with pytest.raises(ArtifactError, match=r"edited.jsonl, line 2: "):
        stages.score(alone.workspace, broken, scorer)


def test_chains_of_other_problems_are_named_by_line(tmp_path, alone):
    other = "sha256:" + "0" * 64
    broken = edited(tmp_path, alone.chains, {"problem": other})
    scorer = sharded.scorer(Sharding(executor=InProcess(), shards=2))

    with pytest.raises(ArtifactError, match=r"line 2: its problem is not among those of its"):
        stages.score(alone.workspace, broken, scorer)


def test_scored_chains_that_are_none_are_named_by_line(tmp_path, alone):
    broken = edited(tmp_path, alone.scores, {"score": 3})
    pairer = sharded.pairer(Sharding(executor=InProcess(), shards=2))

    with pytest.raises(ArtifactError, match=r"edited.jsonl, line 2: "):
        stages.pairs(alone.workspace, [broken], PairSpec(), pairer)


def test_replies_go_to_the_shard_of_their_problem(alone):
    recording = alone.workspace.find(alone.chains.header.parents[1], "recording")
    problems = alone.problems.values(Problem)
    replies = by_shard(recording.values(Recorded), lambda one: one.job.rpartition("/")[0], 5)

    for shard, some in by_shard(problems, problem_id, 5).items():
        names = {problem_id(problem) for problem in some}
        assert {reply.job.rpartition("/")[0] for reply in replies[shard]} == names
