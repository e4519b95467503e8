"""Work in shards: whatever the number of shards and whoever does them, the same bytes come out."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import msgspec
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from fcpref.core.chains import STUDENT, Chain, Limits
from fcpref.core.codec import unstructure
from fcpref.core.pairs import PairSpec
from fcpref.core.problems import Problem, problem_id
from fcpref.errors import ArtifactError, ClusterError, EndpointError, ModelError, UsageError
from fcpref.shell import shard_work, sharded, stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.recording_files import Recording
from fcpref.shell.recordings import Recorded
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.shards import InProcess, Sharding, Task, by_shard, gather
from fcpref.shell.solving import Solver, solve
from fcpref.shell.store import read_artifact
from fcpref.shell.workspace import Workspace, package_version
from tests.teacher_server import KEY, TeacherHandler, teacher

PROBLEMS = 9
SAMPLES = 2


class Unreliable:
    """Does tasks in a random order and some of them twice, as a cluster that loses workers does."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.tasks: list[bytes] = []

    def run(self, work, tasks, *, gpu=False):  # noqa: ARG002 - nothing here has a GPU
        self.tasks = list(tasks)
        order = [*enumerate(self.tasks), *self.random.sample(list(enumerate(self.tasks)), 1)]
        self.random.shuffle(order)
        for number, task in order:
            yield number, work(task)


class Losing:
    """Never returns the last task."""

    def run(self, work, tasks, *, gpu=False):  # noqa: ARG002 - nothing here has a GPU
        for number, task in list(enumerate(tasks))[:-1]:
            yield number, work(task)


class BrokenOffError(Exception):
    """A driver that is killed."""


class BreaksOff:
    """Dies after some tasks."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, work, tasks, *, gpu=False):  # noqa: ARG002 - nothing here has a GPU
        for number, task in enumerate(tasks):
            if number == self.after:
                raise BrokenOffError
            yield number, work(task)


@contextmanager
def serving(**behaviour):
    server = ThreadingHTTPServer(("127.0.0.1", 0), TeacherHandler)
    server.teacher = teacher(**behaviour)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", server.teacher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FCPREF_API_KEY", KEY)


@pytest.fixture(scope="module")
def server():
    with serving() as (endpoint, behaviour):
        yield endpoint, behaviour


def solver(engine="oracle", **options):
    samples = 1 if engine == "oracle" else SAMPLES
    plan = SamplePlan(samples=samples, prompt=STUDENT, limits=Limits(calls=6))
    sampling = Sampling(temperature=0.5, seed=3)
    return Solver(engine=engine, plan=plan, sampling=sampling, **options)


def asking(endpoint, concurrency=3):
    return solver("openai", endpoint=endpoint, model="teacher", concurrency=concurrency)


@frozen
class Made:
    """A workspace, and what was made in it."""

    workspace: Workspace
    problems: object
    chains: object
    scores: object
    pairs: object
    files: dict[str, bytes]


def files(folder):
    """Return every artifact under a folder, as bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "local").rglob("*.jsonl*"))
        if path.parent.name != "logs"
    }


def make(folder, how, sharding=None, spec=PairSpec(per_problem=2)):  # noqa: B008 - a frozen value
    workspace = Workspace(folder)
    problems = stages.make_problems(workspace, "math.word", "train", PROBLEMS)
    if sharding is None:
        chains = solve(workspace, problems, how)
        scores = stages.score(workspace, chains)
        pairs = stages.pairs(workspace, [scores], spec)
    else:
        chains = sharded.solve(workspace, problems, how, sharding)
        scores = stages.score(workspace, chains, sharded.scorer(sharding))
        pairs = stages.pairs(workspace, [scores], spec, sharded.pairer(sharding))
    return Made(workspace, problems, chains, scores, pairs, files(folder))


@pytest.fixture(scope="module")
def alone(tmp_path_factory, server):
    """Make everything in one process."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("FCPREF_API_KEY", KEY)
        return make(folder, asking(server[0]))


@pytest.mark.parametrize("shards", [0, 2, 5, 100])
def test_any_number_of_shards_gives_the_bytes_of_one_process(tmp_path, server, alone, shards):
    executor = Unreliable(shards)
    made = make(tmp_path, asking(server[0]), Sharding(executor=executor, shards=shards))

    assert made.pairs.header.count > 2
    assert files(tmp_path) == alone.files


def test_the_oracle_in_shards_gives_its_bytes_and_no_recording(tmp_path):
    make(tmp_path / "one", solver())
    make(tmp_path / "many", solver(), Sharding(executor=Unreliable(0), shards=5))

    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert not (tmp_path / "many" / "local" / "recording").exists()


def test_a_ladder_that_stops_early_and_is_completed_gives_the_same_bytes(tmp_path, server):
    how = asking(server[0])
    plan = evolve(how.plan, samples=3, temperatures=(0.0, 0.7), until_both=True, complete="prefix")
    how = evolve(how, plan=plan)
    alone = make(tmp_path / "alone", how)
    make(tmp_path / "ray", how, Sharding(executor=Unreliable(2), shards=4))

    samples = Counter(chain.problem for chain in alone.chains.values(Chain) if chain.own)
    assert set(samples.values()) == {2, 3}
    assert any(not chain.own for chain in alone.chains.values(Chain))
    assert files(tmp_path / "ray") == alone.files


@pytest.mark.parametrize("kinds", [("chain",), ("oracle",), ("step", "recovery", "chain")])
@given(data=st.data())
def test_pairs_do_not_depend_on_the_shards_even_where_they_are_drawn(alone, kinds, data):
    spec = PairSpec(
        kinds=kinds,
        solved=True,
        per_problem=data.draw(st.integers(1, 4)),
        per_code=data.draw(st.integers(0, 3)),
        limit=data.draw(st.integers(0, 30)),
        seed=data.draw(st.integers(0, 5)),
    )
    sharding = Sharding(
        executor=Unreliable(data.draw(st.integers(0, 100))), shards=data.draw(st.integers(1, 20))
    )
    one = stages.pairs(alone.workspace, [alone.scores], spec)
    pairer = sharded.pairer(sharding)
    again = alone.workspace.write(
        "pairs",
        pairer(alone.workspace, [alone.scores], spec),
        parents=[alone.scores.id],
        spec=unstructure(spec),
    )
    assert again.id == one.id


@given(st.lists(st.text(min_size=1)), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_problem_is_in_one_shard_whatever_else_there_is(names, shards, noise):
    found = by_shard(names, str, shards)
    shuffled = list(names)
    noise.shuffle(shuffled)

    assert sorted(name for some in found.values() for name in some) == sorted(names)
    assert all(0 <= shard < shards for shard in found)
    assert {name: shard for shard, some in found.items() for name in some} == {
        name: shard for shard, some in by_shard(shuffled, str, shards).items() for name in some
    }


def test_shards_are_about_equally_large():
    sizes = [len(some) for some in by_shard(map(str, range(10_000)), str, 10).values()]

    assert len(sizes) == 10
    assert all(900 < size < 1_100 for size in sizes)


def test_there_is_a_shard_for_each_fifty_problems_unless_told():
    sharding = Sharding(executor=InProcess())

    assert [sharding.count(n) for n in (0, 1, 50, 51, 10_000)] == [1, 1, 1, 2, 200]
    assert evolve(sharding, shards=7).count(10_000) == 7


def test_shards_that_do_not_come_back_are_an_error_and_are_all_that_is_asked_for_again(
    tmp_path, alone
):
    with serving() as (endpoint, behaviour):
        with pytest.raises(ClusterError, match="1 of 3 shards did not come back; run the same"):
            make(tmp_path, asking(endpoint), Sharding(executor=Losing(), shards=4))
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=4))

    recording = alone.workspace.find(alone.chains.header.parents[1], "recording")
    assert len(behaviour.asked) == len(set(behaviour.asked)) == recording.header.count
    assert files(tmp_path) == alone.files


def test_a_driver_that_is_killed_goes_on_with_the_shards_that_it_lacks(tmp_path, alone):
    with serving() as (endpoint, behaviour):
        with pytest.raises(BrokenOffError):
            make(tmp_path, asking(endpoint), Sharding(executor=BreaksOff(3), shards=6))
        begun = len(behaviour.asked)
        # Another number of shards: what is recorded counts all the same.
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=5))

        assert 0 < begun < len(behaviour.asked) == len(set(behaviour.asked))
    assert files(tmp_path) == alone.files
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_begun_in_one_process_goes_on_in_shards(tmp_path, alone):
    with serving(fail_after=20) as (endpoint, behaviour):
        with pytest.raises(EndpointError):
            make(tmp_path, asking(endpoint))
        behaviour.fail_after = None
        make(tmp_path, asking(endpoint), Sharding(executor=InProcess(), shards=5))
    assert files(tmp_path) == alone.files


def test_a_server_that_refuses_is_one_line_and_keeps_what_was_paid_for(tmp_path, alone):
    with serving(fail_after=25) as (endpoint, behaviour):
        # One request at a time: the answer to another one might come too late to be kept.
        how, sharding = asking(endpoint, 1), Sharding(executor=InProcess(), shards=6)
        with pytest.raises(EndpointError, match="402") as caught:
            make(tmp_path, how, sharding)
        assert "\n" not in str(caught.value)
        (part,) = tmp_path.rglob("*.part")
        with Recording(part) as recording:
            assert len(recording.replies) == len(behaviour.asked) == 25
        behaviour.fail_after = None
        make(tmp_path, how, sharding)
        assert len(behaviour.asked) == len(set(behaviour.asked))
    assert files(tmp_path) == alone.files


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
