"""Work cut into shards: which problem goes into which, and how the shards' results come together.

A problem's shard follows from its id, so neither the order of the problems nor the number of
workers matters. What is done to a problem depends on nothing outside it, so the number of shards
does not matter either: together they give what one process gives.

A task and its result are bytes of JSON: a worker needs no file of the driver's, and may find out
that it runs other code before it reads further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from attrs import field, frozen
from attrs.validators import ge

from fcpref.core.canon import content_id, short
from fcpref.errors import (
    ArtifactError,
    ClusterError,
    CodecError,
    EndpointError,
    FcprefError,
    ModelError,
    PairError,
    ProblemError,
    UsageError,
)

T = TypeVar("T")
PROBLEMS_A_SHARD = 50
_DIGITS = 16
_ERRORS: dict[str, type[FcprefError]] = {
    kind.__name__: kind
    for kind in (
        ArtifactError,
        ClusterError,
        CodecError,
        EndpointError,
        ModelError,
        PairError,
        ProblemError,
        UsageError,
    )
}

Work = Callable[[bytes], bytes]
"""Does a task and returns its result; a function of a module, so that a worker finds it by name."""


class Task(msgspec.Struct, kw_only=True, frozen=True):
    """What a worker is given.

    Attributes:
        code: hash of the driver's source; the worker's must be the same.
        versions: of the libraries that the results depend on; the worker's must be the same.
        settings: how the work is done, as plain data.
        problems: the shard's problems, as plain data.
        records: what else of the shard there is (replies, chains, scored chains), as plain data.
    """

    code: str
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    problems: list[Any] = msgspec.field(default_factory=list)
    records: list[Any] = msgspec.field(default_factory=list)


class Failure(msgspec.Struct, frozen=True):
    """An expected error of a worker: the name of its class, and the message."""

    kind: str
    message: str

    def error(self) -> FcprefError:
        """Return the error as it was."""
        return _ERRORS.get(self.kind, FcprefError)(self.message)


class Result(msgspec.Struct, kw_only=True, frozen=True):
    """What a worker gives back.

    Attributes:
        lines: records of the stage's artifact, each as its canonical bytes.
        labels: one for each line: what the driver orders or counts the lines by.
        replies: replies that were asked for, as plain data.
        reached: job and key of the replies that the chains were made of, known and new ones.
        identity: of the engine that was used.
        failure: why there is no more; the replies that came before are kept.
    """

    lines: list[msgspec.Raw] = msgspec.field(default_factory=list)
    labels: list[str] = msgspec.field(default_factory=list)
    replies: list[Any] = msgspec.field(default_factory=list)
    reached: list[tuple[str, str]] = msgspec.field(default_factory=list)
    identity: dict[str, str] = msgspec.field(default_factory=dict)
    failure: Failure | None = None


class Executor(Protocol):
    """Does tasks, here or elsewhere, several at once or one by one."""

    def run(
        self, work: Work, tasks: Iterable[bytes], *, gpu: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        """Yield each task's number, from 0, and its result, in the order in which they end.

        Tasks are taken from the iterable when there is room for them, no sooner. One that was lost
        is done again; a result may come twice.

        Args:
            work: what to do to a task.
            tasks: what to do it to.
            gpu: each task wants a GPU, where there are any.
        """
        ...


class InProcess:
    """Does the tasks one by one in this process."""

    def run(
        self, work: Work, tasks: Iterable[bytes], *, gpu: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        """See `Executor.run`."""
        del gpu  # a model here takes what it finds
        for number, task in enumerate(tasks):
            yield number, work(task)


@frozen(kw_only=True)
class Sharding:
    """How work is cut up, and who does it.

    Attributes:
        executor: does the tasks.
        shards: how many; 0 is one for each 50 problems.
    """

    executor: Executor
    shards: int = field(default=0, validator=ge(0))

    def count(self, problems: int) -> int:
        """Return the number of shards for so many problems."""
        return self.shards or -(-problems // PROBLEMS_A_SHARD) or 1


def shard_of(problem: str, shards: int) -> int:
    """Return the shard of a problem, from 0.

    Args:
        problem: its id; it is hashed, so that shards are about equally large.
        shards: how many there are, 1 or more.
    """
    return int(short(content_id([problem]), _DIGITS), 16) % shards


def by_shard(items: Iterable[T], problem_of: Callable[[T], str], shards: int) -> dict[int, list[T]]:
    """Return the items of each shard, in their order; a shard without items is left out."""
    found: dict[int, list[T]] = {}
    for item in items:
        found.setdefault(shard_of(problem_of(item), shards), []).append(item)
    return dict(sorted(found.items()))


def gather(
    executor: Executor, work: Work, tasks: Sequence[Callable[[], Task]], *, gpu: bool = False
) -> Iterator[tuple[int, Result]]:
    """Let an executor do the tasks and yield the number and the result of each, each once.

    After a failure no further task is begun, but those under way are waited for: replies that were
    paid for are in their results.

    Args:
        executor: does them.
        work: what to do to a task.
        tasks: each makes its task when it is wanted, so that few are in memory at once.
        gpu: see `Executor.run`.

    Raises:
        FcprefError: the first failure, after all results were yielded.
        ClusterError: results are missing.
    """
    failures: list[Failure] = []
    seen: set[int] = set()

    def wanted() -> Iterator[bytes]:
        for make in tasks:
            if failures:
                return
            yield msgspec.json.encode(make())

    for number, data in executor.run(work, wanted(), gpu=gpu):
        if number in seen:
            continue
        seen.add(number)
        result = msgspec.json.decode(data, type=Result)
        if result.failure is not None:
            failures.append(result.failure)
        yield number, result
    if failures:
        raise failures[0].error()
    if len(seen) < len(tasks):
        raise ClusterError(
            f"{len(tasks) - len(seen)} of {len(tasks)} shards did not come back; run the same "
            "command again to go on"
        )
