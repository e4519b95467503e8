"""What a worker does to a shard: sample, score, pair. Each is a function of a task's bytes alone.

Expected errors are part of the result, not raised: what came before them is kept, and no traceback
of a cluster stands between them and the user.
"""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, TypeVar

import msgspec
from attrs import evolve

from fcpref.core.chains import Chain
from fcpref.core.codec import structure, unstructure, value_bytes
from fcpref.core.pairs import PairSpec, candidate, candidates
from fcpref.core.problems import Problem, problem_id
from fcpref.core.scores import ScoredChain
from fcpref.core.tasks import find_task
from fcpref.errors import ClusterError, FcprefError, ModelError
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.progress import SILENT
from fcpref.shell.recording_engine import RecordingEngine
from fcpref.shell.recordings import Recorded
from fcpref.shell.sampling import sample_chains
from fcpref.shell.shards import Failure, Result, Task, Work
from fcpref.shell.solving import Solver, openai_engine
from fcpref.shell.versions import installed
from fcpref.shell.workspace import package_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fcpref.shell.engines.base import Engine

T = TypeVar("T")


class _Origin(msgspec.Struct):
    """What a task was made by."""

    code: str
    versions: dict[str, str] = msgspec.field(default_factory=dict)


class Memory:
    """The replies of one shard, in memory: what is known, and what is new."""

    def __init__(self, known: Iterable[Recorded]) -> None:
        """Begin with what is known."""
        self.replies = {item.place: item for item in known}
        self.new: list[Recorded] = []

    def append(self, recorded: Recorded) -> None:
        """Keep one reply; a place that has one keeps it."""
        if recorded.place not in self.replies:
            self.new.append(recorded)
            self.replies[recorded.place] = recorded


def _work(do: Callable[[Task], Result]) -> Work:
    """Make a function of tasks one of bytes, which refuses what was made by other code."""

    @functools.wraps(do)
    def work(data: bytes) -> bytes:
        try:
            # Another version's task may have another shape, so only this much is read at first.
            _same_code(msgspec.json.decode(data, type=_Origin))
            task = msgspec.json.decode(data, type=Task)
            result = do(task)
        except FcprefError as error:
            result = Result(failure=_failure(error))
        return msgspec.json.encode(result)

    return work


def _same_code(task: _Origin) -> None:
    where = f"worker {socket.gethostname()}"
    if task.code != package_version():
        raise ClusterError(
            f"{where} runs other code of fcpref than this machine; install the same version on all"
            " and start the workers again"
        )
    for name, wanted in task.versions.items():
        if installed(name) != wanted:
            raise ClusterError(
                f"{where} has {name} {installed(name)}, this machine {wanted}; install the same "
                "version on all and start the workers again"
            )


def _live_engine(solver: Solver, problems: Sequence[Problem]) -> Engine:
    if solver.engine == "oracle":
        return OracleEngine(problems, solver.plan)
    if solver.engine == "openai":
        return openai_engine(solver, SILENT.note)
    from fcpref.shell.stages_models import local_engine

    sampling = evolve(solver.sampling, reply_tokens=solver.plan.limits.reply_tokens)
    return local_engine(solver.model or "", sampling, solver.dtype)


@_work
def identify(task: Task) -> Result:
    """Return the identity of a solver's engine; its model is loaded for that."""
    engine = _live_engine(structure(task.settings["solver"], Solver), ())
    return Result(identity=dict(engine.identity))


@_work
def sample(task: Task) -> Result:
    """Solve the shard's problems; settings are ``solver``, ``identity`` and ``record``.

    Records are the replies that are known. Where ``record`` is set, the result has those that were
    asked for, and the places of all that the chains are made of.
    """
    solver = structure(task.settings["solver"], Solver)
    problems = _values(task.problems, Problem)
    engine = _live_engine(solver, problems)
    _expect(task.settings["identity"], dict(engine.identity))
    replies = Memory(_values(task.records, Recorded))
    live = RecordingEngine(engine, replies)
    failure, lines = None, []
    try:
        chains = sample_chains(problems, live if task.settings["record"] else engine, solver.plan)
        lines = [_line(chain) for chain in chains]
    except FcprefError as error:
        failure = _failure(error)
    return Result(
        lines=lines,
        replies=[unstructure(one) for one in replies.new],
        reached=list(live.reached),
        failure=failure,
    )


@_work
def score(task: Task) -> Result:
    """Execute the shard's chains, which are the records, and judge them completely.

    Labels are verdicts.
    """
    problems = {problem_id(one): one for one in _values(task.problems, Problem)}
    lines, labels = [], []
    for chain in _values(task.records, Chain):
        problem = problems[chain.problem]
        judged = find_task(problem.task).measured(chain, problem)
        lines.append(_line(ScoredChain(chain=chain, score=judged)))
        labels.append(judged.verdict.value)
    return Result(lines=lines, labels=labels)


@_work
def pair(task: Task) -> Result:
    """Build the shard's candidates from its scored chains, which are the records.

    Labels are what the draw needs to know of them: it is made from the candidates of all shards.
    """
    spec = structure(task.settings["spec"], PairSpec)
    problems = {problem_id(one): one for one in _values(task.problems, Problem)}
    made = candidates(_values(task.records, ScoredChain), problems, spec)
    labels = [value_bytes(candidate(one)).decode() for one in made]
    return Result(lines=[_line(one) for one in made], labels=labels)


def _expect(wanted: dict[str, str], found: dict[str, str]) -> None:
    differ = [
        f"{name} {found.get(name)!r}, not {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    if differ:
        raise ModelError(
            f"worker {socket.gethostname()} has another {wanted.get('model') or 'model'}: "
            f"{'; '.join(differ)}; give all workers the same model"
        )


def _values(records: list[object], cls: type[T]) -> list[T]:
    return [structure(record, cls) for record in records]


def _line(value: object) -> msgspec.Raw:
    return msgspec.Raw(value_bytes(value))


def _failure(error: FcprefError) -> Failure:
    return Failure(type(error).__name__, str(error))
