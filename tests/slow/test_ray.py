"""A Ray cluster of two workers on this machine: what dies is done again, to the same bytes.

Needs the extra ``ray``, which ``just test-slow`` installs; without it these tests fail.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from attrs import frozen
from ray.cluster_utils import Cluster

from fcpref.shell import sharded, stages
from fcpref.shell.ray_cluster import RayExecutor
from fcpref.shell.recording_files import read_part
from fcpref.shell.shards import Sharding
from fcpref.shell.store import read_artifact
from fcpref.shell.workspace import Workspace
from tests.sharded_stages import asking, files, make, solver
from tests.teacher_server import KEY
from tests.tiny_model import byte_tokenizer, save_tiny

ROOT = Path(__file__).parents[2]
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
WAIT = 120


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FCPREF_API_KEY", KEY)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def cluster(environment):  # noqa: ARG001 - workers inherit the environment that they start in
    made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    try:
        made.workers = [made.add_node(**NODE) for _ in range(2)]
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


@frozen
class Server:
    endpoint: str

    def asked(self):
        """Return the requests that were answered, and the keys that came."""
        with urllib.request.urlopen(f"{self.endpoint}/asked") as answer:  # noqa: S310 - ours
            found = json.load(answer)
        return found["asked"], found["keys"]


@contextmanager
def teaching(*arguments):
    command = [sys.executable, "-m", "tests.teacher_server", *map(str, arguments)]
    server = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Server(f"http://127.0.0.1:{int(server.stdout.readline())}/v1")
    finally:
        server.stdin.close()
        server.wait()


def until(condition):
    """Wait until something holds, and return it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(condition)


def at_work(parent, name="ray::sample"):
    """Return the processes of a node's workers that are doing a task now."""
    return [
        process
        for process in psutil.Process(parent).children(recursive=True)
        if _title(process).startswith(name)
    ]


def _title(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def kill_worker(cluster):
    """Kill a worker's process by SIGKILL as soon as one works."""
    (process, *_) = until(lambda: at_work(os.getpid()))
    process.send_signal(signal.SIGKILL)
    return cluster


def kill_node(cluster):
    """Kill a whole node as soon as one of its workers works."""
    raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.workers]
    number = until(lambda: [n for n, pid in enumerate(raylets) if at_work(pid)])[0]
    cluster.remove_node(cluster.workers[number], allow_graceful=False)
    return cluster


def in_shards(folder, how, cluster, shards, kill, ready=lambda: True):
    """Make everything on the cluster, and kill when it is ready."""
    killed = []

    def killing():
        until(ready)
        killed.append(kill(cluster))

    killer = threading.Thread(target=killing)
    killer.start()
    with RayExecutor(cluster.address) as executor:
        made = make(folder, how, Sharding(executor=executor, shards=shards))
    killer.join()
    assert killed
    return made


@pytest.mark.parametrize("kill", [kill_worker, kill_node])
def test_a_worker_that_is_killed_changes_no_byte(tmp_path, cluster, kill):
    with teaching(0.15) as server:
        how = asking(server.endpoint)
        alone = make(tmp_path / "alone", how)
        first = set(server.asked()[0])
        alone_asked = len(server.asked()[0])
        in_shards(
            tmp_path / "ray",
            how,
            cluster,
            shards=6,
            kill=kill,
            ready=lambda: len(server.asked()[0]) > alone_asked + 10,
        )
        asked, keys = server.asked()

    assert files(tmp_path / "ray") == alone.files
    assert set(asked) == first
    # What the killed workers had been told is asked again, which is nothing where they had just
    # begun; what the others did is not.
    assert 2 * len(first) <= len(asked) < 3 * len(first)
    assert keys == [f"Bearer {KEY}"]
    assert_key_is_nowhere(cluster)


def assert_key_is_nowhere(cluster):
    for path in Path(cluster.head_node.get_session_dir_path()).rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("kill", [kill_worker, kill_node])
def test_the_oracle_too(tmp_path, cluster, kill, monkeypatch):
    monkeypatch.setattr("tests.sharded_stages.PROBLEMS", 600)
    alone = make(tmp_path / "alone", solver())
    in_shards(tmp_path / "ray", solver(), cluster, shards=8, kill=kill)

    assert files(tmp_path / "ray") == alone.files


def command(folder, *arguments):
    code = "from fcpref.cli import main; main()"
    return [sys.executable, "-c", code, "--artifacts", str(folder), *map(str, arguments), "--quiet"]


def run(folder, *arguments):
    return subprocess.run(
        command(folder, *arguments), cwd=folder, check=False, capture_output=True, text=True
    )


def problems_in(folder):
    return stages.make_problems(Workspace(folder), "math.word", "train", 12)


def solving(problems, server, *more):
    options = ["--engine", "openai", "--endpoint", server.endpoint, "--model", "teacher"]
    return ["chains", problems.path, *options, "--samples", 2, "--calls", 6, *more]


def replies_in(part) -> int:
    """Return how many replies are recorded; the header's line is none."""
    return len(read_part(part)[1])


def test_a_driver_that_is_killed_asks_for_the_missing_shards_only(tmp_path, cluster):
    problems = problems_in(tmp_path / "ray")
    on_ray = ["--ray", cluster.address, "--shards", 8]
    with teaching(0.1) as server:
        doing = solving(problems, server, *on_ray)
        driver = subprocess.Popen(command(tmp_path / "ray", *doing), cwd=tmp_path)
        part = until(lambda: [p for p in tmp_path.rglob("*.part") if replies_in(p)])[0]
        driver.kill()
        driver.wait()
        kept = replies_in(part)
        until(lambda: not at_work(os.getpid()))
        before = len(server.asked()[0])
        again = run(tmp_path / "ray", *doing)
        asked = server.asked()[0]
        problems_in(tmp_path / "alone")
        run(tmp_path / "alone", *solving(problems, server))

    assert (again.returncode, again.stderr) == (0, "")
    recording = read_artifact(next((tmp_path / "ray").rglob("recording/*.jsonl*")))
    assert 0 < kept < recording.header.count
    assert len(asked) - before == recording.header.count - kept
    assert files(tmp_path / "ray") == files(tmp_path / "alone")


def test_a_node_that_dies_is_not_told_of_on_standard_output(tmp_path, cluster):
    problems = stages.make_problems(Workspace(tmp_path), "fol.deduction", "train", 600)
    doing = ["chains", problems.path, "--ray", cluster.address, "--json"]
    driver = subprocess.Popen(
        command(tmp_path, *doing), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    kill_node(cluster)

    assert json.loads(driver.communicate()[0])["count"] == 600
    assert driver.returncode == 0


def test_a_server_that_refuses_is_one_line_on_the_terminal(tmp_path, cluster):
    problems = problems_in(tmp_path)
    with teaching(0.01, 30) as server:
        done = run(tmp_path, *solving(problems, server, "--ray", cluster.address))
        answered = len(server.asked()[0])
        (part,) = tmp_path.rglob("*.part")

    assert done.returncode == 2
    assert done.stderr.startswith(f"fcpref: {server.endpoint} ")
    assert "402" in done.stderr
    assert done.stderr.count("\n") == 1
    assert 0 < replies_in(part) <= answered


def test_a_model_that_no_worker_has_is_one_line_on_the_terminal(tmp_path, cluster):
    problems = problems_in(tmp_path)
    engine = ["--engine", "transformers", "--model", f"path:{tmp_path / 'nothing'}"]
    done = run(tmp_path, "chains", problems.path, *engine, "--ray", cluster.address)

    assert done.returncode == 2
    assert done.stderr.startswith("fcpref: ")
    assert "nothing" in done.stderr
    assert done.stderr.count("\n") == 1


@contextmanager
def workers_with(path):
    """Start a cluster whose worker imports from other folders than this process."""
    made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", path)
            made.add_node(**NODE)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def test_a_worker_with_other_code_refuses(tmp_path):
    shutil.copytree(ROOT / "fcpref", tmp_path / "other" / "fcpref")
    with (tmp_path / "other" / "fcpref" / "shell" / "sampling.py").open("a") as file:
        file.write("# changed\n")
    problems = problems_in(tmp_path)
    path = os.pathsep.join([str(tmp_path / "other"), os.environ.get("PYTHONPATH", "")])
    with workers_with(path) as cluster:
        done = run(tmp_path, "chains", problems.path, "--ray", cluster.address)

    assert done.returncode == 2
    assert "runs other code of fcpref than this machine; install the same version" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_worker_that_cannot_import_the_package_is_one_line(tmp_path):
    (tmp_path / "other" / "fcpref").mkdir(parents=True)
    (tmp_path / "other" / "fcpref" / "__init__.py").write_text("")
    problems = problems_in(tmp_path)
    path = os.pathsep.join([str(tmp_path / "other"), os.environ.get("PYTHONPATH", "")])
    with workers_with(path) as cluster:
        done = run(tmp_path, "chains", problems.path, "--ray", cluster.address)

    assert done.returncode == 2
    assert "a worker cannot import fcpref (ModuleNotFoundError: No module named" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_local_cluster_is_started_and_stopped_by_the_command(tmp_path):
    problems = problems_in(tmp_path / "ray")
    problems_in(tmp_path / "alone")
    alone = run(tmp_path / "alone", "chains", problems.path)
    done = run(tmp_path / "ray", "chains", problems.path, "--ray", "local", "--shards", 3)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.replace("ray", "alone") == alone.stdout
    assert files(tmp_path / "ray") == files(tmp_path / "alone")


def test_a_cluster_that_is_not_there_is_one_line(tmp_path):
    problems = problems_in(tmp_path)
    done = run(tmp_path, "chains", problems.path, "--ray", "127.0.0.1:9")

    assert done.returncode == 2
    assert done.stderr.startswith("fcpref: Ray cluster 127.0.0.1:9: cannot be joined (")
    assert done.stderr.count("\n") == 1


def test_a_local_model_is_found_by_each_worker(tmp_path, cluster):
    save_tiny(tmp_path / "tiny", byte_tokenizer())
    how = solver("transformers", model=f"path:{tmp_path / 'tiny'}")
    alone = make(tmp_path / "alone", how)
    with RayExecutor(cluster.address) as executor:
        sharding = Sharding(executor=executor, shards=3)
        workspace = Workspace(tmp_path / "ray")
        problems = stages.make_problems(workspace, "math.word", "train", 9)
        chains = sharded.solve(workspace, problems, how, sharding)

    assert chains.header.spec["identity"] == alone.chains.header.spec["identity"]
    assert chains.header.count == alone.chains.header.count
