"""Stages in shards or in one process, and a server for them to ask."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from attrs import frozen

from fcpref.core.chains import STUDENT, Limits
from fcpref.core.pairs import PairSpec
from fcpref.shell import sharded, stages
from fcpref.shell.engines.base import Sampling
from fcpref.shell.sampling import SamplePlan
from fcpref.shell.solving import Solver, solve
from fcpref.shell.workspace import Workspace
from tests.teacher_server import TeacherHandler, teacher

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
